"""Administrators act on many connections at once, each act asked about first, and look at how one stands."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import formats

from authserver import policy
from authserver.models import AccessToken, Client, ClientRule, Connection, Event, RefreshToken
from handles.models import Handle, Membership
from tests.flows.governance.control_plane import words_of
from tests.flows.standing.control_plane import make_stream, of, owed
from tests.people import App, Person, Tokens, World, make_person

pytestmark = pytest.mark.covers("screen:D2")

ADMIN = "/admin/authserver/connection/"
ACTIONS = ["revoke_selected", "revoke_all_of_person", "pause_selected", "resume_selected", "block_client"]


@pytest.fixture
def root(world: World) -> Person:
    return world.admin.sign_in()


@pytest.fixture
def held(world: World, chatgpt: App) -> list[Tokens]:
    """Alice at acme and globex, bob at acme."""
    return [
        world.connect(world.alice, chatgpt, handle="acme"),
        world.connect(world.alice, chatgpt, handle="globex"),
        world.connect(world.bob, chatgpt, handle="acme"),
    ]


def press(root: Person, action: str, *chosen: Any, **fields: Any) -> Any:
    form = {"action": action, "_selected_action": [str(each) for each in chosen]} | fields
    return root.http.post(ADMIN, form, follow=True)


def active(world: World, held: list[Tokens]) -> list[bool]:
    return [world.asker.is_active(each.access) for each in held]


def many(world: World, chatgpt: App, number: int) -> list[Any]:
    """Connections of so many people to acme, without tokens."""
    model = Connection.objects.select_related("client").first()
    assert model is not None
    acme = Handle.objects.get(slug="acme")
    people = [make_person(f"person{each}@example.com").user for each in range(number)]
    Membership.objects.bulk_create(Membership(handle=acme, user=person) for person in people)
    rows = [
        Connection(
            user=person,
            client=model.client,
            handle=acme,
            protected_resource=model.protected_resource,
            resource=model.resource,
            scopes=model.scopes,
        )
        for person in people
    ]
    return [row.pk for row in Connection.objects.bulk_create(rows)]


# --- Pausing, resuming, blocking


@pytest.mark.parametrize("action", ACTIONS)
def test_every_act_asks_why_first_and_changes_nothing_yet(
    root: Person, world: World, held: list[Tokens], action: str
) -> None:
    chosen = of(world, held[0].access).pk
    if action == "resume_selected":
        Connection.objects.filter(pk=chosen).update(paused_at="2026-01-01T00:00Z", paused_by="handle_admin")
    before = active(world, held)
    for fields in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 201}):
        page = press(root, action, chosen, **fields)
        assert page.status_code == 200
        assert "Kept in the events." in page.content.decode()
    assert active(world, held) == before
    assert not Event.objects.filter(actor="administrator", connection_id=chosen).exists()


def test_an_administrators_pause_holds_until_an_administrator_resumes(
    root: Person, world: World, held: list[Tokens]
) -> None:
    bobs = of(world, held[2].access)
    page = press(root, "pause_selected", bobs.pk, reason="Looking into it")
    assert "1 of 1 connection paused" in words_of(page)
    assert active(world, held) == [True, True, False]
    world.alice.sign_in()
    world.alice.http.post(f"/handles/acme/connections/{bobs.pk}/resume")
    assert active(world, held) == [True, True, False]
    page = press(root, "resume_selected", bobs.pk, reason="All clear")
    assert "1 of 1 connection resumed" in words_of(page)
    assert active(world, held) == [True] * 3
    rows = Event.objects.filter(tag__in=["connection:paused", "connection:resumed"]).order_by("pk")
    assert [(row.actor, row.actor_id, row.detail["note"]) for row in rows] == [
        ("administrator", str(root.user.pk), "Looking into it"),
        ("administrator", str(root.user.pk), "All clear"),
    ]


def test_what_is_paused_by_an_administrator_already_is_not_paused_again(
    root: Person, world: World, held: list[Tokens]
) -> None:
    bobs = of(world, held[2].access).pk
    press(root, "pause_selected", bobs, reason="Once")
    assert "not paused by an administrator already" in words_of(press(root, "pause_selected", bobs))
    press(root, "pause_selected", bobs, reason="Twice")
    assert Event.objects.filter(tag="connection:paused").count() == 1


def test_nothing_that_is_not_paused_is_resumed(root: Person, world: World, held: list[Tokens]) -> None:
    page = press(root, "resume_selected", of(world, held[0].access).pk, reason="Why not")
    assert "None of these connections is paused by an administrator" in words_of(page)
    assert not Event.objects.filter(tag="connection:resumed").exists()


def test_a_persons_own_pause_is_not_an_administrators_to_end(root: Person, world: World, held: list[Tokens]) -> None:
    chosen = of(world, held[0].access).pk
    Connection.objects.filter(pk=chosen).update(paused_at="2026-01-01T00:00Z", paused_by="person")
    press(root, "resume_selected", chosen, reason="Why not")
    assert active(world, held) == [False, True, True]


def test_blocking_the_client_of_one_connection_refuses_all_of_its_connections(
    root: Person, world: World, held: list[Tokens]
) -> None:
    kept = world.connect(world.alice, App.register("Claude"), handle="acme")
    chosen = of(world, held[0].access).pk
    page = press(root, "block_client", chosen)
    assert "1 client will be blocked everywhere." in words_of(page)
    assert "3 live connections are refused by it." in words_of(page)
    page = press(root, "block_client", chosen, reason="Phishing")
    assert "1 of 1 client blocked" in words_of(page)
    assert active(world, held) == [False] * 3
    assert world.asker.is_active(kept.access)
    assert Event.objects.get(tag="client:blocked").detail == {"note": "Phishing"}


def test_the_message_links_to_the_events_of_the_act_and_no_others(
    root: Person, world: World, held: list[Tokens], chatgpt: App
) -> None:
    chatgpt.revoke(held[1].refresh or "")
    page = press(root, "revoke_selected", of(world, held[0].access).pk, reason="lost")
    link = unescape(page.content.decode().split('<a href="/admin/authserver/event/?')[1].split('"')[0])
    shown = root.http.get(f"/admin/authserver/event/?{link}").context["cl"].result_list
    assert [(row.tag, str(row.connection_id)) for row in shown] == [
        ("connection:revoked", str(Event.objects.filter(actor="administrator").latest("pk").connection_id))
    ]


def test_a_list_that_grew_since_it_was_read_is_shown_again(
    root: Person, world: World, held: list[Tokens], chatgpt: App
) -> None:
    chosen = of(world, held[2].access).pk
    page = press(root, "revoke_all_of_person", chosen)
    assert "1 live connection will end." in words_of(page)
    assert '<input type="hidden" name="count" value="1"' in page.content.decode()
    newest = world.connect(world.bob, chatgpt, handle="initech")
    page = press(root, "revoke_all_of_person", chosen, reason="tidying", count="1")
    assert "The list changed while you read it." in words_of(page)
    assert "2 live connections will end." in words_of(page)
    assert '<input type="hidden" name="count" value="2"' in page.content.decode()
    assert world.asker.is_active(newest.access)
    press(root, "revoke_all_of_person", chosen, reason="tidying", count="2")
    assert active(world, [held[2], newest]) == [False, False]


@pytest.mark.parametrize(
    ("action", "verb", "row"), [("pause_selected", "PAUSE", 23), ("revoke_all_of_handle", "REVOKE", 24)]
)
def test_above_twenty_the_count_has_to_be_typed(
    root: Person, world: World, held: list[Tokens], chatgpt: App, action: str, verb: str, row: int
) -> None:
    chosen = [of(world, held[2].access).pk, *many(world, chatgpt, 22)]
    page = press(root, action, *chosen)
    assert f"Type {verb} {row} to confirm" in words_of(page)
    assert f"and {row - 20} more" in words_of(page)
    for typed in ("", f"{verb} {row - 1}", f"{verb.lower()} {row}", str(row)):
        press(root, action, *chosen, reason="all", confirmation=typed)
    assert Connection.objects.filter(ended_at=None, paused_at=None).count() == 25
    page = press(root, action, *chosen, reason="all", confirmation=f"{verb} {row}")
    assert f"{row} of {row} connections" in words_of(page)


def test_very_many_end_in_batches_that_say_what_is_left(
    root: Person, world: World, held: list[Tokens], chatgpt: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ENDED_AT_ONCE_MAX", 20)
    chosen = many(world, chatgpt, 30)
    assert "20 at a time" in words_of(press(root, "revoke_selected", *chosen))
    page = press(root, "revoke_selected", *chosen, reason="all", confirmation="REVOKE 30")
    assert "20 of 30 connections ended; the next request of each is refused. 10 are left" in words_of(page)
    page = press(root, "revoke_selected", *chosen, reason="all")
    assert "10 of 10 connections ended" in words_of(page)


def test_servers_that_remember_answers_are_told_of_each(root: Person, world: World, held: list[Tokens]) -> None:
    stream = make_stream(world.asker.id)
    bobs, client = of(world, held[2].access), Client.objects.get()
    for action in ("pause_selected", "resume_selected", "revoke_selected", "block_client"):
        press(root, action, bobs.pk, reason="because")
    session = {"format": "complex", "session": {"format": "opaque", "id": str(bobs.pk)}}
    for tag in ("connection:paused", "connection:resumed", "connection:revoked"):
        assert owed(stream, tag) == [session], tag
    assert owed(stream, "client:blocked") == [
        {"format": "complex", "application": {"format": "opaque", "id": client.client_id}}
    ]


# --- Who may


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_only_look_can_do_nothing(world: World, held: list[Tokens], action: str) -> None:
    viewer = make_person("viewer@example.com", is_staff=True)
    viewer.user.user_permissions.add(Permission.objects.get(codename="view_connection"))
    viewer.sign_in()
    press(viewer, action, of(world, held[0].access).pk, reason="because")
    assert active(world, held) == [True] * 3


def test_who_may_end_connections_may_not_block_clients_by_that(world: World, held: list[Tokens]) -> None:
    helper = make_person("helper@example.com", is_staff=True)
    helper.user.user_permissions.add(
        Permission.objects.get(codename="view_connection"), Permission.objects.get(codename="delete_connection")
    )
    helper.sign_in()
    press(helper, "block_client", of(world, held[0].access).pk, reason="because")
    assert Client.objects.get().is_active


# --- Looking


NARROWED = {
    "handle=acme": 2,
    "handle=@acme": 2,
    "handle=ACME": 2,
    "handle=nosuch": 0,
    "handle=%00": 0,
    "handle=a%27b": 0,
    "handle=acme&q=bob": 1,
    "status=paused": 0,
    "status=live&handle=globex": 1,
    "used=unused": 0,
    "used=nonsense": 3,
    "level=nonsense": 3,
    "level=change": 0,
}


def test_connections_are_narrowed(root: Person, held: list[Tokens]) -> None:
    pages = {query: root.http.get(f"{ADMIN}?{query}") for query in NARROWED}
    assert {page.status_code for page in pages.values()} == {200}
    assert {query: len(page.context["cl"].result_list) for query, page in pages.items()} == NARROWED


def test_a_typed_filter_keeps_the_other_ones(root: Person, held: list[Tokens]) -> None:
    html = root.http.get(f"{ADMIN}?status=live&q=bob").content.decode()
    form = html.split('class="typed-filter"')[1].split("</form>")[0]
    assert '<input type="hidden" name="status" value="live">' in form
    assert '<input type="hidden" name="q" value="bob">' in form


def test_a_withheld_scope_does_not_count_for_the_level(root: Person, world: World, held: list[Tokens]) -> None:
    Connection.objects.update(scopes="mcp.connect links.write", withheld_scopes="links.write")
    assert len(root.http.get(f"{ADMIN}?level=change").context["cl"].result_list) == 0
    Connection.objects.update(withheld_scopes="")
    assert len(root.http.get(f"{ADMIN}?level=change").context["cl"].result_list) == 3


def test_the_list_says_who_vouches_when_it_ends_and_how_it_stands(
    root: Person, world: World, held: list[Tokens]
) -> None:
    press(root, "pause_selected", of(world, held[2].access).pk, reason="because")
    words = words_of(root.http.get(ADMIN))
    assert "ChatGPT (unverified)" in words
    assert "Paused by an administrator" in words
    ends = RefreshToken.objects.latest("expires_at").expires_at
    assert formats.localize(ends) in words


def test_the_page_of_a_connection_shows_hash_ids_and_no_digest(root: Person, world: World, held: list[Tokens]) -> None:
    known = world.asker.knows(held[0].access)
    html = root.http.get(f"{ADMIN}{known['connection_id']}/change/").content.decode()
    assert known["jti"] in html
    for model in (AccessToken, RefreshToken):
        assert [row for row in model.objects.all() if bytes(row.digest).hex() in html] == []
    assert held[0].access not in html


def test_the_page_of_a_handle_shows_what_stands_behind_it(root: Person, world: World, held: list[Tokens]) -> None:
    acme = Handle.objects.get(slug="acme")
    ClientRule.objects.create(handle=acme, kind="client_id", value="x", decision="block")
    page = words_of(root.http.get(f"/admin/handles/handle/{acme.pk}/change/"))
    for address in ("127.0.0.1:8001/mcp ", "acme.mcp.localhost:8001/mcp", "127.0.0.1:8001/mcp/acme/mcp"):
        assert address in page
    assert "ChatGPT: 2 live connections, of 2 people" in page
    assert "Every client may connect · Its rules" in page
    assert "All connections" in page
    assert root.http.get("/admin/handles/handle/add/").status_code == 200


@pytest.mark.usefixtures("one_day")
def test_more_rows_cost_no_more_queries(root: Person, world: World, held: list[Tokens], chatgpt: App) -> None:
    root.http.get(ADMIN)
    before = cost_of_the_list(root)
    many(world, chatgpt, 40)
    assert cost_of_the_list(root) == before


def cost_of_the_list(root: Person) -> int:
    """How many queries the list takes."""
    with CaptureQueriesContext(connection) as taken:
        root.http.get(ADMIN)
    return len(taken)
