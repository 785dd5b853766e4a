"""Faults in what the authorization server offers and in how its endpoints answer."""

from __future__ import annotations

import json

from tests.gatehouse.deployment import AS_METADATA, REGISTER, Handler
from tests.gatehouse.doctor import world
from tests.gatehouse.doctor.seeding import (
    BAD,
    NO_CORS,
    NO_DOCUMENTS,
    WARN,
    hangs_up,
    row,
    sound,
)
from tests.gatehouse.doctor.world import (
    AUTHORIZE,
    HTML,
    JSON,
    LOGIN,
    OPTIONS_MCP,
    OPTIONS_REGISTER,
    OPTIONS_TOKEN,
    TOKEN,
    Fault,
    answers,
    authorizing,
    both,
    challenging,
    does,
    headed,
    registering,
    says,
)

ENDPOINTS = [
    row("no token endpoint", "generic", "endpoints", BAD, "member_missing", says(AS_METADATA, token_endpoint=None)),
    row("no code", "generic", "endpoints", BAD, "member_missing",
        says(AS_METADATA, response_types_supported=["token"])),
    row("no PKCE", "generic", "endpoints", BAD, "no_pkce", says(AS_METADATA, code_challenge_methods_supported=None)),
    row("no refresh tokens", "claude", "endpoints", WARN, "no_refresh",
        says(AS_METADATA, grant_types_supported=["authorization_code"])),
    row("grants are not named", "vscode", "endpoints", WARN, "no_refresh",
        says(AS_METADATA, grant_types_supported=None)),
    row("only refreshing", "generic", "endpoints", BAD, "member_missing",
        says(AS_METADATA, grant_types_supported=["refresh_token"])),
    row("no offline_access", "chatgpt", "endpoints", WARN, "no_offline_access",
        says(AS_METADATA, scopes_supported=["mcp.connect"])),
    row("iss is not promised", "vscode", "endpoints", WARN, "iss_not_advertised",
        says(AS_METADATA, authorization_response_iss_parameter_supported=None)),
    row("no registration, and no documents", "cursor", "endpoints", BAD, "no_way_in",
        says(AS_METADATA, registration_endpoint=None)),
    row("no public clients", "cursor", "endpoints", BAD, "no_usable_method method_refused",
        both(says(AS_METADATA, token_endpoint_auth_methods_supported=["private_key_jwt"]),
             answers(TOKEN, 401, {"error": "invalid_client"}))),
    row("methods are not named", "codex", "endpoints", BAD, "no_usable_method",
        both(NO_DOCUMENTS, says(AS_METADATA, token_endpoint_auth_methods_supported=None))),
    row("documents without public clients", "claude", "endpoints", WARN, "document_unused",
        says(AS_METADATA, token_endpoint_auth_methods_supported=["client_secret_post"])),
    row("an endpoint on http", "generic", "endpoints", BAD, "not_https",
        says(AS_METADATA, revocation_endpoint="http://ai.example.com/revoke"), ("revocation_endpoint",)),
    row("an endpoint that is none", "generic", "endpoints", BAD, "bad_address",
        says(AS_METADATA, revocation_endpoint="/revoke")),
]  # fmt: skip
PAGES = [
    row("pages may not call", "browser", "cors", BAD, "cors_blocked", answers(OPTIONS_MCP, 405)),
    row("the metadata is not for pages", "browser", "cors", BAD, "cors_blocked",
        headed(AS_METADATA, Access_Control_Allow_Origin="")),
    row("it hangs up on pages", "browser", "cors", BAD, "no_http", hangs_up(OPTIONS_MCP)),
    row("another page may", "browser", "cors", BAD, "cors_blocked",
        headed(OPTIONS_TOKEN, Access_Control_Allow_Origin="https://x.example"), ("https://x.example", "/token")),
    row("pages may not register", "browser", "cors", BAD, "cors_blocked",
        headed(OPTIONS_REGISTER, Access_Control_Allow_Origin="")),
    row("the star is not for Authorization", "browser", "cors", BAD, "cors_headers",
        headed(OPTIONS_MCP, Access_Control_Allow_Headers="*"), ("authorization",)),
    row("a header of MCP is missing", "browser", "cors", BAD, "cors_headers",
        headed(OPTIONS_MCP, Access_Control_Allow_Headers="Authorization, Content-Type"), ("mcp-protocol-version",)),
    row("pages cannot read the challenge", "browser", "cors", BAD, "cors_not_exposed",
        challenging(Access_Control_Expose_Headers="Retry-After")),
    row("the challenge is not for pages", "browser", "cors", BAD, "cors_blocked",
        challenging(Access_Control_Allow_Origin="https://x.example")),
    row("pages cannot read tokens", "generic", "token", WARN, "cors_blocked",
        does(TOKEN, lambda handler: world.exchanging(handler, NO_CORS))),
]  # fmt: skip
REGISTRATION = [
    row("registration is closed", "cursor", "registration", BAD, "registration_closed",
        answers(REGISTER, 403, {"error": "access_denied"})),
    row("registration wants a token", "gemini", "registration", BAD, "registration_needs_token",
        answers(REGISTER, 401, {"error": "invalid_token"})),
    row("a callback is refused", "cursor", "registration", BAD, "callback_refused",
        answers(REGISTER, 400, {"error": "invalid_redirect_uri", "error_description": "No schemes."}),
        ("No schemes.", "cursor://anysphere.cursor-mcp/oauth/callback")),
    row("its callback is left out", "cursor", "registration", BAD, "callback_refused callback_not_registered",
        does(REGISTER, lambda handler: _forget(handler, 0))),
    row("another callback is left out", "cursor", "registration", WARN, "callback_refused",
        does(REGISTER, lambda handler: _forget(handler, 2))),
    row("too many registrations", "gemini", "registration", BAD, "too_many",
        answers(REGISTER, 429, {"error": "slow_down"}, **JSON, Retry_After="7")),
    row("a page for an answer", "gemini", "registration", BAD, "not_json", answers(REGISTER, 201, b"<p>", **HTML)),
    row("no id", "gemini", "registration", BAD, "answer_incomplete", does(REGISTER, registering(client_id=None))),
    row("a secret without its method", "generic", "registration", BAD, "method_not_echoed",
        does(REGISTER, registering(token_endpoint_auth_method=None, client_secret="mcs_x",
                                   client_secret_expires_at=0))),
    row("a method that this client cannot use", "gemini", "registration", BAD, "no_usable_method",
        does(REGISTER, registering(token_endpoint_auth_method="client_secret_basic", client_secret="mcs_x",
                                   client_secret_expires_at=0))),
    row("a method without a secret", "generic", "registration", BAD, "answer_incomplete",
        does(REGISTER, registering(token_endpoint_auth_method="client_secret_basic"))),
    row("a secret that may expire", "claude", "registration", WARN, "secret_without_expiry",
        both(NO_DOCUMENTS, does(REGISTER, registering(client_secret_expires_at=None)))),
    row("a secret that expires", "chatgpt", "registration", WARN, "secret_expires",
        both(NO_DOCUMENTS, does(REGISTER, registering(client_secret_expires_at=1)))),
    row("a secret with signs", "claude", "registration", WARN, "id_needs_escaping",
        both(NO_DOCUMENTS, does(REGISTER, registering(client_secret="mcs:+/")))),
    row("the registration may be stored", "gemini", "registration", WARN, "registration_cached",
        does(REGISTER, registering(drop="Cache-Control"))),
    row("registered without refreshing", "gemini", "registration", WARN, "no_refresh",
        does(REGISTER, registering(grant_types=["authorization_code"]))),
]  # fmt: skip


