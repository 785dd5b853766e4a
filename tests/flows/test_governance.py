"""A handle decides which clients it lets in: its admins allow, block, are asked, disconnect; and it holds at once."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from authserver.models import Client, ClientPolicy, ClientRule, Connection, Event
from handles.models import Handle, Membership
from tests.people import GATEWAY, App, Person, World, answer_of, compat, hosted, tokens_of

OF_ACME = [hosted, compat]


def words_of(page: Any) -> str:
    """The text of a page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.content.decode())).split())


def post(person: Person, path: str, **form: str) -> Any:
    return person.http.post(f"/handles/acme/clients{path}", form, follow=True)


def set_policy(world: World, mode: str) -> None:
    world.alice.sign_in()
    assert post(world.alice, "/policy", mode=mode).status_code == 200
    assert ClientPolicy.objects.get(handle__slug="acme").mode == mode


def press(person: Person, name: str) -> Any:
    """Press the button of this accessible name on the page of acme's clients."""
    html = person.http.get("/handles/acme/clients").content.decode()
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        if f'aria-label="{name}"' in unescape(form):
            fields = {key: unescape(value) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}
            return person.http.post(re.findall(r'action="([^"]*)"', form)[0], fields, follow=True)
    raise AssertionError(f"no button {name!r}")


def has_button(person: Person, name: str) -> bool:
    return f'aria-label="{name}"' in unescape(person.http.get("/handles/acme/clients").content.decode())


def verify(app: App) -> None:
    Client.objects.filter(client_id=app.client_id).update(is_verified=True)


def tags() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("tag", flat=True))


# --- No


@pytest.mark.parametrize("address", OF_ACME)
def test_a_blocked_client_gets_a_page_that_says_so_and_is_told_no(world: World, chatgpt: App, address: Any) -> None:
    world.connect(world.bob, chatgpt, handle="acme")
    world.alice.sign_in()
    press(world.alice, "Block ChatGPT")
    page = world.bob.open(chatgpt.authorize_url(address("acme")))
    words = words_of(page)
    assert page.status_code == 403
    assert "This app may not connect to @acme" in words
    assert "Blocked by an admin of the handle." in words
    assert chatgpt.client_id in words
    assert f"{chatgpt.redirect_uri}?error=access_denied" in unescape(page.content.decode())


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("verified", "Only verified apps may connect."),
        ("listed", "Only apps on the list of the handle may connect."),
    ],
)
def test_a_client_that_the_policy_leaves_out_is_told_why(world: World, chatgpt: App, mode: str, reason: str) -> None:
    set_policy(world, mode)
    page = world.bob.open(chatgpt.authorize_url(hosted("acme")))
    assert (page.status_code, reason in words_of(page)) == (403, True)
    picker = world.bob.open(chatgpt.authorize_url(GATEWAY))
    assert reason in words_of(picker)
    assert re.search(r'value="acme"[^>]* disabled', picker.content.decode())
    assert "Choose one handle." in words_of(world.bob.decide(picker, handle="acme"))
    assert Connection.objects.count() == 0


def test_the_one_handle_that_is_left_has_to_be_chosen_by_the_person(world: World, chatgpt: App) -> None:
    set_policy(world, "listed")
    page = world.bob.open(chatgpt.authorize_url(GATEWAY))
    assert "Choose one handle." in words_of(world.bob.decide(page))
    assert Connection.objects.count() == 0


