"""The modes none and mixed: what is open, and that a presented credential is judged all the same."""

from typing import Any

import pytest

from resourceserver.admission import Admission
from resourceserver.gate import Gate, GateSettings
from tests.resourceserver.fakes import (
    GATEWAY,
    FakeAuthorizationServer,
    Inner,
    ask,
    credential,
    endpoints,
    gate,
    grant,
    policy,
    tool_call,
)

METADATA = "http://127.0.0.1:8001/.well-known/oauth-protected-resource/mcp"


def rpc(method: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method}


@pytest.mark.parametrize(
    "body",
    [
        rpc("initialize"),
        rpc("server/discover"),
        rpc("tools/list"),
        rpc("ping"),
        rpc("notifications/initialized"),
        tool_call("search"),
        [rpc("ping"), tool_call("fetch")],
    ],
)
@pytest.mark.covers("req:R2")
def test_mixed_mode_lets_the_open_things_in(body: Any):
    reply = ask(gate(FakeAuthorizationServer(), Inner(), mode="mixed"), body=body)
    assert (reply.status, reply.json) == (200, {"person": None, "handle": None})


@pytest.mark.parametrize(
    "body",
    [
        tool_call("whoami"),
        tool_call("create_link"),
        tool_call("unknown"),
        rpc("resources/read"),
        rpc("prompts/get"),
        rpc("completion/complete"),
        [rpc("ping"), tool_call("list_links")],
        [tool_call("search"), rpc("resources/list")],
    ],
)
@pytest.mark.covers("req:R2")
def test_mixed_mode_challenges_everything_else(body: Any):
    inner = Inner()
    reply = ask(gate(FakeAuthorizationServer(), inner, mode="mixed"), body=body)
    assert (reply.status, reply.json["error"]) == (401, "missing_bearer_token")
    assert "error" not in reply.challenge
    assert inner.scopes == []


def test_mixed_mode_asks_for_the_scopes_of_the_tool_besides_the_baseline():
    reply = ask(gate(FakeAuthorizationServer(), Inner(), mode="mixed"), body=tool_call("create_link"))
    assert reply.challenge["scope"].split()[:2] == ["mcp.connect", "skills.read"]
    assert reply.challenge["scope"].split()[-1] == "links.write"


@pytest.mark.parametrize(
    ("bearer", "code"),
    [(credential(9), "invalid_token"), ("pat_x", "invalid_token_format"), ("", "invalid_token_format")],
)
def test_mixed_mode_refuses_a_bad_credential_even_for_open_things(bearer: str, code: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner(), mode="mixed"), bearer=bearer, body=rpc("tools/list"))
    assert (reply.status, reply.json["error"]) == (401, code)


def test_mixed_mode_knows_who_calls_when_a_credential_came():
    server = FakeAuthorizationServer()
    reply = ask(gate(server, Inner(), mode="mixed"), bearer=server.add(1, grant()), body=rpc("tools/list"))
    assert reply.json["person"] == "person-alice"


def test_mixed_mode_checks_scopes_when_a_credential_came():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant(scope="mcp.connect"))
    assert ask(gate(server, Inner(), mode="mixed"), bearer=bearer, body=tool_call("create_link")).status == 403


@pytest.mark.covers("req:R2")
def test_mode_none_asks_nobody_and_publishes_no_metadata():
    protected = Gate(
        Inner(), GateSettings(endpoints=endpoints(), issuer="unused", policy=policy(mode="none")), introspection=None
    )
    assert ask(protected, body=tool_call("create_link")).json == {"person": None, "handle": None}
    assert ask(protected, "GET", METADATA).status == 404
    assert ask(protected, "GET", GATEWAY).status == 200


def test_no_other_mode_starts_without_somebody_to_ask():
    with pytest.raises(ValueError, match="introspection"):
        Admission(policy(mode="mixed"), None)


def test_callers_without_a_credential_share_the_limit_of_their_address():
    protected = gate(FakeAuthorizationServer(), Inner(), mode="mixed", calls_per_minute=1, trusted_proxy_count=1)
    first = {"X-Forwarded-For": "203.0.113.1"}
    forged = {"X-Forwarded-For": "203.0.113.99, 203.0.113.1"}
    assert ask(protected, headers=first).status == 200
    assert ask(protected, headers=forged).status == 429
    assert ask(protected, headers={"X-Forwarded-For": "203.0.113.2"}).status == 200
