"""What oauthlib asks while it checks a request; each answer is a service's or a rule's."""

from typing import Any

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request

from authserver import policy
from authserver.models import Client
from authserver.protocol import assertions as assertion_rules
from authserver.protocol import client_ids, credentials, redirects, scopes
from authserver.protocol.errors import Refusal, invalid_client, invalid_grant
from authserver.services import assertions, catalog, clients, connections
from authserver.toolkit.server import RefusedError
from handles import access

GRANT_TYPES = ("authorization_code", "refresh_token")


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
        """Return the code's own redirect URI at the token endpoint (OAuth 2.1 drops the parameter there), else the
        client's only one (RFC 6749 §3.1.2.3)."""
        taken = getattr(request, "taken", None)
        if taken is not None:
            return taken.redirect_uri
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
        """Set `request.client`. A secret may come by header or form; two that differ are refused (RFC 6749 §2.3)."""
        basic = credentials.of_basic(request.headers.get("Authorization", ""))
        client_id, secret = request.client_id, request.client_secret or None
        if getattr(request, "client_assertion", None):
            return self.authenticate_signer(request, alone=not (basic or secret))
        if basic:
            if client_ids.is_address(basic[0]):  # a document cannot have a secret, and its colon breaks the header
                raise RefusedError(invalid_client("client:basic_for_document"))
            if (client_id and client_id != basic[0]) or (secret and secret != basic[1]):
                raise RefusedError(invalid_client("client:two_authentications"))
            client_id, secret = basic[0], basic[1] or None
        return self.let_in(request, clients.authenticate(client_id, secret, now=timezone.now()), is_proven=bool(secret))

    def authenticate_signer(self, request: Request, *, alone: bool) -> bool:
        """Set `request.client` by the assertion it signed, which must be its only proof (RFC 7521 §4.2)."""
        if not alone:
            raise RefusedError(invalid_client("client:two_authentications"))
        if getattr(request, "client_assertion_type", None) != assertion_rules.TYPE:
            raise RefusedError(invalid_client("assertion:type"))
        found = assertions.authenticate(request.client_id, request.client_assertion, now=timezone.now())
        # One that may come without proof may have been let in because its keys could not be had.
        return self.let_in(request, found, is_proven=isinstance(found, Client) and not found.also_public)

    def let_in(self, request: Request, found: Client | Refusal, *, is_proven: bool) -> bool:
        """Set `request.client`; `is_proven` says that it showed a secret or key of its own."""
        if isinstance(found, Refusal):
            raise RefusedError(found)
        request.client, request.client_id, request.is_proven = found, found.client_id, is_proven
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type in GRANT_TYPES

    # --- Code

    def validate_code(
        self, client_id: str, code: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        taken = connections.take_code(code, client=client, now=timezone.now())
        if isinstance(taken, Refusal):
            raise RefusedError(taken)
        if request.redirect_uri and request.redirect_uri != taken.redirect_uri:
            raise RefusedError(invalid_grant("code:redirect_mismatch"))
        request.taken, request.user, request.scopes = taken, taken.connection.user, taken.scopes.split()
        return True

    def get_code_challenge(self, code: str, request: Request) -> str:
        return request.taken.code_challenge

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        return "S256"

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Client, *args: Any, **kwargs: Any
    ) -> bool:
        return True  # `validate_code` did, with the error that RFC 6749 §5.2 names

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """`connections.redeem` did, in the statement that issued the pair."""

    # --- Refresh

    def validate_refresh_token(
        self, refresh_token: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        if not credentials.is_well_formed(refresh_token, policy.REFRESH_TOKEN_PREFIX):
            raise RefusedError(invalid_grant("refresh:malformed"))
        taken = connections.take_refresh_token(
            refresh_token, client=client, now=timezone.now(), is_proven=request.is_proven
        )
        if isinstance(taken, Refusal):
            raise RefusedError(taken)
        request.taken, request.user = taken, taken.connection.user
        return True

    def get_original_scopes(self, refresh_token: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        """Return what the person allowed, as far as the role reaches today. The connection is the measure, so a
        refresh that asked for less takes nothing away from the next one (RFC 6749 §6)."""
        connection = request.taken.connection
        role = access.role_in(connection.handle, connection.user)
        return scopes.allowed_to(role, connection.scope_list, catalog.current())

    def is_within_original_scope(
        self, request_scopes: list[str], refresh_token: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Narrow instead of refusing where a client repeats scopes that its connection no longer has."""
        kept = [name for name in self.get_original_scopes(refresh_token, request) if name in request_scopes]
        request.scopes = kept
        return bool(kept)

    def save_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """`ConnectionTokens` issued and stored it."""

    # --- Revocation

    def revoke_token(self, token: str, token_type_hint: str, request: Request, *args: Any, **kwargs: Any) -> None:
        connections.revoke_by_token(token, client=request.client, now=timezone.now())

    def is_origin_allowed(self, client_id: str, origin: str, request: Request, *args: Any, **kwargs: Any) -> bool:
        return False  # CORS is the view's: one answer for every origin, without credentials
