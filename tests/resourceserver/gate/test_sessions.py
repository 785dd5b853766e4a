"""An MCP session belongs to the person, handle and client that opened it."""

from typing import Any

import pytest

from resourceserver.introspection import Identity
from resourceserver.sessions import Owner, SessionBook
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    PING,
    FakeAuthorizationServer,
    Inner,
    ask,
    bob,
    gate,
    grant,
    tool_call,
)

SESSION = {"Mcp-Session-Id": "session-1"}
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}


class World:
    """A gate behind which alice opened session-1 for @acme at the gateway."""

    def __init__(self, **changes: Any) -> None:
        self.server = FakeAuthorizationServer()
        self.inner = Inner(session_to_issue="session-1")
        self.gate = gate(self.server, self.inner, **changes)
        self.alice = self.server.add(1, grant())
        assert ask(self.gate, bearer=self.alice, body=INITIALIZE).status == 200
        self.inner.session_to_issue = None
        self.inner.scopes.clear()

    def call(self, granted: dict[str, Any], method: str = "POST", url: str = GATEWAY, **headers: str) -> Any:
        bearer = self.server.add(2, granted)
        return ask(self.gate, method, url, bearer=bearer, headers={**SESSION, **headers})


def test_the_caller_who_opened_a_session_keeps_it():
    world = World()
    assert ask(world.gate, bearer=world.alice, headers=SESSION).status == 200


def test_a_refreshed_credential_of_the_same_connection_keeps_the_session():
    assert World().call(grant(jti="jti-2", scope="mcp.connect")).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "granted",
    [
        grant(handle="globex", connection_id="connection-alice-globex"),
        grant(client_id="client-other", connection_id="connection-2"),
        bob(handle="acme"),
        bob(),
    ],
)
@pytest.mark.covers("RS-25", "req:B3")
def test_another_handle_person_or_client_is_refused(granted: dict[str, Any], method: str):
    world = World()
    reply = world.call(granted, method)
    assert (reply.status, reply.json["error"]) == (401, "session_handle_mismatch")
    assert reply.challenge["error"] == "invalid_token"
    assert reply.challenge["resource_metadata"].endswith("/oauth-protected-resource/mcp")
    assert world.inner.scopes == []


def test_a_foreign_session_is_refused_in_the_stateless_revision_too():
    reply = World().call(bob(), **{"MCP-Protocol-Version": "2026-07-28"})
    assert (reply.status, reply.json["error"]) == (401, "session_handle_mismatch")


def test_a_session_does_not_move_to_another_endpoint():
    url = COMPAT.format(handle="acme")
    reply = World().call(grant(aud=url), url=url)
    assert (reply.status, reply.json["error"]) == (401, "session_handle_mismatch")


@pytest.mark.parametrize(
    "revision", [{}, {"MCP-Protocol-Version": "2025-03-26"}, {"MCP-Protocol-Version": "2025-11-25"}]
)
def test_an_unknown_session_is_not_found_so_that_clients_open_a_new_one(revision: dict[str, str]):
    world = World()
    reply = ask(world.gate, bearer=world.alice, headers={"Mcp-Session-Id": "session-2", **revision})
    assert (reply.status, reply.json["error"]) == (404, "session_not_found")
    assert world.inner.scopes == []


@pytest.mark.covers("TR-02", "TR-17")
def test_the_stateless_revision_goes_on_and_the_server_never_sees_the_unknown_session():
    world = World()
    headers = {"Mcp-Session-Id": "session-2", "MCP-Protocol-Version": "2026-07-28"}
    assert ask(world.gate, bearer=world.alice, headers=headers).status == 200
    assert b"mcp-session-id" not in [name for name, _ in world.inner.scopes[0]["headers"]]


def test_a_deleted_session_is_forgotten():
    world = World()
    assert ask(world.gate, "DELETE", bearer=world.alice, headers=SESSION).status == 200
    assert ask(world.gate, bearer=world.alice, headers=SESSION).status == 404


def test_a_refused_deletion_forgets_nothing():
    world = World()
    world.inner.status = 405
    ask(world.gate, "DELETE", bearer=world.alice, headers=SESSION)
    world.inner.status = 200
    assert ask(world.gate, bearer=world.alice, headers=SESSION).status == 200


def test_a_failed_opening_binds_nothing():
    server = FakeAuthorizationServer()
    protected = gate(server, Inner(session_to_issue="session-1", status=400))
    bearer = server.add(1, grant())
    ask(protected, bearer=bearer, body=INITIALIZE)
    assert ask(protected, bearer=bearer, headers=SESSION).status == 404


def test_a_session_that_is_issued_again_stays_with_its_owner():
    world = World()
    world.inner.session_to_issue = "session-1"
    assert ask(world.gate, bearer=world.server.add(3, bob()), body=INITIALIZE).status == 200
    assert ask(world.gate, bearer=world.alice, headers=SESSION).status == 200


def test_the_session_is_checked_before_the_scopes():
    world = World()
    bearer = world.server.add(2, bob(scope=""))
    reply = ask(world.gate, bearer=bearer, headers=SESSION, body=tool_call("create_link"))
    assert reply.json["error"] == "session_handle_mismatch"


@pytest.mark.parametrize("query", ["session_id=session-1&session_id=session-2", "session_id=a&session_id=a"])
def test_two_sessions_in_one_message_are_refused(query: str):
    world = World()
    reply = ask(world.gate, url=f"http://127.0.0.1:8001/messages?{query}", bearer=world.alice)
    assert (reply.status, reply.json["error"]) == (400, "invalid_request")


def test_a_message_to_an_unknown_stream_is_not_found():
    world = World()
    reply = ask(world.gate, url="http://127.0.0.1:8001/messages?session_id=1", bearer=world.alice, body=PING)
    assert reply.status == 404


def test_an_anonymous_session_becomes_the_first_callers_and_then_nobody_elses():
    server = FakeAuthorizationServer()
    inner = Inner(session_to_issue="session-1")
    protected = gate(server, inner, mode="mixed")
    alice, also_bob = server.add(1, grant()), server.add(2, bob())
    assert ask(protected, body=INITIALIZE).status == 200
    assert ask(protected, headers=SESSION).status == 200
    assert ask(protected, bearer=alice, headers=SESSION).status == 200
    assert ask(protected, bearer=also_bob, headers=SESSION).json["error"] == "session_handle_mismatch"
    anonymous = ask(protected, headers=SESSION)
    assert (anonymous.status, anonymous.json["error"]) == (401, "missing_bearer_token")


def owner(person: str) -> Owner:
    names = dict.fromkeys(("username", "name", "handle_role", "client_name", "connection_id"), "")
    identity = Identity(person=person, handle="acme", client_id="c", scopes=(), resource=GATEWAY, expires_at=0, **names)
    return Owner.of(GATEWAY, identity)


def test_a_full_book_forgets_the_session_not_used_for_longest():
    book = SessionBook(max_sessions=2)
    for session in ("1", "2"):
        book.remember(session, owner("alice"))
    assert book.judge("1", owner("alice")) == "own"
    book.remember("3", owner("alice"))
    assert [book.judge(session, owner("alice")) for session in ("1", "2", "3")] == ["own", "unknown", "own"]
