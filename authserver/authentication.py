"""Who is asking: holders of tokens, at the endpoints on Django REST framework; resource servers, at theirs."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from authserver.models import Client, ResourceServer
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import clients, resource_servers
from authserver.services.registration import initial_access

CLIENT_CHALLENGE = 'Basic realm="gatehouse"'
RESOURCE_SERVER_CHALLENGE = 'Basic realm="resource servers"'


def resource_server_of(request: HttpRequest) -> ResourceServer | Refusal:
    """Return the resource server that proved itself by Basic, or invalid_client (RFC 7662 §2.1)."""
    pair = credentials.of_basic(request.headers.get("Authorization", ""))
    if pair is None:
        return invalid_client("resource_server:no_credentials")
    return resource_servers.authenticate(*pair)


def bearer_of(request: Request) -> str | None:
    """Return the bearer of a request, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class MayRegister(BasePermission):
    """Registration as settings.REGISTRATION has it: open, for holders of an initial access token, or closed."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if settings.REGISTRATION == "open":
            return True
        if settings.REGISTRATION == "closed":
            raise PermissionDenied
        if not initial_access.is_good(bearer_of(request) or "", now=timezone.now()):
            raise NotAuthenticated
        return True


class RegistrationToken(BaseAuthentication):
    """A client's own registration access token as bearer, for the client named in the path (RFC 7592 §2)."""

    def authenticate(self, request: Request) -> tuple[Client, None]:
        token = bearer_of(request)
        client_id = request.parser_context["kwargs"]["client_id"]
        client = clients.of_registration_token(client_id, token) if token else None
        if client is None:
            raise AuthenticationFailed
        return client, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer error="invalid_token"'
