"""A live connection is narrowed, widened again, withheld from, paused and resumed; its credentials stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import User
from authserver.models import Client, Connection, EventStream, ResourceServer, Scope, SecurityEvent
from authserver.services import catalog, connections, introspection
from authserver.services.connections import EndReason, Issued, PausedBy
from tests.authserver.services.conftest import NOW, READS, Approving, approve, exchange, issued, refresh
from tests.people import World

WIDER = (*READS, "links.write")
SECOND = timedelta(seconds=1)


@pytest.fixture
def alice(world: World) -> User:
    return world.alice.user


@pytest.fixture
def connection(pair: Issued) -> Connection:
    return Connection.objects.get()


def worth(world: World, pair: Issued) -> list[str] | None:
    """What a resource server is told of this pair's credential; None where it is worth nothing."""
    asker = world.asker
    told = introspection.describe(pair.access_token, asker_id=asker.id, asker_secret=asker.secret, now=NOW + SECOND)
    assert isinstance(told, dict)
    return told["scope"].split() if told["active"] else None


# --- What is not changed


def test_an_ended_connection_is_not_changed(connection: Connection, alice: User) -> None:
    connections.revoke(connection, reason=EndReason.PERSON, now=NOW)
    assert not connections.allow_scopes(connection, ["links.read"], by=alice, now=NOW)
    assert not connections.withhold(connection, ["links.read"], by=alice, now=NOW)
    assert not connections.pause(connection, who=PausedBy.PERSON, by=alice, now=NOW)
    assert not connections.resume(connection, who=PausedBy.ADMINISTRATOR, by=alice, now=NOW)
    assert Connection.objects.get().scopes == connection.scopes


@pytest.mark.parametrize("name", ["links.write", "pages.write", "nonsense", "offline_access"])
def test_what_was_never_allowed_cannot_be_ticked(connection: Connection, alice: User, name: str) -> None:
    assert not connections.allow_scopes(connection, [*READS, name], by=alice, now=NOW)
    assert name not in Connection.objects.get().scopes.split()


def test_what_is_required_stays_whatever_is_ticked(world: World, pair: Issued, alice: User) -> None:
    assert connections.allow_scopes(Connection.objects.get(), [], by=alice, now=NOW)
    connections.withhold(Connection.objects.get(), ["mcp.connect"], by=alice, now=NOW)
    assert worth(world, pair) == ["mcp.connect"]


def test_the_same_again_changes_nothing_and_is_not_told(connection: Connection, alice: User, stream: None) -> None:
    assert not connections.allow_scopes(connection, READS, by=alice, now=NOW)
    assert not connections.withhold(connection, [], by=alice, now=NOW)
    assert not connections.resume(connection, who=PausedBy.ADMINISTRATOR, by=alice, now=NOW)
    assert not SecurityEvent.objects.exists()


@pytest.mark.parametrize(
    ("paused", "resumes"),
    [
        (PausedBy.HANDLE_ADMIN, PausedBy.PERSON),
        (PausedBy.ADMINISTRATOR, PausedBy.PERSON),
        (PausedBy.ADMINISTRATOR, PausedBy.HANDLE_ADMIN),
        (PausedBy.PERSON, PausedBy.HANDLE_ADMIN),
        (PausedBy.PERSON, PausedBy.ADMINISTRATOR),
    ],
)
def test_nobody_ends_a_pause_that_is_not_theirs_to_end(
    connection: Connection, alice: User, paused: PausedBy, resumes: PausedBy
) -> None:
    assert connections.pause(connection, who=paused, by=alice, now=NOW)
    assert not connections.resume(connection, who=resumes, by=alice, now=NOW)
    assert not connections.pause(connection, who=paused, by=alice, now=NOW)
    assert Connection.objects.get().pauses == [paused]


def test_a_pause_over_another_ends_without_it(world: World, pair: Issued, alice: User) -> None:
    connection = Connection.objects.get()
    for who in (PausedBy.PERSON, PausedBy.ADMINISTRATOR, PausedBy.HANDLE_ADMIN):
        assert connections.pause(connection, who=who, by=alice, now=NOW)
    assert Connection.objects.get().paused_by == PausedBy.ADMINISTRATOR
    assert connections.resume(connection, who=PausedBy.ADMINISTRATOR, by=alice, now=NOW)
    assert Connection.objects.get().pauses == [PausedBy.PERSON]
    assert worth(world, pair) is None
    assert connections.resume(connection, who=PausedBy.PERSON, by=alice, now=NOW)
    assert worth(world, pair) == list(READS)


