"""A copied refresh token: within the leeway it only repeats the answer, after it the connection ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from authserver import policy
from authserver.models import AccessToken, Connection, Event, RefreshToken
from tests.people import App, Tokens, World, tokens_of

START = datetime(2026, 11, 20, 12, tzinfo=timezone.get_default_timezone())
AFTER_LEEWAY = policy.REFRESH_LEEWAY + timedelta(seconds=1)


def at(moment: datetime) -> time_machine.travel:
    return time_machine.travel(moment, tick=False)


def connected(world: World, app: App) -> Tokens:
    with at(START):
        return world.connect(world.alice, app, handle="acme")


@pytest.mark.covers("AS-41", "T18")
def test_a_replaced_refresh_token_used_after_the_leeway_ends_the_connection_and_says_so(
    world: World, chatgpt: App
) -> None:
    held = connected(world, chatgpt)
    with at(START):
        successor = tokens_of(chatgpt.refresh(held.refresh))
    with at(START + AFTER_LEEWAY):
        assert world.asker.is_active(successor.access)
        assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
        assert world.asker.knows(successor.access) == {"active": False}
        assert chatgpt.refresh(successor.refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().end_reason == Connection.EndReason.REFRESH_REPLAY
    assert list(Event.objects.values_list("tag", flat=True)[:2]) == ["connection:revoked", "refresh:replayed"]


@pytest.mark.covers("AS-41")
def test_the_oldest_of_a_long_line_of_refresh_tokens_still_ends_the_connection(world: World, chatgpt: App) -> None:
    first = held = connected(world, chatgpt)
    moment = START
    for _ in range(4):
        moment += timedelta(minutes=9)
        with at(moment):
            held = tokens_of(chatgpt.refresh(held.refresh))
    with at(moment):
        assert chatgpt.refresh(first.refresh).status_code == 400
        assert world.asker.knows(held.access) == {"active": False}


@pytest.mark.covers("T18", "Q1")
def test_within_the_leeway_the_same_token_answers_the_same_pair(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START):
        first = tokens_of(chatgpt.refresh(held.refresh))
    with at(START + policy.REFRESH_LEEWAY):
        again = tokens_of(chatgpt.refresh(held.refresh))
        assert (again.access, again.refresh) == (first.access, first.refresh)
        assert again.expires_in == first.expires_in - int(policy.REFRESH_LEEWAY.total_seconds())
    assert RefreshToken.objects.count() == 2


@pytest.mark.covers("AS-41")
def test_a_thief_within_the_leeway_gains_no_line_of_his_own(world: World, chatgpt: App) -> None:
    """Both hold the same successor: whoever lags behind by more than the leeway ends the connection for both."""
    held = connected(world, chatgpt)
    with at(START):
        owners = tokens_of(chatgpt.refresh(held.refresh))
        thiefs = tokens_of(chatgpt.refresh(held.refresh))
        assert thiefs.refresh == owners.refresh
        newest = tokens_of(chatgpt.refresh(thiefs.refresh))
        assert world.asker.is_active(newest.access)
    with at(START + AFTER_LEEWAY):
        assert chatgpt.refresh(owners.refresh).status_code == 400
        assert world.asker.knows(newest.access) == {"active": False}


@pytest.mark.covers("H9")
def test_revoking_a_replaced_refresh_token_ends_its_successor_too(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START):
        successor = tokens_of(chatgpt.refresh(held.refresh))
        assert chatgpt.revoke(held.refresh or "").status_code == 200
        assert world.asker.knows(successor.access) == {"active": False}
        assert chatgpt.refresh(successor.refresh).json()["error"] == "invalid_grant"


@pytest.mark.covers("H9", "RF-16")
@pytest.mark.parametrize("which", ["access", "refresh"])
def test_revoking_either_token_ends_both(world: World, chatgpt: App, which: str) -> None:
    held = connected(world, chatgpt)
    with at(START):
        assert chatgpt.revoke(getattr(held, which)).status_code == 200
        assert world.asker.knows(held.access) == {"active": False}
        assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"


@pytest.mark.covers("H9")
def test_revoking_one_connection_leaves_the_others_of_the_same_person_and_client(world: World, chatgpt: App) -> None:
    acme = connected(world, chatgpt)
    with at(START):
        globex = world.connect(world.alice, chatgpt, handle="globex")
        chatgpt.revoke(acme.access)
        assert not world.asker.is_active(acme.access)
        assert world.asker.is_active(globex.access)


@pytest.mark.covers("RF-16")
def test_another_client_revokes_nothing_and_learns_nothing(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START):
        other = App.register("Other")
        answers = [other.revoke(token) for token in (held.access, held.refresh or "", "mcpv1_unknown")]
        assert {(each.status_code, each.content) for each in answers} == {(200, answers[2].content)}
        assert world.asker.is_active(held.access)
        assert chatgpt.refresh(held.refresh).status_code == 200


@pytest.mark.covers("H10")
def test_the_credential_in_use_survives_a_refresh_to_its_own_expiry(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START + timedelta(minutes=1)):
        chatgpt.refresh(held.refresh)
    with at(START + policy.ACCESS_TOKEN_LIFETIME - timedelta(seconds=1)):
        assert world.asker.is_active(held.access)
    with at(START + policy.ACCESS_TOKEN_LIFETIME):
        assert world.asker.knows(held.access) == {"active": False}


@pytest.mark.covers("AS-41", "req:B1")
def test_a_refresh_token_left_unused_past_its_lifetime_is_refused_and_ends_nothing(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START + policy.REFRESH_TOKEN_IDLE_LIFETIME):
        assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().is_live


@pytest.mark.parametrize("which", ["other client", "access token", "malformed", "empty"])
def test_a_refresh_with_anything_else_mints_nothing(world: World, chatgpt: App, which: str) -> None:
    held = connected(world, chatgpt)
    refresh = held.refresh or ""
    app = App.register("Other") if which == "other client" else chatgpt
    token = {"access token": held.access, "malformed": refresh[:-1] + "_", "empty": ""}.get(which, refresh)
    before = AccessToken.objects.count()
    with at(START + AFTER_LEEWAY):
        answer = app.refresh(token)
        assert answer.status_code == 400
        assert answer.json()["error"] == ("invalid_request" if which == "empty" else "invalid_grant")
        assert AccessToken.objects.count() == before
        assert chatgpt.refresh(held.refresh).status_code == 200


@pytest.mark.covers("M-narrowing", "req:S3")
def test_asking_for_less_once_takes_nothing_from_the_next_refresh(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START):
        less = tokens_of(chatgpt.refresh(held.refresh, scope="mcp.connect"))
        assert (less.scope, world.asker.knows(less.access)["scope"]) == ("mcp.connect", "mcp.connect")
        assert set(tokens_of(chatgpt.refresh(less.refresh)).scope.split()) == set(held.scope.split())


@pytest.mark.covers("req:S3")
def test_a_refresh_cannot_widen(world: World, chatgpt: App) -> None:
    held = connected(world, chatgpt)
    with at(START):
        more = chatgpt.refresh(held.refresh, scope="mcp.connect links.write site.deployments.write")
        assert tokens_of(more).scope == "mcp.connect"
        answer = chatgpt.refresh(more.json()["refresh_token"], scope="links.write")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
