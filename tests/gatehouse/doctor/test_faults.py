"""Every fault of the chain that we know of is seeded, and the doctor names it: at its step, by its code, and as what it
is to that client. One table; what else is found beside it is in the row too, so nothing is said that is not so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gatehouse import wire, words
from gatehouse.doctor import network
from gatehouse.doctor.engine import examine
from gatehouse.doctor.report import Outcome
from tests.gatehouse.deployment import AS_METADATA, MCP, REGISTER, RS_METADATA, SIGNPOST, Deployment, Handler, Reply
from tests.gatehouse.doctor import world
from tests.gatehouse.doctor.world import (
    ALLOWED,
    AUTHORIZE,
    GET_MCP,
    HEAD_MCP,
    HTML,
    JSON,
    LOGIN,
    OPENID,
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
    moved,
    redirected,
    registering,
    says,
    zipped,
)

BAD, WARN = Outcome.FAILED, Outcome.WARNED
ROOT_RS = "GET /.well-known/oauth-protected-resource"
HOSTED = "https://{handle}.nowhere.invalid/mcp"
DISCOVERY = (MCP, GET_MCP, HEAD_MCP)
NO_CORS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
NO_DOCUMENTS = says(AS_METADATA, client_id_metadata_document_supported=None)


def sound(there: Deployment) -> None:
    """The fault is in what is asked for."""


def everywhere(status: int, **headers: str) -> Fault:
    return both(*(answers(what, status, b"", **(headers or JSON)) for what in DISCOVERY))


def hosted(pattern: str) -> Fault:
    return lambda there: there.document(SIGNPOST)["endpoints"].update(mcp_hosted=pattern)


def clock(seconds: float) -> Fault:
    return lambda there: setattr(there, "clock_ahead_seconds", seconds)


def hangs(what: str) -> Fault:
    return lambda there: there.answers.update({what: lambda handler: bool(there.over.wait(20)) and None})


def dawdles(what: str) -> Fault:
    def change(there: Deployment) -> None:
        sound_answer = there.answers[what]

        def answer(handler: Handler) -> None:
            there.over.wait(0.15)
            sound_answer(handler)

        there.answers[what] = answer

    return change


def renamed(header: str, status: int = 401) -> Fault:
    """The challenge stands in another header."""
    return lambda there: challenging(
        without="", refused=None, status=status, **{header: f'Bearer resource_metadata="{there.origin}/x"'}
    )(there)


Row = tuple[str, str, str, Outcome, str, Fault, dict[str, Any], tuple[str, ...]]
T3, T4, T5, T6, C2, C5, B3, D3 = "req:T3", "req:T4", "req:T5", "req:T6", "req:C2", "req:C5", "req:B3", "req:D3"


def row(
    title: str,
    client: str,
    step: str,
    outcome: Outcome,
    codes: str,
    fault: Fault,
    named: tuple[str, ...] = (),
    **options: Any,
) -> Any:
    """`codes`: the one that is expected first, and what is found beside it."""
    return pytest.param(client, step, outcome, codes.split(), fault, options, named, id=f"{title} ({client})")


WAY = [
    row("the name is nowhere", "generic", "name", BAD, "host_not_found", sound, url="https://nowhere.invalid/mcp"),
    row("no address", "generic", "name", BAD, "bad_address", sound, url="mcp.example.com"),
    row("http in public", "generic", "name", BAD, "not_https", sound, url="http://mcp.example.com/mcp"),
    row("the handle's name is missing, its path is there", "chatgpt", "name", BAD, "hosted_name_missing",
        hosted(HOSTED), ("acme.nowhere.invalid", "{origin}/mcp/acme/mcp"), url="https://acme.nowhere.invalid/mcp",
        expected_issuer="{origin}"),
    row("the handle's name is missing, so is its path", "chatgpt", "name", BAD, "host_not_found",
        both(hosted(HOSTED), answers("POST /mcp/acme/mcp", 404)), url="https://acme.nowhere.invalid/mcp",
        expected_issuer="{origin}"),
    row("the handle's name has no certificate, its path is there", "claude", "connection", BAD, "hosted_tls_missing",
        sound, ("127.0.0.1", "{origin}/mcp/acme/mcp"), url="https://127.0.0.1:{port}/mcp",
        compat_url="{origin}/mcp/acme/mcp"),
    row("no certificate", "claude", "connection", BAD, "tls_failed", sound, url="https://127.0.0.1:{port}/mcp"),
    row("nobody listens", "generic", "connection", BAD, "connection_refused", sound, url="http://127.0.0.1:1/mcp"),
    row("it says nothing", "generic", "connection", BAD, "too_slow", hangs(MCP)),
    row("it is slow", "generic", "connection", WARN, "slow", dawdles(MCP)),
    row("the clock is an hour ahead", "generic", "clock", BAD, "clock_skew", clock(3600)),
    row("the clock is a minute behind", "gemini", "clock", BAD, "clock_skew", clock(-60)),
]  # fmt: skip
CHALLENGE = [
    row("403", "claude", "challenge", BAD, "forbidden", everywhere(403)),
    row("404", "cursor", "challenge", BAD, "not_found", everywhere(404)),
    row("a login page", "gemini", "challenge", BAD, "challenge_redirects", everywhere(302, Location="/login")),
    row("it lets everybody in", "chatgpt", "challenge", BAD, "no_sign_in", everywhere(200)),
    row("it knows no HEAD", "gemini", "challenge", BAD, "probe_refused", answers(HEAD_MCP, 405), ("HEAD", "405")),
    row("it knows no GET", "mcp-remote", "challenge", BAD, "probe_refused", answers(GET_MCP, 405), ("GET",)),
    row("it is down", "generic", "challenge", BAD, "no_challenge", everywhere(502)),
    row("no challenge", "gemini", "challenge", BAD, "no_bearer", challenging(without="")),
    row("no challenge, which this client forgives", "vscode", "challenge", WARN, "no_bearer", challenging(without="")),
    row("another header", "generic", "challenge", BAD, "challenge_on_wrong_header", renamed("X_Authenticate"),
        ("X-Authenticate",)),
    row("a challenge on 200", "claude", "challenge", BAD, "challenge_on_wrong_header", renamed("X_Challenge", 200)),
    row("no quotation marks", "generic", "challenge", WARN, "challenge_unquoted",
        challenging(without="Bearer resource_metadata={pointer}, " + world.SCOPES)),
    row("another scheme first", "generic", "challenge", BAD, "bearer_not_first",
        challenging(without='Basic realm="x", Bearer resource_metadata="{pointer}", ' + world.SCOPES)),
    row("another scheme first, which is forgiven", "cursor", "challenge", WARN, "bearer_not_first",
        challenging(without='Basic realm="x", Bearer resource_metadata="{pointer}", ' + world.SCOPES)),
    row("no pointer to the metadata", "generic", "challenge", WARN, "no_metadata_pointer",
        challenging(without="Bearer " + world.SCOPES)),
    row("an error without a credential", "generic", "challenge", WARN, "error_without_credential",
        challenging(without='Bearer error="invalid_token", resource_metadata="{pointer}", ' + world.SCOPES)),
    row("offline_access in the challenge", "claude", "challenge", WARN, "offline_access_in_resource",
        challenging(without='Bearer resource_metadata="{pointer}", scope="mcp.connect offline_access"')),
    row("a dead credential is not called invalid_token", "chatgpt", "challenge", WARN, "bad_credential_unnamed",
        challenging(refused='Bearer resource_metadata="{pointer}"')),
]  # fmt: skip


def refusing(handler: Handler, status: int, *, malformed_only: bool = False) -> None:
    """A credential is answered with this status; without one all is well."""
    told = handler.headers.get("Authorization", "")
    if told and (not malformed_only or "nonsense" in told):
        Reply(status, {}, dict(ALLOWED))(handler)
    else:
        world._challenge(handler)


CREDENTIALS = [
    row("any credential is good", "generic", "challenge", BAD, "bad_credential_accepted",
        does(MCP, lambda handler: refusing(handler, 200)), ("200",)),
    row("a malformed credential is a bad request", "generic", "challenge", BAD, "bad_credential_accepted",
        does(MCP, lambda handler: refusing(handler, 400, malformed_only=True)), ("400",)),
    row("the authorization server cannot be asked", "claude-code", "challenge", BAD, "credentials_not_checked",
        does(MCP, lambda handler: refusing(handler, 503)), ("503", "introspection")),
]  # fmt: skip
RESOURCE = [
    row("the metadata is nowhere", "generic", "resource_metadata", BAD, "not_found", answers(RS_METADATA, 404)),
    row("the metadata is at the root alone", "generic", "resource_metadata", BAD, "metadata_misplaced",
        moved(RS_METADATA, ROOT_RS), ("{origin}/.well-known/oauth-protected-resource.",)),
    row("the metadata wants a sign-in", "generic", "resource_metadata", BAD, "metadata_behind_sign_in",
        answers(RS_METADATA, 401)),
    row("the metadata has moved", "generic", "resource_metadata", WARN, "metadata_redirected",
        redirected(RS_METADATA, "/moved")),
    row("the metadata has moved away", "generic", "resource_metadata", BAD, "moved",
        answers(RS_METADATA, 302, Location="https://x.example/m")),
    row("a page of the proxy", "generic", "resource_metadata", BAD, "not_json",
        answers(RS_METADATA, 200, b"<html>", **HTML), ("text/html",)),
    row("a server error", "generic", "resource_metadata", BAD, "bad_status", answers(RS_METADATA, 503)),
    row("another host", "claude", "resource_metadata", BAD, "metadata_elsewhere connection_refused",
        challenging("http://127.0.0.2:1/m"), ("127.0.0.2",)),
    row("a slash too many", "chatgpt", "resource_metadata", BAD, "resource_differs",
        says(RS_METADATA, resource="{origin}/mcp/"), ("/mcp[/]", "/mcp[]")),
    row("capitals", "claude", "resource_metadata", BAD, "resource_differs",
        says(RS_METADATA, resource="HTTP://127.0.0.1:{port}/mcp"), ("character 1:", "[H]TTP:", "[h]ttp:")),
    row("capitals, which this client forgives", "vscode", "resource_metadata", WARN,
        "resource_differs resource_not_registered", says(RS_METADATA, resource="HTTP://127.0.0.1:{port}/mcp")),
    row("the parent", "vscode", "resource_metadata", BAD, "resource_differs",
        says(RS_METADATA, resource="{origin}/mc")),
    row("the origin, which this client takes for it", "cursor", "resource_metadata", WARN,
        "resource_differs resource_not_registered", says(RS_METADATA, resource="{origin}")),
    row("another port", "cursor", "resource_metadata", BAD, "resource_differs",
        says(RS_METADATA, resource="http://127.0.0.1:1/mcp")),
    row("no authorization server", "generic", "resource_metadata", BAD, "no_authorization_server",
        says(RS_METADATA, authorization_servers=None)),
    row("two authorization servers", "gemini", "resource_metadata", WARN, "several_authorization_servers",
        says(RS_METADATA, authorization_servers=["{origin}", "https://x.example"])),
    row("the wrong authorization server", "generic", "resource_metadata", BAD, "wrong_authorization_server",
        sound, ("https://ai.example.com", "{origin}"), expected_issuer="https://ai.example.com"),
    row("the right one with a slash", "codex", "resource_metadata", BAD, "issuer_slash", sound,
        expected_issuer="{origin}/"),
    row("the right one with a slash, which this client forgives", "gemini", "resource_metadata", WARN, "issuer_slash",
        sound, expected_issuer="{origin}/"),
    row("offline_access in the metadata", "claude", "resource_metadata", WARN, "offline_access_in_resource",
        says(RS_METADATA, scopes_supported=["mcp.connect", "offline_access"])),
    row("no scopes", "generic", "resource_metadata", WARN, "no_scopes",
        both(challenging(without='Bearer resource_metadata="{pointer}"'), says(RS_METADATA, scopes_supported=None))),
    row("compressed unasked", "generic", "resource_metadata", WARN, "compressed_unasked", zipped(RS_METADATA)),
    row("another character set", "generic", "resource_metadata", WARN, "odd_charset",
        headed(RS_METADATA, Content_Type="application/json; charset=iso-8859-1"), ("iso-8859-1",)),
    row("JSON called text", "generic", "resource_metadata", WARN, "wrong_content_type",
        headed(RS_METADATA, Content_Type="text/plain")),
]  # fmt: skip
SERVER = [
    row("the metadata is nowhere", "generic", "server_metadata", BAD, "not_found", answers(AS_METADATA, 404)),
    row("the metadata is not at the root", "claude", "server_metadata", BAD, "metadata_misplaced",
        moved(AS_METADATA, "GET /oauth/.well-known/oauth-authorization-server"), ("{origin}/oauth/.well-known",)),
    row("the metadata is behind a sign-in", "generic", "server_metadata", BAD, "metadata_behind_sign_in",
        answers(AS_METADATA, 403)),
    row("an http server in public", "generic", "server_metadata", BAD, "not_https",
        says(RS_METADATA, authorization_servers=["http://ai.example.com"])),
    row("another issuer", "generic", "server_metadata", BAD, "issuer_differs iss_differs",
        says(AS_METADATA, issuer="https://ai.example.com"), ("https://ai.example.com", "character 5")),
    row("a slash behind the issuer", "chatgpt", "server_metadata", BAD, "issuer_differs iss_differs",
        says(AS_METADATA, issuer="{origin}/"), ("[/] against", "[].")),
    row("a slash behind the issuer, which is forgiven", "vscode", "server_metadata", WARN, "issuer_slash iss_differs",
        says(AS_METADATA, issuer="{origin}/")),
    row("an issuer with a slash everywhere", "generic", "server_metadata", WARN, "issuer_slash",
        both(says(AS_METADATA, issuer="{origin}/"), says(RS_METADATA, authorization_servers=["{origin}/"]),
             lambda there: there.answers.update({AUTHORIZE: authorizing(returns={"iss": f"{there.origin}/"})}))),
    row("a member without a value", "inspector", "server_metadata", BAD, "null_members",
        lambda there: there.document(AS_METADATA).update(jwks_uri=None), ("jwks_uri",)),
    row("a page at the OpenID path", "generic", "server_metadata", WARN, "openid_metadata_differs",
        answers(OPENID, 200, b"<html>", **HTML)),
    row("another issuer at the OpenID path", "generic", "server_metadata", WARN, "openid_metadata_differs",
        answers(OPENID, 200, {"issuer": "https://old.example"})),
]  # fmt: skip
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
    row("pages may not call", "inspector", "cors", BAD, "cors_blocked", answers(OPTIONS_MCP, 405)),
    row("the metadata is not for pages", "inspector", "cors", BAD, "cors_blocked",
        headed(AS_METADATA, Access_Control_Allow_Origin="")),
    row("another page may", "inspector", "cors", BAD, "cors_blocked",
        headed(OPTIONS_TOKEN, Access_Control_Allow_Origin="https://x.example"), ("https://x.example", "/token")),
    row("pages may not register", "inspector", "cors", BAD, "cors_blocked",
        headed(OPTIONS_REGISTER, Access_Control_Allow_Origin="")),
    row("the star is not for Authorization", "inspector", "cors", BAD, "cors_headers",
        headed(OPTIONS_MCP, Access_Control_Allow_Headers="*"), ("authorization",)),
    row("a header of MCP is missing", "inspector", "cors", BAD, "cors_headers",
        headed(OPTIONS_MCP, Access_Control_Allow_Headers="Authorization, Content-Type"), ("mcp-protocol-version",)),
    row("pages cannot read the challenge", "inspector", "cors", BAD, "cors_not_exposed",
        challenging(Access_Control_Expose_Headers="Retry-After")),
    row("the challenge is not for pages", "inspector", "cors", BAD, "cors_blocked",
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
ROWS = [*WAY, *CHALLENGE, *CREDENTIALS, *RESOURCE, *SERVER, *ENDPOINTS, *PAGES, *REGISTRATION, *AUTHORIZATION, *TOKENS]
# Shown in test_walk.py.
ELSEWHERE = {"no_ipv4", "internal_address", "out_of_time", "not_called", "doctor_failed"}


@pytest.fixture
def there() -> Iterator[Deployment]:
    with world.running() as found:
        yield found


@pytest.mark.covers("req:D3", "req:T3", "req:T4", "req:T5", "req:T6", "req:C2", "req:C5", "req:B3")
@pytest.mark.parametrize(("client", "step", "outcome", "codes", "fault", "options", "named"), ROWS)
def test_a_fault_is_named_at_its_step(
    there: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
    step: str,
    outcome: Outcome,
    codes: list[str],
    fault: Fault,
    options: dict[str, Any],
    named: tuple[str, ...],
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(network, "SLOW_SECONDS", 0.1)
    fault(there)
    asked = {
        name: there.filled(value) if isinstance(value, str) else value
        for name, value in {"url": there.url, **options}.items()
    }
    report = examine(profile=client, **asked)
    taken = {each.name: each for each in report.steps}[step]
    assert sorted(report.codes) == sorted(codes), report
    assert (taken.outcome, taken.finding and taken.finding.code) == (outcome, codes[0])
    assert taken.finding
    for text in named:
        assert there.filled(text) in taken.finding.cause + taken.finding.fix
    assert taken.sent
    assert taken.got


def test_every_code_of_the_doctor_is_in_a_table() -> None:
    seeded = {code for each in ROWS for code in each.values[3]}
    assert set(words.EXAMINING) - ELSEWHERE - seeded == set()
