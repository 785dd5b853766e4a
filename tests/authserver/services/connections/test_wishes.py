"""A scope that was used without being allowed waits for the person, and the next refresh carries it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authserver import policy
from authserver.models import Client, Connection, Event, Notice, ProtectedResource, Scope, ScopeRequest
from authserver.services import catalog, connections
from authserver.services.connections import EndReason, Issued
from handles.models import Membership
from tests.authserver.services.conftest import NOW, READS, Approving, approve, issued, refresh
from tests.people import World

DAY = timedelta(days=1)


@pytest.fixture
def connection(pair: Issued) -> Connection:
    return Connection.objects.get()


def wish(connection: Connection, scope: str = "links.write", now=NOW) -> bool:
    return connections.wish(connection.pk, scope, tool="create_link", now=now)


# --- What does not wait


@pytest.mark.parametrize("scope", ["links.read", "mcp.connect", "nonsense", "", "\x00"])
def test_what_it_has_or_nobody_knows_is_no_wish(connection: Connection, scope: str) -> None:
    assert not wish(connection, scope)
    assert not ScopeRequest.objects.exists()


def test_what_the_role_does_not_reach_is_no_wish(connection: Connection, world: World) -> None:
    Scope.objects.filter(pk="links.write").update(role="owner")
    Membership.objects.filter(user=world.alice.user, handle=connection.handle).update(role="member")
    catalog.touch()
    assert not wish(connection)


def test_what_the_endpoint_does_not_offer_or_an_admin_withholds_is_no_wish(connection: Connection) -> None:
    connections.withhold(connection, ["links.write"], by=connection.user, now=NOW)
    assert not wish(connection)
    connections.withhold(connection, [], by=connection.user, now=NOW)
    ProtectedResource.objects.get(kind="gateway").scopes.set(Scope.objects.filter(pk__in=READS))
    assert not wish(connection)


def test_an_ended_connection_wishes_nothing(connection: Connection) -> None:
    connections.revoke(connection, reason=EndReason.PERSON, now=NOW)
    assert not wish(connection)


def test_a_declined_wish_rests(connection: Connection, world: World) -> None:
    wish(connection)
    assert connections.decline_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    assert not connections.allow_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    assert not wish(connection, now=NOW + policy.DECLINED_WISH_REST - DAY)
    assert wish(connection, now=NOW + policy.DECLINED_WISH_REST)


def test_a_wish_is_not_allowed_once_the_role_no_longer_reaches_it(connection: Connection, world: World) -> None:
    wish(connection)
    Membership.objects.filter(user=world.alice.user, handle=connection.handle).delete()
    assert not connections.allow_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    assert "links.write" not in Connection.objects.get().scopes


# --- What does


def test_the_same_wish_waits_once_and_is_counted(connection: Connection) -> None:
    assert wish(connection)
    assert wish(connection, now=NOW + DAY)
    waiting = ScopeRequest.objects.get()
    assert (waiting.count, waiting.asked_at, waiting.last_asked_at) == (2, NOW, NOW + DAY)
    assert Event.objects.filter(tag="scope:asked").count() == 1


def test_an_allowed_wish_is_carried_by_the_next_refresh_and_mailed(
    connection: Connection, world: World, pair: Issued, client_row: Client
) -> None:
    wish(connection)
    assert connections.allow_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    assert not connections.allow_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    scopes = Connection.objects.get().scope_list
    assert "links.write" in scopes
    assert "links.write" in issued(refresh(pair.refresh_token, client_row, scope_list=scopes)).scopes
    assert Notice.objects.get(kind="connection_widened").facts["scopes"] == ["links.write"]


def test_a_consent_that_grants_it_answers_the_wish(connection: Connection, approval: Approving) -> None:
    wish(connection)
    wider = (*READS, "links.write")
    approve(approval(wanted=wider, granted=wider))
    assert ScopeRequest.objects.get().decision == "allowed"


def test_it_may_be_unticked_and_ticked_again_afterwards(connection: Connection, world: World) -> None:
    wish(connection)
    connections.allow_wish(ScopeRequest.objects.get(), by=world.alice.user, now=NOW)
    connections.allow_scopes(connection, READS, by=world.alice.user, now=NOW)
    assert "links.write" not in Connection.objects.get().scope_list
    connections.allow_scopes(connection, [*READS, "links.write"], by=world.alice.user, now=NOW)
    assert "links.write" in Connection.objects.get().scope_list


# --- What is shown to the person


def test_what_waits_is_listed_for_its_person_only_and_only_while_it_may_be_allowed(
    connection: Connection, world: World
) -> None:
    wish(connection)
    assert [row.scope for row in connections.waiting_for(connection.user)] == ["links.write"]
    assert connections.waiting_for(world.bob.user) == []
    connections.withhold(connection, ["links.write"], by=connection.user, now=NOW)
    assert connections.waiting_for(connection.user) == []
    connections.withhold(connection, [], by=connection.user, now=NOW)
    ProtectedResource.objects.get(kind="gateway").scopes.set(Scope.objects.filter(pk__in=READS))
    assert connections.waiting_for(connection.user) == []
    ProtectedResource.objects.get(kind="gateway").scopes.clear()
    assert len(connections.waiting_for(connection.user)) == 1
    connections.revoke(connection, reason=EndReason.PERSON, now=NOW)
    assert connections.waiting_for(connection.user) == []
