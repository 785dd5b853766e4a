"""The description of the API (OpenAPI 3.1), made from the code that answers; and what is public beside it."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api import shapes
from authserver.api.callers import scope_needed
from authserver.api.door import Door, StrictJson
from authserver.api.examples import EXAMPLES
from authserver.protocol.control import cursors, problems
from authserver.protocol.control.problems import MEDIA_TYPE, Problem
from authserver.throttles import PublicThrottle

EVERYWHERE = (400, 429, 500)
SIGNED_IN = (401, 403)
WITH_BODY = (413, 415)
SESSION, TOKEN = "session", "personalAccessToken"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "authserver.api.callers.TokenCaller"
    name = TOKEN

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "pat_…"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "authserver.api.callers.SessionCaller"
    name = SESSION
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        told = "A person signed in. What changes something carries X-CSRFToken too (`csrf_token` of /api/v1/me)."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": told}


class Schema(AutoSchema):
    """Adds to each operation the scope that a token needs, and the problems it may answer with."""

    def get_auth(self) -> list[dict[str, Any]]:
        needed = scope_needed(self.view, self.method)
        found = super().get_auth()
        return [{TOKEN: [needed.value]} if needed and TOKEN in each else each for each in found]

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[2] if parts[0] == "handles" and len(parts) > 2 else parts[0]]

    def _get_serializer_name(self, serializer: Any, *args: Any, **kwargs: Any) -> str:
        return super()._get_serializer_name(serializer, *args, **kwargs).removesuffix("Shape")

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = super()._get_response_bodies(*args, **kwargs)
        statuses = {*EVERYWHERE, *self._further_statuses()}
        told = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}
        return found | told

    def _further_statuses(self) -> set[int]:
        found = {*SIGNED_IN} if self.view.authentication_classes else set()
        changes = self.method not in ("GET", "HEAD")
        found |= {404} if "{" in self.path else set()
        found |= {*WITH_BODY} if self.method in ("POST", "PUT", "PATCH") and self.get_request_serializer() else set()
        return found | ({409} if changes else set())


def finish(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Complete what was generated: problems, examples, the form of a handle, objects without further members."""
    components = result["components"]
    for name, schema in components["schemas"].items():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for member in schema.get("properties", {}).values():
            member.pop("x-spec-enum-id", None)  # a note of the generator's to itself
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
    components["responses"] = {f"Problem{status}": _problems_of(status) for status in STATUSES}
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] |= HANDLE if parameter["in"] == "path" and parameter["name"] == "handle" else {}
    return result


HANDLE = {"pattern": cursors.SLUG, "examples": ["acme"]}
STATUSES = sorted({kind.status for kind in problems.Kind} - {405})
TOLD_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    429: {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "required": True}},
}


def _problems_of(status: int) -> dict[str, Any]:
    """Return the response of every operation that may answer with this status."""
    kinds = [kind for kind in problems.Kind if kind.status == status]
    bodies = {kind.slug: Problem(kind).body(issuer=settings.ISSUER, instance=INSTANCE) for kind in kinds}
    schema = {"$ref": "#/components/schemas/Problem"}
    examples = {slug: {"value": body} for slug, body in bodies.items()}
    found: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    return found | ({"headers": TOLD_HEADERS[status]} if status in TOLD_HEADERS else {})


INSTANCE = "6297994a-1a93-4186-89e6-678cd7a97a93"


@cache
def described() -> dict[str, Any]:
    """Return the description. It depends on the code and the settings alone, so it is made once."""
    return SchemaGenerator(urlconf="authserver.urls").get_schema(request=None, public=True)


class OpenApiView(Door):
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    throttle_classes = [PublicThrottle]
    parser_classes = [StrictJson]

    @extend_schema(operation_id="get_openapi", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """This description."""
        return Response(described())


class ProblemsView(Door):
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    throttle_classes = [PublicThrottle]
    parser_classes = [StrictJson]

    @extend_schema(
        operation_id="list_problems",
        responses={200: shapes.ProblemKindShape(many=True), "default": shapes.ProblemShape},
    )
    def get(self, request: Request) -> Response:
        """List every kind of problem that the API answers with."""
        return Response(problems.catalog(issuer=settings.ISSUER))


class NothingHere(Door):
    """Every other address under /api: nothing is there, whoever asks and however."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    throttle_classes = [PublicThrottle]
    parser_classes = [StrictJson]
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
