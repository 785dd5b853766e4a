"""What oauthlib asks while it checks a request; each answer is a service's or a rule's."""

from typing import Any

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request

from authserver.models import Client
from authserver.protocol import redirects, scopes
from authserver.protocol.connections import token_requests
from authserver.protocol.errors import Refusal
from authserver.protocol.parameters import Parameters
from authserver.services import catalog, client_proofs, clients, connections
from authserver.toolkit.errors import RefusedError


class Validator(OAuth2Validator):
    """django-oauth-toolkit's validator with every decision about rows replaced."""

    # --- Authorization request

    def validate_client_id(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> bool:
        request.client = clients.find(client_id)
        return request.client is not None and request.client.is_usable(request)

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Match exactly, loopback with any port. The rules are asked again, since they may be stricter today than at
        registration."""
        return redirects.problem_with(redirect_uri) is None and redirects.is_registered(
            redirect_uri, request.client.redirect_uri_list
        )

    def get_default_redirect_uri(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> str | None:
        """Return the client's only one (RFC 6749 §3.1.2.3)."""
        registered = request.client.redirect_uri_list
        return registered[0] if len(registered) == 1 and redirects.problem_with(registered[0]) is None else None

    def validate_response_type(
        self, client_id: str, response_type: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        if response_type != "code":
            sentence = "Only response_type code is supported."
            raise RefusedError(Refusal("unsupported_response_type", sentence, "authorize:response_type"), request)
        return True

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        return scopes.asked("", catalog.current(), request.target.scopes)

    def validate_scopes(
        self, client_id: str, scopes_: list[str], client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Narrow to what exists here; refuse only where nothing known remains. What a client registered as its
        `scope` is no ceiling: it could not know then what it would need."""
        request.scopes = scopes.asked(" ".join(scopes_), catalog.current(), request.target.scopes)
        return bool(request.scopes)

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        return True

    # --- Client authentication

    def client_authentication_required(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        return True  # public clients too: `authenticate_client` knows who has a secret

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Set `request.client`, by the same rules as at the token endpoint."""
        values = {name: (value,) for name, value in request.decoded_body}
        proof = token_requests.proof_of(Parameters(values), request.headers.get("Authorization", ""))
        caller = proof if isinstance(proof, Refusal) else client_proofs.let_in(proof, now=timezone.now())
        if isinstance(caller, Refusal):
            raise RefusedError(caller)
        request.client, request.client_id = caller.client, caller.client.client_id
        return True

    # --- Revocation

    def revoke_token(self, token: str, token_type_hint: str, request: Request, *args: Any, **kwargs: Any) -> None:
        connections.revoke_by_token(token, client=request.client, now=timezone.now())

    def is_origin_allowed(self, client_id: str, origin: str, request: Request, *args: Any, **kwargs: Any) -> bool:
        return False  # CORS is the view's: one answer for every origin, without credentials
