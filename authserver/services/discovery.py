"""What this server says of itself."""

from typing import Any

from django.conf import settings

from authserver import policy
from authserver.languages import choice
from authserver.services import catalog

CACHE_CONTROL = "public, max-age=300"
AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


def metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata of this issuer, one of ours. Every member is stated, because the defaults of the RFC
    (implicit grant, Basic only) are not ours; none is empty, because clients reject empty members.

    Obeys: RFC 8414 §2 (`ui_locales_supported` among it), RFC 9207 §3 (`iss`).
    """
    registration = {} if settings.REGISTRATION == "closed" else {"registration_endpoint": f"{issuer}/oauth/register"}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        **registration,
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(policy.ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(policy.ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "scopes_supported": list(catalog.current()),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "ui_locales_supported": [choice.tag_of(code) for code, _ in settings.LANGUAGES],
        "service_documentation": issuer,
    }
