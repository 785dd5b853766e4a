"""What oauthlib reads for us: requests for an authorization code with PKCE S256. Nothing else is composed, so nothing
else can be asked for (no implicit, password, client credentials, device)."""

import re
from typing import Any

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.endpoints import AuthorizationEndpoint, RevocationEndpoint
from oauthlib.oauth2.rfc6749.errors import OAuth2Error
from oauthlib.oauth2.rfc6749.grant_types import AuthorizationCodeGrant
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256
from oauthlib.oauth2.rfc6749.tokens import BearerToken

from authserver.protocol import resources
from authserver.protocol.errors import Refusal, Refused, invalid_target
from authserver.services import catalog
from authserver.toolkit.errors import RefusedError, refusal_of

S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636 §4.2: base64url of 32 bytes
# Parameters of extensions that we do not serve; passing over them would change what the client asked for.
UNSUPPORTED = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}


class S256Grant(AuthorizationCodeGrant):
    """The code grant with S256 as its only PKCE method (OAuth 2.1; `plain` proves nothing)."""

    _code_challenge_methods = {"S256": code_challenge_method_s256}


def _invalid_request(description: str, reason: str, request: Request) -> RefusedError:
    return RefusedError(Refusal("invalid_request", description, reason), request)


def check_extensions(request: Request) -> dict[str, Any]:
    """Refuse what would be passed over silently: other response modes, request objects, a challenge of a wrong form."""
    for name, code in UNSUPPORTED.items():
        if getattr(request, name, None):
            refusal = Refusal(code, f"The parameter {name} is not supported.", f"authorize:{name}")
            raise RefusedError(refusal, request)
    if getattr(request, "response_mode", None) not in (None, "query"):
        raise _invalid_request("Only response_mode query is supported.", "authorize:response_mode", request)
    if request.code_challenge and not S256_CHALLENGE.fullmatch(request.code_challenge):
        raise _invalid_request("code_challenge is not a base64url SHA-256.", "authorize:challenge", request)
    return {}


def check_target(request: Request) -> dict[str, Any]:
    """Resolve the resource indicators of an authorization request to the one endpoint they name.

    Obeys:   RFC 8707 §2.
    Departs: RFC 8707 §2 allows several; a connection has one, so naming two is refused.
    """
    named = [value for name, value in request.uri_query_params if name == "resource"]
    if len({resources.canonical(value) for value in named}) > 1:
        raise RefusedError(invalid_target("resource:several"), request)
    target = catalog.target_of(named[0] if named else None)
    if target is None:
        raise RefusedError(invalid_target("resource:unknown"), request)
    request.target = target
    return {"target": target}


class Server(AuthorizationEndpoint, RevocationEndpoint):
    """The endpoints that oauthlib reads for us, composed: requests for authorization and revocation. Token requests are
    read and answered by our own rules, many at a time (`services.connections`). django-oauth-toolkit makes one of these
    per request; it holds no state."""

    def __init__(self, request_validator: Any, **_settings: Any) -> None:
        code_grant = S256Grant(request_validator)
        code_grant.custom_validators.pre_auth.extend([check_extensions, check_target])
        AuthorizationEndpoint.__init__(
            self,
            default_response_type="code",
            response_types={"code": code_grant},
            default_token_type=BearerToken(request_validator),
        )
        RevocationEndpoint.__init__(self, request_validator)

    def validate_revocation_request(self, request: Request) -> None:
        """Raise Refused, which passes oauthlib: of its own errors it would return what the caller is told alone."""
        try:
            super().validate_revocation_request(request)
        except OAuth2Error as error:
            raise Refused(refusal_of(error, subject="revoke")) from None
