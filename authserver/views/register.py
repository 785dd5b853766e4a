"""Client registration (RFC 7591) and its management (RFC 7592)."""

import json
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

from authserver import policy
from authserver.authentication import MayRegister, RegistrationToken
from authserver.models import Client
from authserver.protocol import client_metadata, scopes
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal, Refused
from authserver.services import catalog, clients, registration
from authserver.throttles import ProductThrottle, RegistrationThrottle
from authserver.views.responses import cors


class MetadataParser(BaseParser):
    """Reads a JSON body whatever content type it claims; some clients name none. Size and depth are bounded."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> object:
        raw = stream.read(policy.REGISTRATION_BODY_BYTES_MAX + 1)
        if len(raw) > policy.REGISTRATION_BODY_BYTES_MAX:
            raise ParseError("The body is too large.")
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON.") from error


class AlwaysJson(DefaultContentNegotiation):
    """Answers JSON whatever is accepted: the protocol has no other form."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


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
            return _answer(metadata.body(), status=400)
        of_product = ProductThrottle(metadata)
        if metadata.auth_method != "none" and not of_product.allow_request(request, self):
            raise Throttled(of_product.wait())
        registered = registration.register(metadata)
        return _answer(describe(registered, scope=metadata.scope), status=201)

    def handle_exception(self, exc: Exception) -> Response:
        return _error_answer(exc)


class ManagementView(APIView):
    authentication_classes = [RegistrationToken]
    permission_classes = [AllowAny]
    throttle_classes = [RegistrationThrottle]
    parser_classes = [MetadataParser]
    content_negotiation_class = AlwaysJson

    def get(self, request: Request, client_id: str) -> Response:
        """Obeys: RFC 7592 §2.1."""
        return _answer(describe(registration.Registered(request.user, tuple(request.user.redirect_uri_list))))

    def put(self, request: Request, client_id: str) -> Response:
        """Replace the metadata, for example to add a callback. Obeys: RFC 7592 §2.2."""
        wrong = _forbidden_member(request.data, request.user)
        metadata = wrong or _metadata_of(request)
        if isinstance(metadata, Refusal):
            return _answer(metadata.body(), status=400)
        return _answer(describe(registration.update(request.user, metadata), scope=metadata.scope))

    def delete(self, request: Request, client_id: str) -> Response:
        """Obeys: RFC 7592 §2.3."""
        registration.delete(request.user, now=timezone.now())
        return Response(status=204, headers={"Cache-Control": "no-store"})

    def handle_exception(self, exc: Exception) -> Response:
        return _error_answer(exc)


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


def describe(registered: registration.Registered, *, scope: str = "") -> dict[str, Any]:
    """Return the client information response: what was registered, which may be less than was sent.

    Obeys: RFC 7591 §3.2.1 (every registered member is told; `client_secret_expires_at` with a secret), RFC 7592 §3.
    """
    client = registered.client
    body: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        "client_name": client.name,
        "redirect_uris": list(registered.redirect_uris),
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": ["authorization_code", "refresh_token"] if client.may_refresh else ["authorization_code"],
        "response_types": ["code"],
        "scope": _told_scope(scope),
    }
    told = {
        "client_uri": client.website_url,
        "policy_uri": client.policy_url,
        "tos_uri": client.terms_url,
        "software_id": client.software_id,
        "software_version": client.software_version,
        "jwks_uri": client.jwks_uri,
        "jwks": client.jwks if client.signs and not client.jwks_uri else None,
    }
    body |= {name: value for name, value in told.items() if value}
    if registered.secret:
        body |= {"client_secret": registered.secret, "client_secret_expires_at": 0}
    if registered.registration_token or client.registration_token_digest:
        body["registration_client_uri"] = f"{settings.ISSUER}/oauth/register/{client.client_id}"
    if registered.registration_token:
        body["registration_access_token"] = registered.registration_token
    return body


def _told_scope(scope: str) -> str:
    """Return what of the named scopes exists here, or the default ones. It is told, not kept: it limits nothing."""
    known = catalog.current()
    return " ".join(scopes.asked(scope, known, frozenset()) or scopes.asked("", known, frozenset()))


ERRORS = {
    401: ("invalid_token", "Send the registration access token of this client, or an initial access token, as bearer."),
    403: ("access_denied", "Clients are registered by the administrators of this server only."),
    405: ("invalid_request", "This endpoint does not know the method."),
    429: ("too_many_requests", "Too many registrations came from this address. Wait, then try again."),
}


def _error_answer(error: Exception) -> Response:
    """Answer framework errors (throttled, unreadable, unauthenticated) in the RFC's form."""
    if isinstance(error, Refused):
        error = NotAuthenticated()
    if not isinstance(error, APIException):
        raise error
    status = 401 if isinstance(error, NotAuthenticated) else error.status_code
    code, description = ERRORS.get(status, ("invalid_client_metadata", "The body is not JSON, or is too large."))
    response = _answer({"error": code, "error_description": description}, status=status)
    if isinstance(error, Throttled):
        response["Retry-After"] = str(int(error.wait or 1))
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
