"""Who is asking, for the endpoints on Django REST framework."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from authserver.models import Client
from authserver.services import clients


class RegistrationToken(BaseAuthentication):
    """A client's own registration access token as bearer, for the client named in the path (RFC 7592 §2)."""

    def authenticate(self, request: Request) -> tuple[Client, None]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        client = None
        if scheme.lower() == "bearer":
            client = clients.of_registration_token(request.parser_context["kwargs"]["client_id"], token.strip())
        if client is None:
            raise AuthenticationFailed("Send the registration access token of this client as a bearer.")
        return client, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer error="invalid_token"'
