"""Scopes per tool: refused with 403 before the server hears of it, naming everything the call needs."""

from typing import Any

import pytest

from resourceserver.limits import ToolCall
from resourceserver.operations import ToolRule
from resourceserver.sample.tools import CATALOG, REQUIRED_SCOPES
from tests.resourceserver.fakes import PING, FakeAuthorizationServer, Inner, ask, gate, grant, tool_call

NEEDS_MORE = [tool for tool in CATALOG if tool.scopes != REQUIRED_SCOPES]


def call_with(scope: str, body: Any, **changes: Any) -> tuple[Any, Inner]:
    server = FakeAuthorizationServer()
    inner = Inner()
    return ask(gate(server, inner, **changes), bearer=server.add(1, grant(scope=scope)), body=body), inner


@pytest.mark.parametrize("tool", NEEDS_MORE, ids=lambda tool: tool.name)
@pytest.mark.covers("RS-11", "RS-13", "RS-14", "req:S4", "req:B3")
def test_a_tool_without_its_scope_is_refused_and_the_challenge_names_it(tool: Any):
    reply, inner = call_with("mcp.connect", tool_call(tool.name))
    assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")
    assert reply.challenge["error"] == "insufficient_scope"
    assert reply.challenge["scope"] == " ".join(["mcp.connect", *tool.scopes])
    assert reply.challenge["resource_metadata"].endswith("/.well-known/oauth-protected-resource/mcp")
    assert all(scope in reply.json["error_description"] for scope in tool.scopes)
    assert inner.bodies == []


@pytest.mark.parametrize("tool", CATALOG, ids=lambda tool: tool.name)
def test_a_tool_with_its_scope_goes_through(tool: Any):
    reply, inner = call_with(" ".join(["mcp.connect", *tool.scopes]), tool_call(tool.name))
    assert reply.status == 200
    assert len(inner.bodies) == 1


@pytest.mark.covers("RS-14")
def test_several_missing_scopes_come_in_one_challenge():
    rules = {"launch": ToolRule(("pages.read", "site.deployments.read", "site.deployments.write"))}
    reply, _ = call_with("mcp.connect pages.read", tool_call("launch"), tools=rules)
    assert reply.challenge["scope"] == "mcp.connect pages.read site.deployments.read site.deployments.write"
    assert reply.json["error_description"] == "Not approved yet: site.deployments.read site.deployments.write."


@pytest.mark.parametrize("body", [PING, tool_call("whoami"), [PING], []])
def test_without_the_scope_to_connect_nothing_goes(body: Any):
    reply, inner = call_with("links.read", body)
    assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")
    assert reply.challenge["scope"] == "mcp.connect"
    assert inner.bodies == []


def test_without_the_scope_to_connect_no_stream_opens():
    server = FakeAuthorizationServer()
    reply = ask(gate(server, Inner()), "GET", bearer=server.add(1, grant(scope="")))
    assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")


@pytest.mark.covers("RS-14", "RS-15")
def test_one_call_in_a_batch_that_lacks_a_scope_stops_the_batch():
    batch = [PING, tool_call("list_links"), tool_call("create_link"), tool_call("deploy_site")]
    reply, inner = call_with("mcp.connect links.read", batch)
    assert reply.challenge["scope"] == "mcp.connect links.read links.write site.deployments.write"
    assert inner.bodies == []


@pytest.mark.parametrize(
    "scope", ["mcp.connect links", "mcp.connect links.writer", "mcp.connect LINKS.WRITE", "mcp.connect,links.write"]
)
@pytest.mark.covers("RS-16")
def test_a_scope_that_only_resembles_the_needed_one_is_not_enough(scope: str):
    reply, _ = call_with(scope, tool_call("create_link"))
    assert reply.status == 403


def test_a_tool_without_a_rule_is_refused_for_good():
    reply, inner = call_with("mcp.connect links.write", tool_call("drop_database"))
    assert (reply.status, reply.json["error"]) == (403, "unlisted_tool")
    assert "www-authenticate" not in reply.headers
    assert inner.bodies == []


@pytest.mark.parametrize("name", [None, 1, {}, ["create_link"], "", "create_link ", "Create_Link"])
def test_a_name_that_is_not_a_listed_tool_is_refused(name: object):
    reply, _ = call_with("mcp.connect", {"method": "tools/call", "params": {"name": name}})
    assert reply.status == 403


def test_a_server_that_refuses_by_itself_may_hear_of_unlisted_tools():
    reply, inner = call_with("mcp.connect", tool_call("drop_database"), unlisted_tools=True)
    assert reply.status == 200
    assert len(inner.bodies) == 1


@pytest.mark.covers("req:R5")
def test_usage_is_counted_per_tool_person_and_handle():
    server = FakeAuthorizationServer()
    heard: list[ToolCall] = []
    protected = gate(server, Inner(), on_tool_call=heard.append)
    alice, at_globex = server.add(1, grant()), server.add(2, grant(handle="globex"))
    for bearer in (alice, alice, at_globex):
        ask(protected, bearer=bearer, body=tool_call("list_links"))
    ask(protected, bearer=alice, body=tool_call("create_link"))
    counts = {(call.tool, call.person, call.handle): count for call, count in protected.usage.items()}
    assert counts == {("list_links", "person-alice", "acme"): 2, ("list_links", "person-alice", "globex"): 1}
    assert [call.handle for call in heard] == ["acme", "acme", "globex"]
