"""An attempt begins with the first 401: the MCP server tells of it, and of everything that it refuses later."""

from __future__ import annotations

import json

from authserver.models import Connection, TraceStep
from authserver.protocol import credentials
from tests.flows.trace.kit import in_front
from tests.people import GATEWAY, App, World, compat

CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_links"}}).encode()


def test_what_the_mcp_server_sees_is_in_the_trace_with_the_true_reason(world: World, chatgpt: App) -> None:
    with in_front(world.asker) as kit:
        refused = kit.ask("POST", GATEWAY)
        assert kit.ask("GET", "http://127.0.0.1:8001/.well-known/oauth-protected-resource/mcp").status == 200
        challenge, metadata = kit.told(2)
        assert (challenge.kind, challenge.code, challenge.ok) == ("challenge", "credential:missing", False)
        assert refused.json["error_uri"] == f"http://127.0.0.1:8000/attempts/{challenge.request_id}"
        assert (metadata.kind, metadata.ok, metadata.resource) == ("resource_metadata", True, GATEWAY)
        assert challenge.agent == "claude-code/2.1"
        assert challenge.origin == metadata.origin != ""

        token = world.connect(world.alice, chatgpt, handle="acme").access
        connection = Connection.objects.get()
        assert kit.ask("POST", GATEWAY, bearer=token, body=CALL).status == 200
        (worked,) = kit.told(1)
        assert (worked.kind, worked.ok, worked.code) == ("call", True, "tool:called")
        assert worked.detail == {"tool": "list_links"}
        assert (worked.connection_id, worked.person_id, worked.handle, worked.client_id) == (
            connection.pk, world.alice.user.pk, "acme", chatgpt.client_id,
        )  # fmt: skip

        assert kit.ask("POST", compat("acme"), bearer=token).status == 401
        (elsewhere,) = kit.told(1)
        assert (elsewhere.code, elsewhere.detail) == ("credential:other_resource", {"is_for": GATEWAY})
        assert (elsewhere.resource, elsewhere.connection_id) == (compat("acme"), connection.pk)

        kit.is_cut_off = True
        assert kit.ask("POST", GATEWAY, bearer=token).status == 503
        kit.is_cut_off = False
        world.alice.http.post(f"/connections/{connection.pk}/disconnect", {"confirm": "yes"})
        assert kit.ask("POST", GATEWAY, bearer=token).status == 401
        away, ended = kit.told(2)
        assert (away.code, ended.code, ended.detail) == (
            "introspection:unclear", "connection:ended", {"end_reason": connection_reason(connection)},
        )  # fmt: skip
        assert ended.person_id == world.alice.user.pk

    kept = repr(list(TraceStep.objects.values()))
    for secret in (token, credentials.digest(token).hex(), "192.0.2.7", "alice@example.com"):
        assert secret not in kept


def connection_reason(connection: Connection) -> str:
    connection.refresh_from_db()
    return connection.end_reason
