"""The page of connected apps: what it lists, for whom, and how it asks before it ends anything."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import (
    AccessToken,
    Client,
    Connection,
    ConnectionUse,
    RefreshToken,
    ResourceServer,
    ToolCall,
    ToolUse,
)
from authserver.services import connections
from handles.models import Handle
from tests.authserver.views.test_consent_page import words
from tests.flows.changes import leave, set_client, set_handle, set_scope
from tests.people import CALLBACK, READS, App, Person, Tokens, World, hosted

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
    said = words(alice.http.get(LIST)).replace("\xa0", " ")
    assert "Never used" not in said
    assert re.search(r"Last used (now|a second ago|\d+ seconds ago)", said)


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


STATEMENTS_OF_THE_LIST = 15


def test_fifty_connections_cost_no_more_statements_than_one(
    world: World, alice: Person, django_assert_max_num_queries: Any
) -> None:
    alice.http.get(LIST)
    fill_in(Connection.objects.get())
    with django_assert_max_num_queries(STATEMENTS_OF_THE_LIST) as few:
        alice.http.get(LIST)
    first = Connection.objects.get()
    for number in range(49):
        client = Client.objects.create(name=f"Client {number}", client_id=f"client-{number}", redirect_uris=CALLBACK)
        another = Connection.objects.create(
            user=first.user,
            client=client,
            handle=first.handle if number % 2 else Handle.objects.get(slug="globex"),
            resource=first.resource,
            protected_resource=first.protected_resource,
            scopes=first.scopes,
        )
        fill_in(another)
    with django_assert_max_num_queries(len(few)):
        html = alice.http.get(LIST).content.decode()
    assert html.count('class="card connection"') == 50
    assert html.count("asked to create and edit links. Allow?") == 50
    assert html.count("3 tool calls in the last 30 days") == 50


def fill_in(connection: Connection) -> None:
    """Give a connection all that a card can show."""
    now = timezone.now()
    connections.wish(connection.pk, "links.write", tool="create_link", now=now)
    ConnectionUse.objects.create(connection=connection, day=now.date(), introspections=42)
    ToolUse.objects.create(connection=connection, day=now.date(), tool="list_links", outcome="allowed", count=3)


# --- What a card tells of use


def use(day: int, count: int, tool: str = "list_links", outcome: str = "allowed") -> None:
    on = (timezone.now() - timedelta(days=day)).date()
    ToolUse.objects.create(connection=Connection.objects.get(), day=on, tool=tool, outcome=outcome, count=count)


def test_the_tools_of_this_week_and_the_calls_of_thirty_days_are_told(alice: Person) -> None:
    use(0, 10)
    use(6, 4)
    use(7, 100)
    use(29, 5, "search")
    use(30, 1000)
    use(1, 50, "create_link", "insufficient_scope")
    said = words(alice.http.get(LIST))
    assert "Calls 169 tool calls in the last 30 days. Most used this week: list_links 14 times Details" in said


def test_calls_that_are_not_added_up_yet_are_told_too(alice: Person, world: World) -> None:
    use(0, 1)
    server = ResourceServer.objects.get(pk=world.asker.id)
    ToolCall.objects.create(
        connection=Connection.objects.get(),
        resource_server=server,
        tool="list_links",
        outcome="allowed",
        count=2,
        at=timezone.now(),
    )
    assert "Calls 3 tool calls in the last 30 days. Most used this week: list_links 3 times" in words(
        alice.http.get(LIST)
    )


def test_where_no_calls_are_reported_the_questions_of_resource_servers_are_told(alice: Person) -> None:
    for day, count in ((0, 40), (29, 2), (30, 500)):
        on = (timezone.now() - timedelta(days=day)).date()
        ConnectionUse.objects.create(connection=Connection.objects.get(), day=on, introspections=count)
    assert "Calls 42 requests in the last 30 days Details" in words(alice.http.get(LIST))


def test_only_the_most_used_tools_are_named(alice: Person) -> None:
    for number, tool in enumerate(("a", "b", "c", "d"), start=1):
        use(0, number, tool)
    said = words(alice.http.get(LIST))
    assert "Most used this week: d 4 times, c 3 times, b 2 times Details" in said


def test_a_client_that_was_not_used_for_ninety_days_is_marked(alice: Person) -> None:
    ago = timezone.now() - timedelta(days=89)
    Connection.objects.update(created_at=ago)
    assert "Unused for 90 days" not in words(alice.http.get(LIST))
    Connection.objects.update(created_at=ago - timedelta(days=2))
    assert "Unused for 90 days" in words(alice.http.get(LIST))
    Connection.objects.update(last_used_at=ago)
    assert "Unused for 90 days" not in words(alice.http.get(LIST))


def test_where_from_is_a_network_and_a_family_of_programs_and_nothing_that_was_sent(alice: Person) -> None:
    Connection.objects.update(last_address="203.0.113.77", last_agent="python-httpx/0.28.1 <b>")
    said = words(alice.http.get(LIST))
    assert "From Python program, network 203.0.113.0/24" in said
    assert "203.0.113.77" not in said
    assert "httpx" not in said


def test_before_the_client_came_itself_the_browser_that_allowed_it_is_told(alice: Person) -> None:
    Connection.objects.update(
        last_address=None, last_agent="", approved_address="2001:db8:1:2::3", approved_agent="Firefox/133.0"
    )
    assert "From Firefox, network 2001:db8:1::/48" in words(alice.http.get(LIST))


def test_what_is_alive_of_it_is_told(alice: Person, held: Tokens, chatgpt: App) -> None:
    assert "Keys alive 1 for calls, 1 for renewing" in words(alice.http.get(LIST))
    chatgpt.refresh(held.refresh)
    assert "Keys alive 2 for calls, 1 for renewing" in words(alice.http.get(LIST))
    AccessToken.objects.all().delete()
    RefreshToken.objects.all().delete()
    said = words(alice.http.get(LIST))
    assert "Keys alive 0 for calls, 0 for renewing" in said
    assert "nothing of it is valid any more" in said


def test_it_is_said_where_the_person_may_not_act_any_more(alice: Person) -> None:
    leave(alice, "acme")
    assert "You may not act for @acme at the moment." in words(alice.http.get(LIST))


# --- Finding one


@pytest.fixture
def several(world: World, alice: Person) -> Person:
    """ChatGPT on @acme (used long ago), Claude on @globex (used today), Zed on @acme (never used)."""
    for name, handle in (("Claude", "globex"), ("Zed", "acme")):
        world.connect(alice, App.register(name), handle=handle)
    now = timezone.now()
    for name, days in (("ChatGPT", 50), ("Claude", 0)):
        Connection.objects.filter(client__name=name).update(last_used_at=now - timedelta(days=days))
    return alice


def shown(page: Any) -> list[str]:
    return re.findall(r'aria-label="(\w+) on @', page.content.decode())


SEARCHES = {
    "": "Zed Claude ChatGPT",
    "sort=used": "Claude ChatGPT Zed",
    "sort=unused": "Zed ChatGPT Claude",
    "sort=newest": "Zed Claude ChatGPT",
    "sort=id;drop": "Zed Claude ChatGPT",
    "q=c": "Claude ChatGPT",
    "q=CHATG": "ChatGPT",
    "q=%20zed%20": "Zed",
    "q=nothing": "",
    "q=%00": "",
    "q=%25": "",
    "handle=acme": "Zed ChatGPT",
    "handle=acme&sort=used&q=t": "ChatGPT",
    "handle=initech": "",
    "handle=%00": "",
}


def test_the_list_is_searched_filtered_and_sorted(several: Person) -> None:
    for query, found in SEARCHES.items():
        page = several.http.get(f"{LIST}?{query}")
        assert page.status_code == 200, query
        assert shown(page) == found.split(), query
        assert ("of 3 connections shown" in words(page)) == (query.startswith(("q=", "handle="))), query


def test_a_search_leaves_the_count_of_what_disconnect_all_ends(several: Person) -> None:
    assert "End all 3 connections" in words(several.http.get(f"{LIST}?q=zed"))


def test_what_was_searched_for_stays_in_the_form(several: Person) -> None:
    html = several.http.get(f'{LIST}?q="><b>&handle=acme&sort=used').content.decode()
    assert 'value="&quot;&gt;&lt;b&gt;"' in html
    assert '<option value="acme" selected>' in html
    assert '<option value="used" selected>' in html
