"""A handle decides which clients it lets in, by its policy and its word on single ones; and it holds at once."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from authserver.models import Client, ClientPolicy, ClientRule, Connection, Event
from handles.models import Handle
from tests.flows.governance.control_plane import post, press, set_policy, tags, verify, words_of
from tests.people import GATEWAY, App, World, answer_of, compat, hosted, tokens_of

OF_ACME = [hosted, compat]


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
