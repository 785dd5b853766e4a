"""The pages of a handle's admins: one entry for a product, disconnecting it for everyone, who finds what."""

from __future__ import annotations

import re

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from authserver.models import ClientPolicy, ClientRule, Connection, Event
from handles.models import Membership
from tests.flows.governance.control_plane import has_button, post, press, set_policy, tags, words_of
from tests.people import App, World, hosted

# --- One entry for all registrations of one product


def test_forty_two_registrations_of_one_product_are_one_entry(world: World) -> None:
    apps = [App.register("Claude", f"https://claude.ai/callback/{number}") for number in range(42)]
    assert len({app.client_id for app in apps}) == 42
    held = [
        world.connect(person, app, handle="acme") for person, app in zip((world.bob, world.alice), apps, strict=False)
    ]
    world.connect(world.bob, apps[2], handle="acme")
    page = world.alice.http.get("/handles/acme/clients")
    assert page.content.decode().count('class="card connection"') == 1
    assert "2 people, 3 connections of 3 registrations" in words_of(page)
    press(world.alice, "Block Claude")
    assert ClientRule.objects.count() == 1
    assert not any(world.asker.is_active(tokens.access) for tokens in held)
    assert world.bob.open(apps[41].authorize_url(hosted("acme"))).status_code == 403


def test_a_name_alone_does_not_make_it_the_same_product(world: World) -> None:
    real = App.register("Claude", "https://claude.ai/callback")
    fake = App.register("Claude", "https://claude.example/callback")
    set_policy(world, "listed")
    post(world.alice, "/decide", client_id=real.client_id, decision="allow")
    assert world.bob.open(real.authorize_url(hosted("acme"))).status_code == 200
    assert world.bob.open(fake.authorize_url(hosted("acme"))).status_code == 403


def test_the_page_asks_the_database_no_more_for_many_clients(world: World) -> None:
    world.alice.sign_in()

    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            world.alice.http.get("/handles/acme/clients")
        return len(captured)

    apps = [App.register(f"App {number}", f"https://app{number}.example/callback") for number in range(6)]
    world.connect(world.bob, apps[0], handle="acme")
    few = queries()
    for app in apps:
        world.connect(world.bob, app, handle="acme")
        post(world.alice, "/decide", client_id=app.client_id, decision="allow")
    queries()  # the messages of what was decided are shown, and gone
    assert queries() == few


# --- Disconnect for everyone


def test_disconnecting_for_everyone_asks_first_and_leaves_other_handles_alone(world: World, chatgpt: App) -> None:
    ended = [world.connect(person, chatgpt, handle="acme") for person in (world.alice, world.bob)]
    elsewhere = world.connect(world.alice, chatgpt, handle="globex")
    other = world.connect(world.bob, App.register("Claude", "https://claude.ai/callback"), handle="acme")
    confirm = press(world.alice, "Disconnect ChatGPT for everyone")
    assert "2 connections of 2 people end." in words_of(confirm)
    assert all(world.asker.is_active(tokens.access) for tokens in ended)
    fields = dict(re.findall(r'name="(kind|value)" value="([^"]*)"', confirm.content.decode()))
    done = post(world.alice, "/disconnect", confirm="yes", **fields)
    assert "ChatGPT: 2 connections to @acme ended." in words_of(done)
    assert not any(world.asker.is_active(tokens.access) for tokens in ended)
    assert world.asker.is_active(elsewhere.access)
    assert world.asker.is_active(other.access)
    revoked = Event.objects.filter(tag="connection:revoked")
    assert {(event.detail["reason"], event.actor_id) for event in revoked} == {
        ("handle_admin", str(world.alice.user.pk))
    }
    assert set(Connection.objects.exclude(ended_at=None).values_list("end_reason", flat=True)) == {"handle_admin"}
    assert not has_button(world.alice, "Disconnect ChatGPT for everyone")


def test_who_was_disconnected_may_connect_again_unless_it_is_blocked(world: World, chatgpt: App) -> None:
    world.connect(world.bob, chatgpt, handle="acme")
    world.alice.sign_in()
    fields = dict(re.findall(r'name="(kind|value)" value="([^"]*)"', _page(world)))
    post(world.alice, "/disconnect", confirm="yes", **fields)
    assert world.asker.is_active(world.connect(world.bob, chatgpt, handle="acme").access)


def _page(world: World) -> str:
    return world.alice.http.get("/handles/acme/clients").content.decode()


# --- The pages


def test_admins_find_their_handles_and_what_waits_there(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    world.bob.decide(world.bob.open(chatgpt.authorize_url(hosted("acme"))))
    assert "@acme" in words_of(world.alice.http.get("/handles"))
    overview = words_of(world.alice.http.get("/handles/acme"))
    assert "1 app waits for your decision." in overview
    assert "Ask us first" in overview
    own = words_of(world.bob.http.get("/handles/acme"))
    assert "Yours" in own
    assert "Ask us first" not in own


def test_who_belongs_to_no_handle_is_told_so(world: World) -> None:
    assert "You belong to no handle" in words_of(world.carol.sign_in().http.get("/handles"))


def test_an_admin_who_is_no_owner_decides_too(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    Membership.objects.filter(user=User.objects.get(email="bob@example.com"), handle__slug="acme").update(role="admin")
    world.bob.sign_in()
    press(world.bob, "Block ChatGPT")
    event = Event.objects.get(tag="client:ruled")
    assert (event.actor_id, event.handle, event.detail["decision"]) == (str(world.bob.user.pk), "acme", "block")


def test_what_is_decided_twice_is_one_event(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    set_policy(world, "ask")
    for _ in range(2):
        post(world.alice, "/decide", client_id=chatgpt.client_id, decision="allow")
    assert (tags().count("client:ruled"), tags().count("client_policy:set")) == (1, 1)


@pytest.mark.parametrize("mode", ["", "ALL", "everyone", "\x00"])
def test_a_policy_that_does_not_exist_is_not_set(world: World, mode: str) -> None:
    world.alice.sign_in()
    assert post(world.alice, "/policy", mode=mode).status_code == 400
    assert ClientPolicy.objects.count() == 0
