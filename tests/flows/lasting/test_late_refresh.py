"""A refresh token that comes late: its own client goes on, wherever that can be told; a thief ends the connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, Notice, RefreshToken
from tests.people import CALLBACK, App, Tokens, World, tokens_of

pytestmark = pytest.mark.covers("ask:9")

HOME, NEXT_DOOR, ELSEWHERE = "8.8.8.8", "8.8.8.9", "9.9.9.9"
LATE = policy.REFRESH_LEEWAY + timedelta(seconds=1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(timezone.now(), tick=False) as travel:
        yield travel


@pytest.fixture
def chatgpt(db: None) -> App:
    app = App.register()
    app.http = caller(HOME, "node/22")
    return app


@pytest.fixture
def held(clock: Any, world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def caller(address: str, agent: str) -> Http:
    return Http(REMOTE_ADDR=address, headers={"user-agent": agent})


def refresh_as(app: App, token: str | None, http: Http) -> Any:
    mine, app.http = app.http, http
    try:
        return app.refresh(token)
    finally:
        app.http = mine


def verdicts() -> list[tuple[str, list[str]]]:
    rows = Event.objects.filter(tag__in=["refresh:late", "refresh:replayed"]).order_by("id")
    return [(row.detail["verdict"], row.detail["reasons"]) for row in rows]


# --- Theft


@pytest.mark.parametrize(
    ("address", "agent"), [(ELSEWHERE, "node/22"), (NEXT_DOOR, "node/22"), (HOME, "curl/8"), (ELSEWHERE, "curl/8")]
)
def test_a_copy_used_elsewhere_after_the_answer_was_used_ends_the_connection(
    clock: Any, world: World, chatgpt: App, held: Tokens, address: str, agent: str
) -> None:
    newer = tokens_of(chatgpt.refresh(held.refresh))
    assert world.asker.is_active(newer.access)
    clock.shift(LATE)
    answer = refresh_as(chatgpt, held.refresh, caller(address, agent))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not world.asker.is_active(newer.access)
    assert Connection.objects.get().end_reason == "refresh_replay"
    assert [verdict for verdict, _ in verdicts()] == ["theft"]


def test_the_verdict_names_its_reasons_and_the_person_is_told(
    clock: Any, world: World, chatgpt: App, held: Tokens, django_capture_on_commit_callbacks: Any
) -> None:
    world.asker.knows(tokens_of(chatgpt.refresh(held.refresh)).access)
    clock.shift(LATE)
    with django_capture_on_commit_callbacks(execute=True):
        refresh_as(chatgpt, held.refresh, caller(ELSEWHERE, "curl/8"))
    reasons = ["answer:used", "client:unproven", "address:other", "agent:other"]
    assert verdicts() == [("theft", reasons)]
    told = [letter.to for letter in mail.outbox if "was ended to protect it" in letter.subject]
    assert told == [["alice@example.com"]]
    assert Notice.objects.get(kind="connection_stolen").facts["address"] == ELSEWHERE


def test_a_lost_answer_is_not_for_somebody_who_has_nothing_in_common(
    clock: Any, world: World, chatgpt: App, held: Tokens
) -> None:
    chatgpt.refresh(held.refresh)
    clock.shift(LATE)
    assert refresh_as(chatgpt, held.refresh, caller(ELSEWHERE, "curl/8")).status_code == 400
    assert not Connection.objects.get().is_live


def test_whoever_got_a_lost_answer_by_a_copy_shows_at_the_next_turn(
    clock: Any, world: World, chatgpt: App, held: Tokens
) -> None:
    chatgpt.refresh(held.refresh)  # the answer arrives, but its client sleeps
    clock.shift(LATE)
    stolen = tokens_of(refresh_as(chatgpt, held.refresh, caller(ELSEWHERE, "node/22")))
    theirs = tokens_of(refresh_as(chatgpt, stolen.refresh, caller(ELSEWHERE, "node/22")))
    assert world.asker.is_active(theirs.access)
    clock.shift(LATE)
    assert chatgpt.refresh(stolen.refresh).status_code == 400
    assert not world.asker.is_active(theirs.access)


# --- Its own client, late


@pytest.mark.parametrize("after", [LATE, timedelta(hours=9), timedelta(days=13)])
def test_a_client_whose_answer_was_lost_goes_on_however_late(
    clock: Any, world: World, chatgpt: App, held: Tokens, after: timedelta
) -> None:
    lost = tokens_of(chatgpt.refresh(held.refresh))
    clock.shift(after)
    again = tokens_of(chatgpt.refresh(held.refresh))
    assert again.refresh == lost.refresh
    assert world.asker.is_active(again.access)
    assert verdicts() == [("late", ["answer:unused", "client:unproven", "address:same", "agent:same"])]


def test_a_client_that_moved_to_another_network_gets_its_lost_answer_too(
    clock: Any, world: World, chatgpt: App, held: Tokens
) -> None:
    chatgpt.refresh(held.refresh)
    clock.shift(LATE)
    assert tokens_of(refresh_as(chatgpt, held.refresh, caller(ELSEWHERE, "node/22")))


def test_a_second_process_of_the_same_machine_gets_the_newest_pair(
    clock: Any, world: World, chatgpt: App, held: Tokens
) -> None:
    newest = held
    for _ in range(5):
        newest = tokens_of(chatgpt.refresh(newest.refresh))
        assert world.asker.is_active(newest.access)
        clock.shift(timedelta(minutes=9))
    late = tokens_of(chatgpt.refresh(held.refresh))
    assert late.refresh == newest.refresh
    assert world.asker.is_active(late.access)
    assert RefreshToken.objects.filter(rotated_at=None).count() == 1
    both = [tokens_of(chatgpt.refresh(each.refresh)) for each in (late, newest)]
    assert both[0].refresh == both[1].refresh


def test_a_client_with_a_secret_is_late_and_no_thief(clock: Any, world: World) -> None:
    app = App.register("Server", CALLBACK, token_endpoint_auth_method="client_secret_post")
    app.http = caller(HOME, "node/22")
    held = world.connect(world.alice, app, handle="acme")
    assert world.asker.is_active(tokens_of(app.refresh(held.refresh)).access)
    clock.shift(LATE)
    app.http = caller(ELSEWHERE, "other/1")
    assert tokens_of(app.refresh(held.refresh))
    assert verdicts() == [("late", ["answer:used", "client:proven", "address:other", "agent:other"])]


def test_a_token_too_many_replacements_behind_is_refused_and_ends_nothing(
    clock: Any, world: World, chatgpt: App, held: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "REFRESH_CHAIN_LENGTH_MAX", 3)
    newest = held
    for _ in range(4):
        newest = tokens_of(chatgpt.refresh(newest.refresh))
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().is_live
    assert tokens_of(chatgpt.refresh(newest.refresh))
