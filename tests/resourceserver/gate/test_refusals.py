"""The error table of the contract, row by row, at each of the three kinds of endpoint."""

import json
import logging

import httpx2
import pytest

from resourceserver.sample.tools import BASELINE_SCOPES
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    HOSTED,
    OTHER,
    PING,
    FakeAuthorizationServer,
    Inner,
    Reply,
    ask,
    bob,
    credential,
    gate,
    grant,
    tool_call,
)

HOSTED_ACME, COMPAT_ACME = HOSTED.format(handle="acme"), COMPAT.format(handle="acme")
ENDPOINTS = [GATEWAY, HOSTED_ACME, COMPAT_ACME, OTHER]
BASELINE = " ".join(BASELINE_SCOPES)


def metadata_url(resource: str) -> str:
    host, _, path = resource.removeprefix("http://").partition("/")
    return f"http://{host}/.well-known/oauth-protected-resource/{path}"


def assert_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.json["error"]) == (status, code)
    assert set(reply.json) == {"error", "error_description"}
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("resource", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.covers("RS-03", "RS-10", "RS-12", "RS-17", "RS-18", "TR-18", "T11", "T21", "req:T3", "req:B3")
def test_no_bearer_is_challenged_whatever_the_method(resource: str, method: str):
    inner = Inner()
    reply = ask(gate(FakeAuthorizationServer(), inner), method, resource)
    assert reply.status == 401
    assert reply.challenge == {"resource_metadata": metadata_url(resource), "scope": BASELINE}
    assert reply.body == b"" if method == "HEAD" else reply.json["error"] == "missing_bearer_token"
    assert inner.scopes == []


@pytest.mark.parametrize(
    "path", ["/sse", "/mcp/sse", "/messages?session_id=1", "/mcp/messages", "/mcp/acme/sse", "/mcp/acme/mcp/messages"]
)
@pytest.mark.covers("TR-18", "req:R1")
def test_the_older_transport_is_challenged_with_the_resource_of_its_endpoint(path: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), "GET", f"http://127.0.0.1:8001{path}")
    assert_refused(reply, 401, "missing_bearer_token")
    assert reply.challenge["resource_metadata"] == metadata_url(COMPAT_ACME if "acme" in path else GATEWAY)


@pytest.mark.parametrize("value", ["Basic YWxpY2U6cHc=", "Digest x", "mcpv1_bare", "Bearertoken", ""])
def test_another_scheme_is_no_bearer(value: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), headers={"Authorization": value})
    assert_refused(reply, 401, "missing_bearer_token")


@pytest.mark.parametrize(
    "value",
    [
        "pat_0123456789",
        "mcprt_0123456789",
        "mcpv1_short",
        credential(1)[:-1] + "!",
        credential(1) + " x",
        "eyJhbGciOiJIUzI1NiJ9.e30.XXXX",
        "",
        " ",
        '"',
        "\xff",
        "a" * 10_000,
    ],
)
@pytest.mark.parametrize("resource", ENDPOINTS)
@pytest.mark.covers("RS-10", "RS-22", "req:B3")
def test_a_bearer_that_is_no_bridge_credential_is_refused_without_asking(resource: str, value: str):
    server = FakeAuthorizationServer()
    reply = ask(gate(server, Inner()), "POST", resource, bearer=value)
    assert_refused(reply, 401, "invalid_token_format")
    assert reply.challenge["error"] == "invalid_token"
    assert reply.challenge["scope"] == BASELINE
    assert reply.challenge["resource_metadata"] == metadata_url(resource)
    assert server.asked == []


@pytest.mark.parametrize("resource", ENDPOINTS)
@pytest.mark.covers("RS-10", "RS-21", "req:B3")
def test_an_unknown_credential_is_refused(resource: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), "POST", resource, bearer=credential(7))
    assert_refused(reply, 401, "invalid_token")
    assert reply.challenge["error"] == "invalid_token"
    assert reply.challenge["resource_metadata"] == metadata_url(resource)


@pytest.mark.covers("RS-10", "RS-21")
def test_an_expired_credential_is_refused():
    server = FakeAuthorizationServer()
    assert_refused(ask(gate(server, Inner()), bearer=server.add(1, grant(exp=1))), 401, "invalid_token")


@pytest.mark.parametrize("issued_for", ENDPOINTS)
@pytest.mark.parametrize("used_at", [*ENDPOINTS, HOSTED.format(handle="globex"), COMPAT.format(handle="globex")])
@pytest.mark.covers("RS-20", "RS-22", "req:T9")
def test_a_credential_is_good_at_its_own_resource_only(issued_for: str, used_at: str):
    server = FakeAuthorizationServer()
    inner = Inner()
    reply = ask(gate(server, inner), "POST", used_at, bearer=server.add(1, grant(aud=issued_for)))
    if issued_for == used_at:
        assert (reply.status, reply.json) == (200, {"person": "person-alice", "handle": "acme"})
    else:
        assert_refused(reply, 401, "invalid_token")
        assert inner.scopes == []


