"""A handle's page of usage and its file: for the admins of the handle and nobody else."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Connection, ConnectionUse, ToolUse
from authserver.views.handles import usage
from handles.models import Handle, Membership
from tests.people import App, Tokens, World

PAGES = ("/handles/acme/usage", "/handles/acme/usage.csv")


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.bob, chatgpt, handle="acme")


def used(tool: str = "create_link", count: int = 14, *, days_ago: int = 0, outcome: str = "allowed") -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    ToolUse.objects.create(connection=Connection.objects.get(), day=day, tool=tool, outcome=outcome, count=count)


def shown(world: World, query: str = "") -> str:
    world.alice.sign_in()
    answer = world.alice.http.get("/handles/acme/usage" + query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def exported(world: World, query: str = "") -> list[list[str]]:
    world.alice.sign_in()
    answer = world.alice.http.get("/handles/acme/usage.csv" + query)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.content.decode())))


# --- Who may see it


@pytest.mark.parametrize("path", PAGES)
def test_somebody_who_is_not_signed_in_is_asked_to(world: World, path: str) -> None:
    answer = Http().get(path)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_for_members_strangers_and_administrators_there_is_nothing(
    world: World, held: Tokens, who: str, path: str
) -> None:
    used()
    answer = getattr(world, who).sign_in().http.get(path)
    assert answer.status_code == 404
    assert "create_link" not in answer.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_an_admin_sees_it_until_the_role_goes(world: World, path: str) -> None:
    seat = Membership.objects.filter(user=world.bob.user, handle__slug="acme")
    seat.update(role="admin")
    assert world.bob.sign_in().http.get(path).status_code == 200
    seat.update(role="member")
    assert world.bob.http.get(path).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_suspended_or_unknown_handle_has_no_usage(world: World, path: str) -> None:
    Handle.objects.filter(slug="acme").update(status="suspended")
    world.alice.sign_in()
    assert world.alice.http.get(path).status_code == 404
    assert world.alice.http.get(path.replace("acme", "nobody")).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_nobodys_cache_keeps_it(world: World, path: str) -> None:
    assert world.alice.sign_in().http.get(path)["Cache-Control"] == "no-store"


# --- What it says


def test_a_handle_without_use_says_so(world: World) -> None:
    assert "Nothing was used this week" in shown(world)
    assert "Nothing was used in the last 30 days" in shown(world, "?period=month")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"allowed": 14}, "used <code dir=\"ltr\">create_link</code> 14 times this week."),
        ({"allowed": 1}, "used <code dir=\"ltr\">create_link</code> once this week."),
        (
            {"allowed": 2, "insufficient_scope": 3},
            "2 times this week, and was refused it 3 times for want of permission.",
        ),
        ({"allowed": 2, "limited": 1}, "2 times this week, and was slowed down once."),
        (
            {"insufficient_scope": 1},
            "tried <code dir=\"ltr\">create_link</code> 1 time this week and was refused for want of permission.",
        ),
        ({"limited": 2}, "tried <code dir=\"ltr\">create_link</code> 2 times this week and was slowed down."),
    ],
)  # fmt: skip
def test_use_is_told_in_sentences(world: World, held: Tokens, counts: dict[str, int], sentence: str) -> None:
    for outcome, count in counts.items():
        used(outcome=outcome, count=count)
    assert sentence in shown(world)


def test_apps_people_and_tools_have_their_counts(world: World, held: Tokens) -> None:
    used(count=14)
    used(count=3, outcome="insufficient_scope")
    page = shown(world)
    for name in ("<bdi>ChatGPT</bdi>", "<bdi>bob@example.com</bdi>", '<code dir="ltr">create_link</code>'):
        row = '<td class="number">14</td><td class="number">3</td><td class="number">0</td>'
        assert f'<th scope="row">{name}</th>{row}' in page


def test_the_week_and_the_month_are_different(world: World, held: Tokens) -> None:
    used("yesterday", days_ago=1)
    used("last_week", days_ago=8)
    used("last_year", days_ago=365)
    assert [name in shown(world) for name in ("yesterday", "last_week", "last_year")] == [True, False, False]
    month = shown(world, "?period=month")
    assert [name in month for name in ("yesterday", "last_week", "last_year")] == [True, True, False]


@pytest.mark.parametrize(
    "query", ["?period=year", "?period=", "?page=0", "?page=-1", "?page=x", "?page=²", "?page=99999"]
)
def test_what_nobody_can_ask_for_is_the_first_page_of_the_week(world: World, held: Tokens, query: str) -> None:
    used()
    assert 'aria-current="page">This week' in shown(world, query)
    assert "create_link" in shown(world, query)


def test_an_app_whose_server_reports_nothing_is_told_by_its_requests(world: World, held: Tokens) -> None:
    ConnectionUse.objects.create(connection=Connection.objects.get(), day=timezone.now().date(), introspections=40)
    page = shown(world)
    assert "40 requests; no calls reported" in page
    assert "No server reports tool calls" in page


def test_long_lists_come_in_pages(world: World, held: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "PAGE_ROWS", 2)
    monkeypatch.setattr(usage, "LONGEST_LIST", 1)
    monkeypatch.setattr(usage, "SENTENCES", 1)
    for number in range(5):
        used(f"tool_{number}", number + 1)

    def on(query: str) -> list[int]:
        page = shown(world, query)
        return [number for number in range(5) if f"tool_{number}" in page.partition("Who used what")[2]]

    assert [on(""), on("?page=2"), on("?page=3"), on("?page=4")] == [[3, 4], [1, 2], [0], []]
    assert 'href="?period=week&amp;page=2">Less used' in shown(world)
    assert "Less used" not in shown(world, "?page=3")
    assert 'href="?period=week&amp;page=2">More used' in shown(world, "?page=3")


def test_the_page_costs_a_fixed_number_of_statements(
    world: World, held: Tokens, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        used(f"tool_{number}")
    world.alice.sign_in()
    with django_assert_max_num_queries(10):
        world.alice.http.get("/handles/acme/usage")


# --- The file


def test_the_file_says_the_same_by_the_day(world: World, held: Tokens) -> None:
    used(days_ago=1)
    day = str(timezone.now().date() - timedelta(days=1))
    app = Connection.objects.get().client.client_id
    assert exported(world) == [
        ["day", "app", "client_id", "person", "tool", "scopes", "outcome", "calls"],
        [day, "ChatGPT", app, "bob@example.com", "create_link", "", "allowed", "14"],
    ]
    used("last_week", days_ago=8)
    assert len(exported(world)) == 2
    assert len(exported(world, "?period=month")) == 3


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example")'])
def test_a_name_that_a_spreadsheet_would_calculate_is_marked_as_text(world: World, held: Tokens, name: str) -> None:
    used(name)
    assert exported(world)[1][4] == f"'{name}"
