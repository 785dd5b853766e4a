"""Stopping, failing half-way and trying again; two tabs; the same page answered twice. Nothing half-made is left."""

from __future__ import annotations

import time_machine
from django.utils import timezone

from authserver import policy
from tests.flows.changes import ask_for_code, live_connections
from tests.people import GATEWAY, READS, App, Person, World, answer_of, hosted, tokens_of

# --- Cancel


def test_cancel_keeps_nothing_and_needs_no_handle(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    answer = answer_of(world.alice.decide(page, "cancel", scope=[]))
    assert set(answer) == {"error", "error_description", "error_uri", "state", "iss"}
    assert answer["error"] == "access_denied"
    assert live_connections() == 0


def test_cancel_without_a_state_sends_none(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(state=None))
    assert "state" not in answer_of(world.alice.decide(page, "cancel"))


def test_cancel_does_not_end_an_older_connection(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    world.alice.decide(world.alice.open(chatgpt.authorize_url()), "cancel")
    assert world.asker.is_active(held.access)


def test_after_cancel_the_client_may_ask_again_at_once(world: World, chatgpt: App) -> None:
    world.alice.decide(world.alice.open(chatgpt.authorize_url()), "cancel")
    assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)


def test_neither_allow_nor_cancel_asks_again(world: World, chatgpt: App) -> None:
    for decision in ("", "ALLOW", "allow!", "deny"):
        page = world.alice.decide(world.alice.open(chatgpt.authorize_url()), decision, handle="acme")
        assert page.status_code == 200
        assert "Choose Allow or Cancel." in page.content.decode()
    assert live_connections() == 0


# --- A first connection that failed (requirement C6)


def test_a_first_connection_whose_verifier_was_lost_succeeds_on_the_second_try(world: World, chatgpt: App) -> None:
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    assert chatgpt.exchange(code, code_verifier="x" * 43).json()["error"] == "invalid_grant"
    assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)
    assert live_connections() == 1


def test_a_first_connection_whose_code_ran_out_succeeds_on_the_second_try(world: World, chatgpt: App) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
        clock.shift(policy.AUTHORIZATION_CODE_LIFETIME)
        assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
        assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)


def test_a_first_connection_that_was_never_fetched_succeeds_on_the_second_try(world: World, chatgpt: App) -> None:
    ask_for_code(world.alice, chatgpt, hosted("acme"))
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    assert world.asker.is_active(held.access)
    assert live_connections() == 1


def test_a_connection_that_a_replay_ended_can_be_made_again_at_once(world: World, chatgpt: App) -> None:
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    first = tokens_of(chatgpt.exchange(code))
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    assert not world.asker.is_active(first.access)
    second = world.connect(world.alice, chatgpt, handle="acme")
    assert world.asker.is_active(second.access)
    assert not world.asker.is_active(first.access)


# --- Two tabs


def test_two_tabs_with_two_clients_do_not_disturb_each_other(world: World, chatgpt: App) -> None:
    claude = App.register("Claude", "https://claude.ai/api/mcp/auth_callback")
    one = world.alice.open(chatgpt.authorize_url(scope=READS, state="one"))
    other = world.alice.open(claude.authorize_url(hosted("globex"), scope="links.read", state="other"))
    told_other = answer_of(world.alice.decide(other))
    told_one = answer_of(world.alice.decide(one, handle="acme"))
    assert (told_one["state"], told_other["state"]) == ("one", "other")
    known_one = world.asker.knows(tokens_of(chatgpt.exchange(told_one["code"])).access)
    known_other = world.asker.knows(tokens_of(claude.exchange(told_other["code"])).access)
    assert (known_one["client_name"], known_one["handle"], known_one["aud"]) == ("ChatGPT", "acme", GATEWAY)
    assert (known_other["client_name"], known_other["handle"]) == ("Claude", "globex")
    assert known_other["scope"] == "mcp.connect links.read"


def test_two_tabs_of_one_client_each_get_a_code_that_works_for_one_connection(world: World, chatgpt: App) -> None:
    one = world.alice.open(chatgpt.authorize_url(scope=READS))
    other = world.alice.open(chatgpt.authorize_url(scope=READS))
    first = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(one, handle="acme"))["code"]))
    second = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(other, handle="acme"))["code"]))
    assert world.asker.is_active(first.access)
    assert world.asker.knows(first.access)["connection_id"] == world.asker.knows(second.access)["connection_id"]


# --- The same page twice


def test_a_double_click_on_allow_answers_with_a_second_code_and_voids_the_first(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    first = answer_of(world.alice.decide(page, handle="acme"))["code"]
    second = answer_of(world.alice.decide(page, handle="acme"))["code"]
    assert chatgpt.exchange(first).json()["error"] == "invalid_grant"
    assert world.asker.is_active(tokens_of(chatgpt.exchange(second)).access)
    assert live_connections() == 1


def test_a_page_whose_code_was_fetched_cannot_be_answered_again(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="acme"))["code"]))
    again = world.alice.decide(page, handle="globex")
    assert again.status_code == 400
    assert "This request was already answered" in again.content.decode()
    assert world.asker.is_active(held.access)
    assert live_connections() == 1


def test_going_back_and_choosing_another_handle_leaves_one_connection(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    world.alice.decide(page, handle="acme")
    code = answer_of(world.alice.decide(page, handle="globex"))["code"]
    assert world.asker.knows(tokens_of(chatgpt.exchange(code)).access)["handle"] == "globex"
    assert live_connections() == 1


# --- Too late, and somebody else


def test_a_page_left_open_for_an_hour_is_asked_again_and_grants_nothing(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        page = world.alice.open(url)
        clock.shift(policy.CONSENT_FORM_LIFETIME.total_seconds() + 1)
        answer = world.alice.decide(page, handle="acme")
        assert (answer.status_code, answer["Location"]) == (302, url)
        assert live_connections() == 0
        assert world.alice.open(url).status_code == 200


def test_a_page_left_open_for_just_under_an_hour_still_counts(world: World, chatgpt: App) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        page = world.alice.open(chatgpt.authorize_url())
        clock.shift(policy.CONSENT_FORM_LIFETIME.total_seconds() - 1)
        assert "code" in answer_of(world.alice.decide(page, handle="acme"))


def test_a_page_shown_to_one_person_cannot_be_answered_by_another(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url(hosted("acme"))
    page = world.alice.open(url)
    answer = world.bob.sign_in().decide(page)
    assert (answer.status_code, answer["Location"]) == (302, url)
    assert live_connections() == 0


def test_a_page_answered_after_signing_out_asks_to_sign_in_first(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url(hosted("acme"))
    page = world.alice.open(url)
    world.alice.http.post("/accounts/logout/")
    answer = world.alice.decide(page)
    assert (answer.status_code, answer["Location"]) == (302, url)
    assert live_connections() == 0
    assert world.alice.open(url).status_code == 200


def test_a_form_that_we_did_not_sign_is_refused(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme")))
    for forged in ("", "nonsense", "eyJxIjoiIn0:1:x", "\x00"):
        answer = world.alice.decide(page, request=forged)
        assert answer.status_code == 400
        assert "This page was open too long" in answer.content.decode()
    assert live_connections() == 0


def test_somebody_not_signed_in_can_read_the_page_of_nobody(world: World, chatgpt: App) -> None:
    answer = Person("alice@example.com").http.get(chatgpt.authorize_url())
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