def _forget(handler: Handler, place: int) -> None:
    """Register without one of the callbacks, and say so."""
    said = json.loads(handler.body)
    uris = [uri for number, uri in enumerate(said["redirect_uris"]) if number != place]
    registering(redirect_uris=uris)(handler)
    handler.server.deployment.registered[-1]["redirect_uris"] = uris  # type: ignore[attr-defined]


def returning(**told: str | None) -> Fault:
    return does(AUTHORIZE, authorizing(returns=told))


EXISTING = {"client_id": "c-9", "redirect_uris": ["https://app.example/callback"]}
AUTHORIZATION = [
    row("the client is not known any more", "generic", "authorization", BAD, "client_unknown", sound, ("c-9", "No."),
        **EXISTING),
    row("the callback is not registered", "chatgpt", "authorization", BAD, "callback_not_registered", sound,
        ("https://chatgpt.com/other",), redirect_uris=["https://chatgpt.com/other"]),
    row("the callback is not registered, says a page", "gemini", "authorization", BAD, "callback_not_registered",
        answers(AUTHORIZE, 400, b"<p>Mismatching redirect_uri.", **HTML)),
    row("the callback is not registered, says another code", "gemini", "authorization", BAD, "callback_not_registered",
        answers(AUTHORIZE, 400, {"error": "invalid_request", "error_description": "Bad redirect URI"})),
    row("the resource is not registered", "claude", "authorization", BAD, "resource_not_registered",
        does(AUTHORIZE, authorizing(error="invalid_target")), ("{origin}/mcp",)),
    row("the resource is not registered, says a page of JSON", "claude", "authorization", BAD,
        "resource_not_registered", answers(AUTHORIZE, 400, {"error": "invalid_target"})),
    row("the document cannot be fetched", "claude", "authorization", BAD, "document_unusable",
        answers(AUTHORIZE, 503, {"error": "temporarily_unavailable", "error_description": "Not now."}),
        ("https://claude.ai/oauth/mcp-oauth-client-metadata", "Not now.")),
    row("the document is refused", "vscode", "authorization", BAD, "document_unusable",
        answers(AUTHORIZE, 400, {"error": "invalid_client"})),
    row("the client is blocked", "codex", "authorization", BAD, "client_blocked",
        answers(AUTHORIZE, 403, {"error": "client_blocked", "error_description": "Blocked."})),
    row("the scopes are refused", "gemini", "authorization", BAD, "authorization_refused",
        does(AUTHORIZE, authorizing(error="invalid_scope")), ("invalid_scope",)),
    row("no authorization endpoint there", "generic", "authorization", BAD, "not_found", answers(AUTHORIZE, 404)),
    row("it breaks down", "generic", "authorization", BAD, "bad_status", answers(AUTHORIZE, 500)),
    row("a firewall keeps programs out", "mcp-remote", "authorization", BAD, "preflight_refused",
        answers(AUTHORIZE, 403, b"<p>", **HTML)),
    row("a firewall keeps programs out, not this client", "claude", "authorization", WARN, "preflight_refused",
        answers(AUTHORIZE, 403, b"<p>", **HTML)),
    row("a code for nobody", "gemini", "authorization", BAD, "code_unasked",
        does(AUTHORIZE, authorizing(error="x", returns={"code": "x", "error": None}))),
    row("the sign-in page is not routed", "generic", "authorization", BAD, "sign_in_unreachable", answers(LOGIN, 404)),
    row("the sign-in page is on http", "generic", "authorization", BAD, "not_https any_client_taken",
        answers(AUTHORIZE, 302, Location="http://ai.example.com/login")),
    row("iss is missing", "chatgpt", "authorization", BAD, "iss_missing", returning(iss=None)),
    row("iss is neither promised nor sent", "gemini", "authorization", BAD, "iss_missing iss_not_advertised",
        both(says(AS_METADATA, authorization_response_iss_parameter_supported=None), returning(iss=None))),
    row("iss has a slash", "codex", "authorization", BAD, "iss_differs",
        lambda there: returning(iss=there.origin + "/")(there), ("[/]",)),
    row("the state is lost", "gemini", "authorization", BAD, "state_lost", returning(state=None)),
    row("any callback will do", "generic", "authorization", BAD, "any_callback_taken",
        does(AUTHORIZE, authorizing(takes="callback"))),
    row("any resource will do", "generic", "authorization", WARN, "any_resource_taken",
        does(AUTHORIZE, authorizing(takes="resource"))),
    row("any client will do", "generic", "authorization", WARN, "any_client_taken",
        does(AUTHORIZE, authorizing(takes="client"))),
]  # fmt: skip
TOKENS = [
    row("no token endpoint there", "generic", "token", BAD, "token_not_json", answers(TOKEN, 404, b"<p>", **HTML)),
    row("a login page", "claude", "token", BAD, "token_not_json", answers(TOKEN, 302, b"", Location="/login")),
    row("it breaks down", "generic", "token", BAD, "token_not_json", answers(TOKEN, 500, {"error": "server_error"})),
    row("an error of its own", "claude", "token", WARN, "token_error_unclear",
        answers(TOKEN, 400, {"error": "bad_code"}), ("bad_code",)),
    row("a status of its own", "claude", "token", WARN, "token_error_unclear",
        answers(TOKEN, 422, {"error": "invalid_grant"}), ("422",)),
    row("the registered client is refused", "generic", "token", BAD, "method_refused",
        answers(TOKEN, 401, {"error": "invalid_client"})),
    row("nobody is known", "generic", "token", WARN, "token_error_unclear",
        answers(TOKEN, 400, {"error": "invalid_grant"})),
    row("tokens may be stored", "claude", "token", WARN, "token_cached",
        answers(TOKEN, 400, {"error": "invalid_grant"}, Content_Type="application/json")),
]  # fmt: skip
ROWS = [*ENDPOINTS, *PAGES, *REGISTRATION, *AUTHORIZATION, *TOKENS]
