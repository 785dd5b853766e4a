"""What the gate notes of each call for the authorization server, and what it does not."""

from typing import Any

import pytest

from resourceserver.gate import Gate, GateSettings
from resourceserver.reports import ANY_TOOL, Call
from resourceserver.sample.tools import BASELINE_SCOPES
from tests.resourceserver.fakes import (
    ISSUER,
    OTHER,
    PING,
    FakeAuthorizationServer,
    Inner,
    ask,
    endpoints,
    grant,
    introspection,
    policy,
    tool_call,
)


class Notes:
    """Notes what it is told, in place of what sends it."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, Call]] = []

    def note(self, account: str, call: Call) -> None:
        self.noted.append((account, call))

    def note_step(self, account: str, step: Any, request_id: str) -> str:
        return ""


def after(*bodies: Any, granted: dict[str, Any] | None = None, bearer: str | None = "own", **changes: Any) -> Notes:
    """The notes after these bodies were sent by alice."""
    server, notes = FakeAuthorizationServer(), Notes()
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy(**changes))
    gate = Gate(Inner(), settings, introspection(server), reports=notes)  # type: ignore[arg-type]
    own = server.add(1, granted or grant())
    for body in bodies:
        ask(gate, (granted or {}).get("method", "POST"), bearer=own if bearer == "own" else bearer, body=body)
    return notes


def test_an_allowed_call_is_noted_with_its_scopes():
    (noted,) = after(tool_call("list_links")).noted
    scopes = ("mcp.connect", "links.read")
    assert noted == (
        "rs-main",
        Call(connection_id="connection-alice-acme", tool="list_links", outcome="allowed", scopes=scopes),
    )


def test_a_call_that_lacks_a_scope_is_noted_with_what_is_missing():
    ((_, noted),) = after(tool_call("create_link")).noted
    assert (noted.tool, noted.outcome) == ("create_link", "insufficient_scope")
    assert noted.scopes == ("mcp.connect", "links.write")
    assert noted.missing == ("links.write",)


def test_of_a_refused_batch_only_the_calls_that_lacked_a_scope_are_noted():
    noted = after([tool_call("list_links"), tool_call("create_link"), tool_call("create_link")]).noted
    assert [(call.tool, call.outcome) for _, call in noted] == [("create_link", "insufficient_scope")] * 2


def test_every_call_of_an_allowed_batch_is_noted():
    noted = after([tool_call("list_links"), tool_call("list_links"), PING]).noted
    assert [call.tool for _, call in noted] == ["list_links", "list_links"]


def test_a_limited_call_is_noted_though_nobody_read_which_tool_it_was():
    noted = after(tool_call("list_links"), tool_call("list_links"), calls_per_minute=1).noted
    assert [(call.tool, call.outcome, call.scopes) for _, call in noted] == [
        ("list_links", "allowed", ("mcp.connect", "links.read")),
        (ANY_TOOL, "limited", ()),
    ]


@pytest.mark.parametrize("tool", ["no_such_tool", "", "*", "<script>", "list_links\n"])
@pytest.mark.parametrize("unlisted", [True, False])
def test_a_tool_that_there_is_not_is_never_noted(tool: str, unlisted: bool):
    assert after(tool_call(tool), unlisted_tools=unlisted).noted == []


@pytest.mark.parametrize("body", [PING, b"{", b"", [], {"method": "tools/list"}, {"method": "tools/call"}])
def test_what_is_no_tool_call_is_not_noted(body: Any):
    assert after(body).noted == []


@pytest.mark.parametrize("bearer", [None, "mcpv1_nonsense", "x"])
def test_a_caller_who_is_not_let_in_is_not_noted(bearer: str | None):
    assert after(tool_call("list_links"), bearer=bearer).noted == []


def test_a_call_without_a_credential_in_mixed_mode_is_not_noted():
    assert after(tool_call("search"), bearer=None, mode="mixed").noted == []


def test_each_endpoint_notes_in_the_name_of_its_own_account():
    server, notes = FakeAuthorizationServer(), Notes()
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
    gate = Gate(Inner(), settings, introspection(server), reports=notes)  # type: ignore[arg-type]
    granted = grant(aud=OTHER, scope=" ".join(BASELINE_SCOPES))
    assert ask(gate, url=OTHER, bearer=server.add(1, granted), body=tool_call("list_links")).status == 200
    assert [account for account, _ in notes.noted] == ["rs-other"]