def test_a_block_between_the_page_and_allow_grants_nothing(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    assert held.refresh
    pages = [world.bob.open(chatgpt.authorize_url(address)) for address in (GATEWAY, hosted("acme"))]
    world.alice.sign_in()
    press(world.alice, "Block ChatGPT")
    for page in pages:
        answer = world.bob.decide(page, handle="acme")
        assert "code=" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("mode", ["verified", "listed"])
def test_a_stricter_policy_cuts_connections_off_at_the_next_question(world: World, chatgpt: App, mode: str) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    set_policy(world, mode)
    assert world.asker.knows(held.access) == {"active": False}
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
    set_policy(world, "all")
    assert world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 200


def test_a_block_is_seen_by_the_next_question_and_the_next_refresh(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    world.alice.sign_in()
    press(world.alice, "Block ChatGPT")
    assert world.asker.knows(held.access) == {"active": False}
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().is_live
    press(world.alice, "Allow ChatGPT")
    assert world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 200


def test_a_code_in_hand_of_a_blocked_client_buys_nothing(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    code = answer_of(world.bob.decide(world.bob.open(chatgpt.authorize_url()), handle="acme"))["code"]
    press(world.alice, "Block ChatGPT")
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"


def test_a_client_that_waits_gets_no_connection_however_often_it_is_allowed(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    for address in (GATEWAY, hosted("acme"), compat("acme")):
        page = world.bob.decide(world.bob.open(chatgpt.authorize_url(address)), handle="acme")
        assert page.status_code == 202
        assert "Your request waits for an admin of @acme" in words_of(page)
        assert "error=access_denied" in page.content.decode()
    assert Connection.objects.count() == 0
    assert [rule.decision for rule in ClientRule.objects.all()] == ["pending"]
    assert tags().count("client:ruled") == 1


def test_a_client_that_the_admins_refused_cannot_ask_again(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    world.bob.decide(world.bob.open(chatgpt.authorize_url(hosted("acme"))))
    press(world.alice, "Block ChatGPT")
    page = world.bob.open(chatgpt.authorize_url(hosted("acme")))
    assert "Blocked by an admin of the handle." in words_of(page)


def test_turning_to_ask_does_not_let_back_in_what_was_cut_off(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    set_policy(world, "listed")
    set_policy(world, "ask")
    assert world.asker.knows(held.access) == {"active": False}
    assert ClientRule.objects.count() == 0


def test_what_an_administrator_blocked_no_handle_can_allow(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    world.alice.sign_in()
    press(world.alice, "Allow ChatGPT")
    Client.objects.update(is_active=False)
    assert world.asker.knows(held.access) == {"active": False}
    assert "Blocked by the people who run this server" in words_of(world.alice.http.get("/handles/acme/clients"))


def test_the_queue_of_a_handle_has_an_end(world: World, chatgpt: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.policy.PENDING_CLIENTS_MAX", 1)
    set_policy(world, "ask")
    other = App.register("Other", "https://other.example/callback")
    answers = [world.bob.decide(world.bob.open(app.authorize_url(hosted("acme")))) for app in (chatgpt, other)]
    assert [answer.status_code for answer in answers] == [202, 403]
    assert "Too many apps wait for an admin of @acme" in words_of(answers[1])
    assert ClientRule.objects.count() == 1


# --- Yes


def test_after_an_admin_allowed_it_trying_again_connects(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    world.bob.decide(world.bob.open(chatgpt.authorize_url(hosted("acme"))))
    waiting = words_of(world.alice.http.get("/handles/acme/clients"))
    assert "Waiting for your decision" in waiting
    assert "bob@example.com" in waiting
    press(world.alice, "Allow ChatGPT")
    held = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    assert world.asker.is_active(held.access)


def test_an_admin_who_asks_is_told_where_to_decide(world: World, chatgpt: App) -> None:
    set_policy(world, "ask")
    page = world.alice.decide(world.alice.open(chatgpt.authorize_url(hosted("acme"))))
    assert "You are one of them" in words_of(page)


def test_turning_to_ask_keeps_what_is_connected(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    set_policy(world, "ask")
    assert world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 200
    world.connect(world.alice, chatgpt, handle="acme")
    assert Event.objects.get(tag="client_policy:set").detail == {"mode": "ask", "before": "all", "kept": 1}


def test_a_verified_client_connects_where_only_verified_ones_may(world: World, chatgpt: App) -> None:
    set_policy(world, "verified")
    verify(chatgpt)
    assert world.asker.is_active(world.connect(world.bob, chatgpt, resource=hosted("acme")).access)


def test_a_listed_client_connects_although_it_never_asked(world: World, chatgpt: App) -> None:
    set_policy(world, "listed")
    post(world.alice, "/decide", client_id=f" {chatgpt.client_id} ", decision="allow")
    assert world.asker.is_active(world.connect(world.bob, chatgpt, resource=hosted("acme")).access)


def test_an_id_that_nobody_knows_yet_can_be_decided_about(world: World) -> None:
    world.alice.sign_in()
    page = post(world.alice, "/decide", client_id="https://app.example.com/client.json", decision="block")
    assert "https://app.example.com/client.json is blocked at @acme." in words_of(page)
    assert ClientRule.objects.get().kind == "client_id"


def test_an_id_of_one_registration_can_be_meant_alone(world: World) -> None:
    one, other = (App.register("Claude", f"https://claude.ai/callback/{number}") for number in range(2))
    world.alice.sign_in()
    post(world.alice, "/decide", client_id=one.client_id, decision="block", only_this="yes")
    assert "(only this one registration)" in words_of(world.alice.http.get("/handles/acme/clients"))
    assert world.bob.open(one.authorize_url(hosted("acme"))).status_code == 403
    assert world.bob.open(other.authorize_url(hosted("acme"))).status_code == 200


@pytest.mark.parametrize("client_id", ["", "   ", "x" * 256, "a\x00b", "a\nb"])
def test_what_is_no_client_id_is_said_and_not_kept(world: World, client_id: str) -> None:
    world.alice.sign_in()
    page = post(world.alice, "/decide", client_id=client_id, decision="allow")
    assert page.status_code == 400
    assert "Type the client ID of the app" in words_of(page)
    assert ClientRule.objects.count() == 0


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
    own = words_of(world.bob.http.get("/handles"))
    assert "@initech" in own
    assert "@acme" not in own


def test_who_manages_no_handle_is_told_so(world: World) -> None:
    assert "You manage no handle" in words_of(world.carol.sign_in().http.get("/handles"))


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


# --- One question, one statement


@pytest.mark.parametrize("mode", [None, "all", "verified", "ask", "listed"])
@pytest.mark.parametrize("ruled", [False, True])
def test_introspection_is_one_statement_whatever_the_handle_says(
    world: World, chatgpt: App, mode: str | None, ruled: bool
) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    assert world.asker.is_active(held.access)  # notes that it is in use
    acme = Handle.objects.get(slug="acme")
    if mode:
        ClientPolicy.objects.create(handle=acme, mode=mode)
    if ruled:
        client = Client.objects.get(client_id=chatgpt.client_id)
        for kind, value in (("client_id", client.client_id), ("fingerprint", client.fingerprint)):
            ClientRule.objects.create(handle=acme, kind=kind, value=value, decision="allow")
    with CaptureQueriesContext(database) as captured:
        active = world.asker.is_active(held.access)
    assert active == (ruled or mode in (None, "all"))
    assert len(captured) == 1


def test_a_rule_for_a_fingerprint_says_nothing_of_a_document_or_an_administrators_client(
    world: World, chatgpt: App
) -> None:
    held = world.connect(world.bob, chatgpt, handle="acme")
    world.alice.sign_in()
    press(world.alice, "Block ChatGPT")
    assert not world.asker.is_active(held.access)
    for source in ("cimd", "manual"):
        Client.objects.update(registration_source=source)
        assert world.asker.is_active(held.access)
        assert tokens_of(chatgpt.refresh(held.refresh)).access
