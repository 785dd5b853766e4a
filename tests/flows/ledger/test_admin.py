"""An administrator reads the events, filters and downloads them, and changes nothing."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.admin import lists
from authserver.models import Connection, Event, LedgerState
from authserver.services import events, ledger
from tests.people import App, World, make_person
from tests.tampering import forget_events, laid_bare, run

EVENTS = "/admin/authserver/event/"


@pytest.fixture
def story(world: World, chatgpt: App) -> World:
    """Two people's connections, one of them ended, all of it linked; the administrator is signed in."""
    world.connect(world.alice, chatgpt, handle="acme")
    world.connect(world.bob, App.register("Claude", "https://claude.ai/callback"), handle="initech")
    chatgpt.revoke(chatgpt.refresh("x").content.decode())
    ledger.link()
    world.admin.sign_in()
    return world


def get(world: World, query: str = "", path: str = EVENTS, **options: Any) -> Any:
    return world.admin.http.get(f"{path}{query}", **options)


def text(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


def listed(world: World, query: str = "") -> list[int]:
    answer = get(world, query)
    assert answer.status_code == 200, (answer.status_code, answer.get("Location"))
    return [event.pk for event in answer.context["cl"].result_list]


def ids(**conditions: Any) -> list[int]:
    return list(Event.objects.filter(**conditions).order_by("-id").values_list("pk", flat=True))


# --- Nothing is changed here


def test_nobody_adds_changes_or_removes_an_event(story: World) -> None:
    before = list(Event.objects.values())
    first = Event.objects.earliest("id").pk
    assert get(story, "add/").status_code == 403
    for path in ("add/", f"{first}/change/", f"{first}/delete/"):
        assert story.admin.http.post(EVENTS + path, {"tag": "client:updated"}).status_code == 403
    answer = story.admin.http.post(EVENTS, {"action": "delete_selected", "_selected_action": [first], "post": "yes"})
    assert answer.status_code in (200, 302, 403)
    assert list(Event.objects.values()) == before
    html = text(get(story, f"{first}/change/"))
    assert "Save" not in html
    assert "Delete" not in html


@pytest.mark.parametrize("path", ["", "download/csv/", "download/jsonl/"])
def test_only_administrators_see_events(world: World, path: str) -> None:
    assert get(world, path).status_code == 302
    world.admin.http = world.alice.http
    world.alice.sign_in()
    assert get(world, path).status_code in (302, 403)


def test_staff_without_the_permission_downloads_nothing(world: World) -> None:
    staff = make_person("dave@example.com", is_staff=True).sign_in()
    for path in ("", "download/csv/", "download/jsonl/"):
        assert staff.http.get(EVENTS + path).status_code == 403
    assert User.objects.get(email="dave@example.com").is_staff


# --- The list


def test_events_are_found_by_tag_actor_handle_and_client(story: World, chatgpt: App) -> None:
    assert listed(story) == ids()
    assert listed(story, "?tag=connection:approved") == ids(tag="connection:approved")
    assert listed(story, "?actor__exact=client") == ids(actor="client")
    assert listed(story, "?handle=acme") == ids(handle="acme")
    assert listed(story, f"?client_id={chatgpt.client_id}") == ids(client_id=chatgpt.client_id)
    assert listed(story, "?handle=nowhere") == []


def test_events_are_found_by_whole_ids(story: World, chatgpt: App) -> None:
    of_acme = Connection.objects.get(handle__slug="acme")
    for column, value in (
        ("connection_id", of_acme.pk),
        ("person_id", story.bob.user.pk),
        ("client_id", chatgpt.client_id),
        ("handle", "initech"),
        ("request_id", Event.objects.latest("id").request_id),
        ("id", Event.objects.latest("id").pk),
    ):
        assert listed(story, f"?q={value}") == ids(**{column: value}) != []
    for junk in ("acm", "%", "00000000", "9" * 40, "-1", "x' OR 1=1"):
        assert listed(story, f"?q={junk}") == []
    assert get(story, "?q=%00").status_code == 200


def test_a_strange_address_is_answered_with_a_list_or_led_back_to_it(story: World) -> None:
    for query in ("?tag=x", "?at__year=x", "?at__year=2026&at__month=99", "?p=-1", "?p=x", "?e=1", "?nothing=1"):
        assert get(story, query, follow=True).status_code == 200
        assert get(story, query, path=f"{EVENTS}download/csv/", follow=True).status_code == 200


def test_the_dates_lead_from_year_to_day(story: World) -> None:
    last_year = timezone.now() - timedelta(days=400)
    Event.objects.create(tag="client:updated", actor="system", at=last_year)
    today = timezone.now()
    html = text(get(story))
    assert f"?at__year={last_year.year}" in html
    assert f"?at__year={today.year}" in html
    html = text(get(story, f"?at__year={today.year}&at__month={today.month}"))
    assert f"at__day={today.day}" in html
    query = f"?at__year={last_year.year}&at__month={last_year.month}&at__day={last_year.day}"
    assert listed(story, query) == ids(at=last_year)


@pytest.mark.parametrize("kind", ["year", "month", "day"])
def test_going_from_date_to_date_finds_what_django_finds(db: None, kind: str) -> None:
    start = timezone.now().replace(year=2024, month=1, day=31, hour=0, minute=0, second=0, microsecond=0)
    for days in (0, 0, 1, 28, 29, 30, 31, 60, 335, 336, 366, 700, 1095):
        Event.objects.create(tag="client:updated", actor="system", at=start + timedelta(days=days, hours=days % 24))
    assert lists.Stepping(model=Event).datetimes("at", kind) == list(Event.objects.datetimes("at", kind))


@pytest.mark.usefixtures("one_day")
def test_the_list_says_where_the_ledger_stands(story: World) -> None:
    count = Event.objects.count()
    html = text(get(story))
    assert f"{count} events. Linked up to {timezone.now():%Y-%m-%d}" in html
    assert "Never verified." in html
    ledger.verify(now=timezone.now())
    assert f"Last verified {timezone.now():%Y-%m-%d}" in text(get(story))
    assert "errornote" not in text(get(story))
    with laid_bare():
        run("UPDATE authserver_event SET handle = 'x' WHERE id = %s", Event.objects.earliest("id").pk)
    ledger.verify(now=timezone.now())
    html = text(get(story))
    assert "The last verification found: event" in html
    assert "was changed after it was written" in html


def test_without_any_event_the_list_stands_too(world: World) -> None:
    world.admin.sign_in()
    forget_events()
    assert "0 events. None is linked yet. Never verified." in text(get(world))


def test_one_event_shows_its_link(story: World) -> None:
    event = Event.objects.earliest("id")
    assert "1, " in text(get(story, f"{event.pk}/change/"))
    events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM)
    assert "none yet" in text(get(story, f"{Event.objects.latest('id').pk}/change/"))


