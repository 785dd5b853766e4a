"""The page of connected apps: what it lists, for whom, and how it asks before it ends anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Http
from django.utils import timezone

from tests.authserver.views.test_consent_page import words
from tests.flows.changes import leave, set_client, set_handle, set_scope
from tests.people import READS, App, Person, Tokens, World, hosted

LIST = "/connections"
NOBODYS = "8f6f6a2e-0000-4000-8000-000000000000"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


@pytest.fixture
def alice(world: World, held: Tokens) -> Person:
    return world.alice


def address_of(world: World, held: Tokens) -> str:
    return f"{LIST}/{world.asker.knows(held.access)['connection_id']}/disconnect"


# --- No


@pytest.mark.parametrize("path", [LIST, f"{LIST}/all/disconnect", f"{LIST}/{NOBODYS}/disconnect"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_not_signed_in_is_sent_to_do_so_and_comes_back(db: None, path: str, method: str) -> None:
    answer = getattr(Http(), method)(path)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query) == {"next": [path]}


@pytest.mark.parametrize("what", [NOBODYS, "x", "1", "%00", "all"])
def test_a_connection_that_does_not_exist_is_not_found(alice: Person, what: str) -> None:
    answer = alice.http.post(f"{LIST}/{what}/disconnec", {"confirm": "yes"})
    assert answer.status_code == 404
    if what != "all":
        assert alice.http.post(f"{LIST}/{what}/disconnect", {"confirm": "yes"}).status_code == 404


def test_a_form_from_another_site_ends_nothing(world: World, alice: Person, held: Tokens) -> None:
    strict = Http(enforce_csrf_checks=True)
    strict.cookies = alice.http.cookies
    for path in (address_of(world, held), f"{LIST}/all/disconnect"):
        assert strict.post(path, {"confirm": "yes"}).status_code == 403
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("confirm", ["", "no", "YES", "1", "yes please"])
def test_anything_but_yes_asks_again(world: World, alice: Person, held: Tokens, confirm: str) -> None:
    for path in (address_of(world, held), f"{LIST}/all/disconnect"):
        page = alice.http.post(path, {"confirm": confirm})
        assert page.status_code == 200
        assert "Keep it" in words(page)
    assert world.asker.is_active(held.access)


def test_a_link_cannot_disconnect(world: World, alice: Person, held: Tokens) -> None:
    for path in (address_of(world, held), f"{LIST}/all/disconnect"):
        assert alice.http.get(f"{path}?confirm=yes").status_code == 200
    assert world.asker.is_active(held.access)


# --- The list


def test_nothing_connected_says_how_to_begin(world: World) -> None:
    said = words(world.carol.sign_in().http.get(LIST))
    assert "No app is connected" in said
    assert "Disconnect" not in said


def test_a_card_names_client_handle_levels_dates_and_addresses(alice: Person, chatgpt: App) -> None:
    page = alice.http.get(LIST)
    said = words(page)
    assert 'aria-label="ChatGPT on @acme"' in page.content.decode()
    assert "Unverified Acme Inc." in said
    assert "May Read" in said
    assert f"Connected {timezone.now():%-d %B %Y}" in said
    assert "Never used" in said
    assert "Read your links Read links.read" in said
    assert "Sends people to chatgpt.com" in said
    assert "http://127.0.0.1:8001/mcp" in said
    assert chatgpt.client_id in said


def test_levels_are_listed_from_least_to_most(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=f"{READS} links.write webhooks.write"))
    world.alice.decide(page, scope=["webhooks.write", "links.write", "links.read"])
    assert "May Read, Change, Manage" in words(world.alice.http.get(LIST))


def test_the_time_of_the_last_use_is_told(world: World, alice: Person, held: Tokens) -> None:
    world.asker.knows(held.access)
    said = words(alice.http.get(LIST))
    assert "Never used" not in said
    assert "ago" in said


def test_the_newest_connection_comes_first(world: World, alice: Person) -> None:
    world.connect(alice, App.register("Claude"), handle="acme")
    html = alice.http.get(LIST).content.decode()
    assert html.index("Claude on @acme") < html.index("ChatGPT on @acme")


def test_only_several_connections_can_be_ended_together(world: World, alice: Person) -> None:
    assert "Disconnect all" not in words(alice.http.get(LIST))
    world.connect(alice, App.register("Claude"), handle="acme")
    said = words(alice.http.get(LIST))
    assert "End all 2 connections" in said
    assert "Disconnect all" in said


def test_connections_that_do_not_work_now_are_still_listed_and_can_be_ended(
    world: World, alice: Person, chatgpt: App, held: Tokens
) -> None:
    address = address_of(world, held)
    leave(alice, "acme")
    set_handle("acme", status="suspended")
    set_client(chatgpt, is_active=False)
    assert "ChatGPT on @acme" in alice.http.get(LIST).content.decode()
    assert alice.http.post(address, {"confirm": "yes"}).status_code == 302
    assert "No app is connected" in words(alice.http.get(LIST))


def test_a_client_cannot_write_markup_into_the_list(world: World) -> None:
    world.connect(world.alice, App.register('<img src=x>"'), handle="acme")
    html = world.alice.http.get(LIST).content.decode()
    assert "<img" not in html
    assert 'aria-label="&lt;img src=x&gt;&quot; on @acme"' in html


def test_a_scope_that_left_the_catalog_is_not_claimed(alice: Person) -> None:
    set_scope("links.read", is_active=False)
    assert "links.read" not in words(alice.http.get(LIST))


def test_the_question_names_app_and_handle_and_what_it_means(world: World, alice: Person, held: Tokens) -> None:
    said = words(alice.http.post(address_of(world, held)))
    assert "Disconnect ChatGPT from @acme ?" in said
    assert "loses access to @acme within seconds. Data it already copied stays there." in said
    assert "Keep it" in said


def test_after_disconnecting_the_list_says_so_once(world: World, alice: Person, held: Tokens) -> None:
    alice.http.post(address_of(world, held), {"confirm": "yes"})
    assert "ChatGPT no longer has access to @acme." in words(alice.http.get(LIST))
    assert "no longer has access" not in words(alice.http.get(LIST))


def test_disconnecting_what_has_ended_is_no_error(world: World, alice: Person, held: Tokens) -> None:
    address = address_of(world, held)
    assert [alice.http.post(address, {"confirm": "yes"}).status_code for _ in range(2)] == [302, 302]


# --- Headers and cost


def test_the_list_is_not_kept_and_not_framed(alice: Person) -> None:
    page = alice.http.get(LIST)
    assert page["Cache-Control"] == "no-store"
    assert page["X-Frame-Options"] == "DENY"
    assert page["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "form-action 'self'" in page["Content-Security-Policy"]
    assert "chatgpt.com" not in page["Content-Security-Policy"]


def test_more_connections_cost_no_more_statements(
    world: World, alice: Person, time_machine: Any, django_assert_max_num_queries: Any
) -> None:
    alice.http.get(LIST)
    with django_assert_max_num_queries(6) as few:
        alice.http.get(LIST)
    number_before = len(few)
    for number in range(5):
        time_machine.move_to(timezone.now() + timedelta(seconds=1))
        world.connect(alice, App.register(f"Client {number}"), handle="globex")
    with django_assert_max_num_queries(number_before):
        assert "Client 4" in words(alice.http.get(LIST))
