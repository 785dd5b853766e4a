"""Signing out everywhere, as an act: all of it or nothing. What pages show is in tests/accounts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import User
from authserver.models import Client, Connection, Event, PersonalAccessToken
from authserver.services import connections, personal_tokens
from authserver.services.connections import Issued
from authserver.services.standing import sign_out
from authserver.services.standing.sign_out import SignedOut
from handles.models import Handle
from tests.authserver.services.conftest import NOW, Approving, reason, refresh
from tests.people import World


def make_token(world: World, days: int = 30) -> PersonalAccessToken:
    made = personal_tokens.create(
        world.alice.user,
        Handle.objects.get(slug="acme"),
        name="CI",
        scopes=["links.read"],
        lifetime=timedelta(days=days),
        now=NOW,
    )
    assert isinstance(made, tuple)
    return made[0]


def test_where_something_fails_nothing_ends(world: World, pair: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token(world)
    monkeypatch.setattr(personal_tokens, "revoke_all", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sign_out.everywhere(world.alice.user, now=NOW)
    assert Connection.objects.get().is_live
    assert User.objects.get(email="alice@example.com").signed_out_at is None
    assert not Event.objects.filter(tag="person:signed_out_everywhere").exists()


def test_what_is_at_stake_is_what_ends(world: World, pair: Issued) -> None:
    make_token(world)
    make_token(world, days=365)
    alice = world.alice.user
    assert sign_out.at_stake(alice, now=NOW) == SignedOut(connections=1, tokens=2)
    assert sign_out.everywhere(alice, now=NOW) == SignedOut(connections=1, tokens=2)
    assert sign_out.at_stake(alice, now=NOW) == sign_out.everywhere(alice, now=NOW) == SignedOut(0, 0)


def test_what_has_expired_is_not_counted(world: World, pair: Issued) -> None:
    make_token(world)
    assert sign_out.at_stake(world.alice.user, now=NOW + timedelta(days=30)).tokens == 0


def test_no_refresh_revives_what_it_ended(world: World, pair: Issued, client_row: Client) -> None:
    sign_out.everywhere(world.alice.user, now=NOW)
    assert reason(refresh(pair.refresh_token, client_row)) == "connection:ended_signed_out"


def test_a_paused_connection_ends_too(world: World, pair: Issued) -> None:
    paused = Connection.objects.get()
    connections.pause(paused, who=connections.PausedBy.ADMINISTRATOR, by=world.admin.user, now=NOW)
    sign_out.everywhere(world.alice.user, now=NOW)
    assert Connection.objects.get().end_reason == "signed_out"


def test_other_people_keep_everything(world: World, pair: Issued) -> None:
    sign_out.everywhere(world.bob.user, now=NOW)
    assert Connection.objects.get().is_live
    assert User.objects.get(email="alice@example.com").signed_out_at is None


@pytest.mark.parametrize("meanwhile", ["signed out", "deactivated", "erased"])
def test_an_allow_that_was_under_way_makes_no_connection(
    world: World, approval: Approving, pair: Issued, meanwhile: str
) -> None:
    under_way = approval(user=world.alice.user)
    if meanwhile == "signed out":
        sign_out.everywhere(world.alice.user, now=NOW)
    elif meanwhile == "erased":
        User.objects.filter(email="alice@example.com").delete()
    else:
        User.objects.filter(email="alice@example.com").update(is_active=False)
    before = Connection.objects.count()
    assert reason(connections.approve(under_way, now=NOW)) == "person:signed_out"
    assert Connection.objects.count() == before


def test_somebody_who_signed_in_again_allows_as_ever(world: World, approval: Approving, pair: Issued) -> None:
    sign_out.everywhere(world.alice.user, now=NOW)
    assert isinstance(connections.approve(approval(user=world.alice.user), now=NOW), connections.Approved)