def test_an_allow_does_not_end_a_pause_of_somebody_higher(
    connection: Connection, alice: User, approval: Approving
) -> None:
    connections.pause(connection, who=PausedBy.HANDLE_ADMIN, by=alice, now=NOW)
    approve(approval())
    assert Connection.objects.get().paused_by == PausedBy.HANDLE_ADMIN


# --- What is


def test_an_unticked_scope_is_gone_at_once_and_back_at_once(world: World, pair: Issued, alice: User) -> None:
    connection = Connection.objects.get()
    connections.allow_scopes(connection, ["skills.read"], by=alice, now=NOW)
    assert worth(world, pair) == ["mcp.connect", "skills.read"]
    connections.allow_scopes(connection, READS, by=alice, now=NOW)
    assert worth(world, pair) == list(READS)


def test_what_an_admin_withholds_no_approval_brings_back(
    world: World, pair: Issued, alice: User, approval: Approving
) -> None:
    connections.withhold(Connection.objects.get(), ["links.read"], by=alice, now=NOW)
    approve(approval())
    assert "links.read" not in (worth(world, pair) or [])
    connections.withhold(Connection.objects.get(), [], by=alice, now=NOW)
    assert "links.read" in (worth(world, pair) or [])


def test_a_code_brings_no_more_than_what_is_left_when_it_is_exchanged(
    connection: Connection, alice: User, approval: Approving, client_row: Client
) -> None:
    code = approve(approval())
    connections.withhold(connection, ["links.read"], by=alice, now=NOW)
    assert "links.read" not in issued(exchange(code, client_row)).scopes


def test_a_refresh_carries_no_more_than_what_is_left(world: World, pair: Issued, client_row: Client) -> None:
    connections.withhold(Connection.objects.get(), ["links.read"], by=world.alice.user, now=NOW)
    renewed = issued(refresh(pair.refresh_token, client_row, NOW))  # the caller asks for what it had
    assert "links.read" not in (worth(world, renewed) or [])


def test_a_paused_credential_is_worth_nothing_and_refreshes_all_the_same(
    world: World, pair: Issued, client_row: Client, alice: User
) -> None:
    connections.pause(Connection.objects.get(), who=PausedBy.PERSON, by=alice, now=NOW)
    assert worth(world, pair) is None
    renewed = issued(refresh(pair.refresh_token, client_row, NOW))
    assert worth(world, renewed) is None
    connections.resume(Connection.objects.get(), who=PausedBy.PERSON, by=alice, now=NOW)
    assert worth(world, pair) == worth(world, renewed) == list(READS)


def test_a_persons_own_allow_ends_their_pause(connection: Connection, alice: User, approval: Approving) -> None:
    connections.pause(connection, who=PausedBy.PERSON, by=alice, now=NOW)
    approve(approval())
    assert Connection.objects.get().paused_at is None


def test_a_scope_that_left_the_catalog_and_returned_may_be_ticked(connection: Connection, alice: User) -> None:
    Scope.objects.filter(pk="links.read").update(is_active=False)
    catalog.touch()
    connections.allow_scopes(connection, ["skills.read"], by=alice, now=NOW)
    Scope.objects.filter(pk="links.read").update(is_active=True)
    catalog.touch()
    assert connections.allow_scopes(connection, READS, by=alice, now=NOW)
    assert Connection.objects.get().scopes.split() == list(READS)


# --- Who is told


@pytest.fixture
def stream(world: World) -> None:
    """A stream of the server that may ask about the connection, and one of a server that may not."""
    for asker in (world.asker, world.other_asker):
        server = ResourceServer.objects.get(pk=asker.id)
        EventStream.objects.create(resource_server=server, method=EventStream.Method.POLL, created_at=NOW)


def test_servers_of_the_resource_are_told_of_each_change_and_no_other_is(
    stream: None, world: World, connection: Connection, alice: User
) -> None:
    connections.allow_scopes(connection, ["skills.read"], by=alice, now=NOW)
    connections.withhold(connection, ["skills.read"], by=alice, now=NOW)
    connections.pause(connection, who=PausedBy.PERSON, by=alice, now=NOW)
    connections.resume(connection, who=PausedBy.PERSON, by=alice, now=NOW)
    connections.revoke(connection, reason=EndReason.PERSON, now=NOW)
    owed = SecurityEvent.objects.order_by("event_id")
    assert {str(each.stream.resource_server_id) for each in owed} == {world.asker.id}
    kinds = [next(iter(each.claims["events"])).rsplit("/", 1)[1] for each in owed]
    assert kinds == ["token-claims-change"] * 4 + ["session-revoked"]
    assert {each.claims["sub_id"]["session"]["id"] for each in owed} == {str(connection.pk)}
