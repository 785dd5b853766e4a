"""Client registration (RFC 7591) and its management (RFC 7592)."""

from math import ceil
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, NotAuthenticated, ParseError, Throttled
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authserver import policy, throttles
from authserver.authentication import MayRegister, RegistrationToken
from authserver.models import Client
from authserver.protocol import client_metadata
from authserver.protocol.client_metadata import NOT_JSON, ClientMetadata
from authserver.protocol.errors import Refusal, Refused
from authserver.services import catalog, clients, registration
from authserver.services.moving import issuers
from authserver.services.registration import Registered
from authserver.services.trace import clients as trace
from authserver.services.trace import error_uri
from authserver.telemetry import refusals
from authserver.throttles import TOO_MANY_REGISTRATIONS, RegistrationThrottle
from authserver.views.responses import cors


class MetadataParser(BaseParser):
    """Reads a JSON body whatever content type it claims; some clients name none. Size and depth are bounded."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> object:
        body = client_metadata.decoded(stream.read(policy.REGISTRATION_BODY_BYTES_MAX + 1))
        if isinstance(body, Refusal):
            raise ParseError(body.reason)
        return body


class AlwaysJson(DefaultContentNegotiation):
    """Answers JSON whatever is accepted: the protocol has no other form."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def _described(registered: Registered, *, scope: str = "") -> dict[str, Any]:
    return registration.describe(registered, issuer=issuers.current(), catalog=catalog.current(), scope=scope)


def _refused(refusal: Refusal, request: Request, *, client_id: str = "") -> Response:
    refusals.told(refusal)
    trace.registration_refused(refusal.reason, body=request.data, client_id=client_id)
    return _answer(refusal.body() | {"error_uri": error_uri()}, status=400)


def _answer(body: dict[str, Any], *, status: int = 200) -> Response:
    return Response(body, status=status, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


class RegistrationView(APIView):
    authentication_classes: list[type] = []
    permission_classes = [MayRegister]
    throttle_classes = [RegistrationThrottle]
    parser_classes = [MetadataParser]
    content_negotiation_class = AlwaysJson

    def post(self, request: Request) -> Response:
        """Register a client. Obeys: RFC 7591 §3.1, §3.2."""
        metadata = _metadata_of(request)
        if isinstance(metadata, Refusal):
            return _refused(metadata, request)
        of_product = throttles.admit_of_product(metadata)
        if not of_product.count:
            raise Throttled(of_product.wait_seconds)
        registered = registration.register(metadata)
        trace.registered(metadata, registered.client.client_id)
        return _answer(_described(registered, scope=metadata.scope), status=201)

    def handle_exception(self, exc: Exception) -> Response:
        return _error_answer(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        return throttles.told_by(request, super().finalize_response(request, response, *args, **kwargs))


class ManagementView(APIView):
    authentication_classes = [RegistrationToken]
    permission_classes = [AllowAny]
    throttle_classes = [RegistrationThrottle]
    parser_classes = [MetadataParser]
    content_negotiation_class = AlwaysJson

    def get(self, request: Request, client_id: str) -> Response:
        """Obeys: RFC 7592 §2.1."""
        return _answer(_described(Registered(request.user, tuple(request.user.redirect_uri_list))))

    def put(self, request: Request, client_id: str) -> Response:
        """Replace the metadata, for example to add a callback. Obeys: RFC 7592 §2.2."""
        wrong = _forbidden_member(request.data, request.user)
        metadata = wrong or _metadata_of(request)
        if isinstance(metadata, Refusal):
            return _refused(metadata, request, client_id=client_id)
        return _answer(_described(registration.update(request.user, metadata), scope=metadata.scope))

    def delete(self, request: Request, client_id: str) -> Response:
        """Obeys: RFC 7592 §2.3."""
        registration.delete(request.user, now=timezone.now())
        return Response(status=204, headers={"Cache-Control": "no-store"})

    def handle_exception(self, exc: Exception) -> Response:
        return _error_answer(exc, client_id=self.kwargs["client_id"])

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        return throttles.told_by(request, super().finalize_response(request, response, *args, **kwargs))


def _metadata_of(request: Request) -> ClientMetadata | Refusal:
    return client_metadata.parse(request.data, any_port=settings.INSECURE_CIMD_ALLOW_LOOPBACK)


SERVER_OWNED = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


def _forbidden_member(body: object, client: Client) -> Refusal | None:
    """Return the refusal for members that RFC 7592 §2.2 keeps out of an update, or None."""
    if not isinstance(body, dict):
        return None
    if body.get("client_id") != client.client_id:
        return Refusal("invalid_client_metadata", "client_id must be the one of this client.", "update:client_id")
    if any(name in body for name in SERVER_OWNED):
        return Refusal("invalid_client_metadata", "The body names a member that the server owns.", "update:owned")
    secret = body.get("client_secret")
    if secret is not None and isinstance(
        clients.authenticate(client.client_id, str(secret), now=timezone.now()), Refusal
    ):
        return Refusal("invalid_client_metadata", "client_secret is not the one of this client.", "update:secret")
    return None


ERRORS = {
    401: ("invalid_token", "Send the registration access token of this client, or an initial access token, as bearer."),
    403: ("access_denied", "Clients are registered by the administrators of this server only."),
    405: ("invalid_request", "This endpoint does not know the method."),
    429: (TOO_MANY_REGISTRATIONS.code, TOO_MANY_REGISTRATIONS.description),
}


REASONS = {
    401: "registration:token",
    403: "registration:closed",
    405: "request:method",
    429: TOO_MANY_REGISTRATIONS.reason,
}


def _error_answer(error: Exception, *, client_id: str = "") -> Response:
    """Answer framework errors (throttled, unreadable, unauthenticated) in the RFC's form."""
    if isinstance(error, Refused):
        error = NotAuthenticated()
    if not isinstance(error, APIException):
        raise error
    status = 401 if isinstance(error, NotAuthenticated) else error.status_code
    code, description = ERRORS.get(status, (NOT_JSON.code, NOT_JSON.description))
    trace.registration_refused(REASONS.get(status, NOT_JSON.reason), client_id=client_id)
    told = {"error": code, "error_description": description, "error_uri": error_uri()}
    response = _answer(told, status=status)
    if isinstance(error, Throttled):
        response["Retry-After"] = str(ceil(error.wait or 1))
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    response.exception = True
    return response


@csrf_exempt
@cors("POST")
def register(request: HttpRequest) -> HttpResponse:
    return RegistrationView.as_view()(request)


@csrf_exempt
@cors("GET", "PUT", "DELETE")
def manage(request: HttpRequest, client_id: str) -> HttpResponse:
    return ManagementView.as_view()(request, client_id=client_id)