@pytest.mark.usefixtures("one_day")
def test_more_events_cost_no_more_queries_and_none_counts_them_all(story: World) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            get(story)
        return [query["sql"] for query in seen]

    before = queries()
    for number in range(30):
        events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM, handle=f"handle-{number}")
    after = queries()
    assert len(after) == len(before)
    counts = [sql for sql in after if "COUNT(" in sql and "authserver_event" in sql]
    assert counts
    assert all("LIMIT 10000" in sql or "LIMIT 1" in sql or '"id" >' in sql for sql in counts)


# --- Downloads


def test_the_filtered_list_is_downloaded_as_a_table(story: World) -> None:
    answer = get(story, "download/csv/?handle=acme")
    assert answer["Content-Disposition"] == 'attachment; filename="events.csv"'
    assert "no-store" in answer["Cache-Control"]
    rows = list(csv.DictReader(io.StringIO(text(answer))))
    assert [int(row["id"]) for row in rows] == ids(handle="acme")[::-1]
    assert rows[0]["tag"] == "connection:approved"
    assert json.loads(rows[0]["detail"])["scopes"]
    assert len(rows[0]["hash"]) == 64


def test_the_filtered_list_is_downloaded_as_json_lines(story: World) -> None:
    lines = text(get(story, "download/jsonl/?tag=connection:approved")).splitlines()
    assert [json.loads(line)["event"]["id"] for line in lines] == ids(tag="connection:approved")[::-1]


def test_a_cell_is_no_formula(story: World) -> None:
    for name in ("=1+1", "+1", "-1", "@x", "\t=1"):
        Event.objects.create(tag="client:adopted", actor="system", client_id=name)
    rows = list(csv.DictReader(io.StringIO(text(get(story, "download/csv/?tag=client:adopted")))))
    assert [row["client_id"][0] for row in rows] == ["'"] * 5


def test_a_download_of_too_many_says_what_to_do(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "EVENT_DOWNLOAD_ROWS_MAX", 3)
    answer = get(story, "download/csv/?actor__exact=client", follow=True)
    assert answer.redirect_chain == [(f"{EVENTS}?actor__exact=client", 302)]
    assert "More than 3 events match. Narrow the list, or use manage.py ledger export." in text(answer)
    assert get(story, "download/csv/?tag=connection:approved").status_code == 200


def test_there_is_no_other_kind_of_download(story: World) -> None:
    assert get(story, "download/xlsx/").status_code == 404
    assert LedgerState.objects.get().is_open is False