@pytest.mark.parametrize("resource", [HOSTED_ACME, COMPAT_ACME])
@pytest.mark.covers("RS-20", "req:T2")
def test_a_credential_for_another_handle_is_refused_though_its_resource_is_right(resource: str):
    server = FakeAuthorizationServer()
    reply = ask(gate(server, Inner()), "POST", resource, bearer=server.add(1, bob(aud=resource)))
    assert_refused(reply, 401, "invalid_token")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, httpx2.ConnectError("refused")),
        (None, httpx2.ReadTimeout("slow")),
        (httpx2.Response(500), None),
        (httpx2.Response(401), None),
        (httpx2.Response(200, text="<html>"), None),
        (httpx2.Response(200, json={"active": True}), None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.covers("req:B2")
def test_nobody_gets_in_while_the_authorization_server_is_unclear(
    method: str, answer: httpx2.Response | None, error: Exception | None
):
    inner = Inner()
    server = FakeAuthorizationServer(answer=answer, error=error)
    reply = ask(gate(server, inner), method, bearer=credential(1))
    assert_refused(reply, 503, "temporarily_unavailable")
    assert int(reply.headers["retry-after"]) > 0
    assert "www-authenticate" not in reply.headers
    assert inner.scopes == []


@pytest.mark.covers("RS-21", "req:B2")
def test_every_request_asks_again():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    protected = gate(server, Inner())
    assert ask(protected, bearer=bearer).status == 200
    server.grants.clear()
    assert_refused(ask(protected, bearer=bearer), 401, "invalid_token")


@pytest.mark.covers("RS-23")
def test_a_credential_in_the_url_is_not_a_credential():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    reply = ask(gate(server, Inner()), url=f"{GATEWAY}?access_token={bearer}")
    assert_refused(reply, 401, "missing_bearer_token")
    assert bearer not in reply.body.decode()
    assert server.asked == []


@pytest.mark.covers("RS-23")
def test_a_credential_in_the_url_besides_the_header_is_refused():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    reply = ask(gate(server, Inner()), url=f"{GATEWAY}?access_token=x", bearer=bearer)
    assert_refused(reply, 400, "invalid_request")
    assert server.asked == []


def test_two_authorization_headers_are_refused():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    reply = ask(gate(server, Inner()), bearer=bearer, headers={"Authorization": f"Bearer {credential(2)}"})
    assert_refused(reply, 400, "invalid_request")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(scheme: str):
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    assert ask(gate(server, Inner()), headers={"Authorization": f"{scheme}  {bearer}"}).status == 200


@pytest.mark.covers("RS-22", "req:P5")
def test_a_personal_access_token_is_refused_even_where_the_authorization_server_knows_it():
    server = FakeAuthorizationServer(grants={"pat_known": grant()})
    assert_refused(ask(gate(server, Inner()), bearer="pat_known"), 401, "invalid_token_format")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"id":1,"id":2}', b"9" * 5000, b'"\xe4"'])
def test_a_body_that_parsers_could_read_differently_never_reaches_the_server(body: bytes):
    server = FakeAuthorizationServer()
    inner = Inner()
    reply = ask(gate(server, inner), bearer=server.add(1, grant()), body=body)
    assert (reply.status, reply.json["error"]["code"]) == (400, -32700)
    assert inner.bodies == []


@pytest.mark.covers("TR-18")
def test_authentication_comes_before_the_body():
    assert_refused(ask(gate(FakeAuthorizationServer(), Inner()), body=b"{"), 401, "missing_bearer_token")


def test_a_body_above_the_limit_is_refused():
    server = FakeAuthorizationServer()
    body = json.dumps({**PING, "params": {"x": "y" * 200}}).encode()
    reply = ask(gate(server, Inner(), max_body_bytes=100), bearer=server.add(1, grant()), body=body)
    assert_refused(reply, 413, "body_too_large")


@pytest.mark.covers("req:R5")
def test_too_many_calls_of_one_connection_have_to_wait_and_another_connection_does_not():
    server = FakeAuthorizationServer()
    alice, also_bob = server.add(1, grant()), server.add(2, bob())
    protected = gate(server, Inner(), calls_per_minute=2)
    assert [ask(protected, bearer=alice).status for _ in range(3)] == [200, 200, 429]
    reply = ask(protected, bearer=alice)
    assert_refused(reply, 429, "rate_limited")
    assert 1 <= int(reply.headers["retry-after"]) <= 30
    assert ask(protected, bearer=also_bob).status == 200


@pytest.mark.covers("RS-24", "RS-26", "req:R5")
def test_the_audit_log_names_ids_and_never_a_credential(caplog: pytest.LogCaptureFixture):
    server = FakeAuthorizationServer()
    good, gone = server.add(1, grant()), credential(2)
    protected = gate(server, Inner())
    with caplog.at_level(logging.INFO, logger="resourceserver.audit"):
        ask(protected, bearer=good)
        ask(protected, bearer=gone)
        ask(protected, bearer="pat_secret")
        ask(protected, bearer=good, body=tool_call("create_link"))
        ask(protected)
    lines = [json.loads(record.message) for record in caplog.records if record.name == "resourceserver.audit"]
    events = [(line["event"], line.get("code"), line.get("reason")) for line in lines]
    assert events == [
        ("credential:accepted", None, None),
        ("credential:refused", "invalid_token", "inactive"),
        ("credential:refused", "invalid_token_format", None),
        ("credential:accepted", None, None),
        ("scope:refused", "insufficient_scope", "links.write"),
        ("credential:refused", "missing_bearer_token", None),
    ]
    assert lines[0]["connection"] == "connection-alice-acme"
    assert (lines[0]["person"], lines[0]["handle"]) == ("person-alice", "acme")
    assert not any(secret in caplog.text for secret in (good, gone, "pat_secret"))


def test_what_reaches_the_server_is_what_was_judged():
    server = FakeAuthorizationServer()
    inner = Inner()
    ask(gate(server, inner), "POST", COMPAT_ACME, bearer=server.add(1, grant(aud=COMPAT_ACME)), body=PING)
    assert json.loads(inner.bodies[0]) == PING
    assert inner.scopes[0]["root_path"] == "/mcp/acme"
    assert inner.scopes[0]["resourceserver.endpoint"].handle == "acme"
