"""Why a credential was refused is found out here, from its digest, and said of the connection that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from authserver.models import AccessToken, Client, Connection, ProtectedResource, ResourceServer, TraceStep
from authserver.protocol import credentials
from authserver.protocol.trace.reported import Reported
from authserver.protocol.trace.steps import Kind
from authserver.services import connections
from authserver.services.connections import EndReason, Issued
from authserver.services.trace import notes, reported
from handles.models import Handle, Membership
from tests.authserver.services.conftest import NOW
from tests.people import GATEWAY, World, compat

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(world: World) -> ResourceServer:
    return ResourceServer.objects.get(pk=world.asker.id)


def step(**changes: Any) -> Reported:
    usual: dict[str, Any] = {
        "kind": Kind.CALL, "ok": False, "code": "credential:refused", "at": NOW + MINUTE, "request_id": "0123abcd",
        "resource": GATEWAY, "address": "203.0.113.9", "agent": "probe/1", "tool": "", "connection_id": None,
        "digest": b"", "count": 1,
    }  # fmt: skip
    return Reported(**usual | changes)


def kept(*steps: Reported, asker: ResourceServer) -> list[TraceStep]:
    notes.forget()  # what the requests on the way here were
    reported.take(steps, asker)
    notes.flush()
    return list(TraceStep.objects.order_by("id"))


def of_all(model: Any, **changes: Any) -> None:
    model.objects.update(**changes)


def end() -> None:
    connections.revoke(Connection.objects.get(), reason=EndReason.ADMINISTRATOR, now=NOW)


def succeed(at: datetime = NOW + timedelta(minutes=30)) -> None:
    """Give the client a newer credential."""
    AccessToken.objects.create(connection=Connection.objects.get(), digest=b"n" * 32, issued_at=at, expires_at=at)


REASONS: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    "credential:other_resource": (lambda: None, {"resource": compat("acme")}, {"is_for": GATEWAY}),
    "connection:ended": (end, {}, {"end_reason": "administrator"}),
    "connection:paused": (lambda: of_all(Connection, paused_at=NOW), {}, {}),
    "client:blocked_or_expired": (lambda: of_all(Client, is_active=False), {}, {}),
    "resource:withdrawn": (lambda: of_all(ProtectedResource, is_active=False), {}, {}),
    "person:may_not_act_for_handle": (lambda: Membership.objects.all().delete(), {}, {}),
    "credential:expired": (lambda: of_all(AccessToken, expires_at=NOW), {}, {"seconds_ago": 60}),
    "credential:superseded": (
        lambda: (of_all(AccessToken, expires_at=NOW), succeed()), {}, {"seconds_ago": 60},
    ),
    "credential:expired_early": (
        lambda: of_all(AccessToken, expires_at=NOW + 2 * MINUTE), {"code": "credential:expired"}, {"seconds_left": 60},
    ),
    "credential:refused": (lambda: None, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_the_true_reason_is_kept_with_whose_it_was(
    pair: Issued, world: World, server: ResourceServer, reason: str
) -> None:
    break_it, changes, detail = REASONS[reason]
    break_it()
    (told,) = kept(step(digest=credentials.digest(pair.access_token), **changes), asker=server)
    connection = Connection.objects.get()
    assert (told.code, told.detail, told.ok) == (reason, detail, False)
    assert (told.connection_id, told.person_id, told.handle) == (connection.pk, world.alice.user.pk, "acme")
    assert (told.client_id, told.request_id) == (connection.client.client_id, "0123abcd")


def test_a_credential_that_nobody_knows_is_said_to_be_unknown(world: World, server: ResourceServer) -> None:
    (told,) = kept(step(digest=b"x" * 32, resource=compat("acme"), clock_skew_seconds=-90), asker=server)
    assert (told.code, told.handle, told.person_id) == ("credential:unknown", "acme", None)
    assert told.detail == {"clock_skew_seconds": -90}


def test_refusals_stay_apart_since_each_id_was_told_to_somebody(world: World, server: ResourceServer) -> None:
    refused = [step(kind=Kind.CHALLENGE, code="credential:missing", request_id=f"0123abc{n}") for n in range(3)]
    read = [step(kind=Kind.RESOURCE_METADATA, ok=True, code="", count=2) for _ in range(3)]
    told = kept(*refused, *read, asker=server)
    assert [(each.kind, each.count) for each in told] == [("challenge", 1)] * 3 + [("resource_metadata", 6)]


def test_an_address_in_no_known_spelling_is_no_address(world: World, server: ResourceServer) -> None:
    told = kept(step(address="unknown"), step(address="203.0.113.9:443", request_id="aaaaaaaa"), asker=server)
    assert [each.origin for each in told] == ["", notes.origin_of("203.0.113.9")]


def test_a_report_costs_a_query_for_each_kind_of_question(
    pair: Issued, server: ResourceServer, django_assert_num_queries: Any
) -> None:
    connection, digest = Connection.objects.get(), credentials.digest(pair.access_token)
    with django_assert_num_queries(0):
        reported.take([], server)
    with django_assert_num_queries(3):  # whose endpoints, whose connections, whose credentials
        reported.take([step(connection_id=connection.pk), step(digest=digest), step()] * 20, server)


def test_a_handle_of_its_own_is_named_by_its_endpoint(world: World, server: ResourceServer) -> None:
    own = ProtectedResource.objects.create(
        name="Own", address="https://own.example/mcp", handle=Handle.objects.get(slug="globex")
    )
    server.resources.add(own)
    (told,) = kept(step(kind=Kind.CHALLENGE, resource="https://own.example/mcp"), asker=server)
    assert (told.handle, told.resource) == ("globex", "https://own.example/mcp")
