"""Which handle a connection is for: fixed by the address, picked, the only one, or none to be had."""

from __future__ import annotations

from html import unescape

import pytest

from handles.models import Handle, Membership
from tests.flows.changes import ask_for_code, leave, live_connections, offered_on, preselected_on, set_handle
from tests.people import GATEWAY, App, World, answer_of, compat, hosted, make_person, tokens_of

ADDRESSES = [hosted, compat]


def words_of(page) -> str:
    return unescape(page.content.decode())


# --- No


def test_several_handles_and_none_chosen_asks_again_and_keeps_nothing(world: World, chatgpt: App) -> None:
    page = world.alice.decide(world.alice.open(chatgpt.authorize_url()))
    assert page.status_code == 200
    assert "Choose one handle." in words_of(page)
    assert live_connections() == 0


def test_the_page_that_asks_again_keeps_what_was_ticked_and_can_be_answered(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope="mcp.connect links.read links.write"))
    again = world.alice.decide(page, scope=["links.read"])
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(again, handle="globex"))["code"]))
    assert held.scope == "mcp.connect links.read"
    assert world.asker.knows(held.access)["handle"] == "globex"


@pytest.mark.parametrize("handle", ["initech", "nosuch", "ACME", "acme globex", "", "\x00"])
def test_a_handle_that_was_not_offered_cannot_be_posted(world: World, chatgpt: App, handle: str) -> None:
    page = world.alice.decide(world.alice.open(chatgpt.authorize_url()), handle=handle)
    assert page.status_code == 200
    assert "Choose one handle." in words_of(page)
    assert live_connections() == 0


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_handle_of_the_address_wins_over_the_one_in_the_form(world: World, chatgpt: App, address) -> None:
    held = world.connect(world.alice, chatgpt, resource=address("acme"), handle="globex")
    assert world.asker.knows(held.access)["handle"] == "acme"


def test_somebody_without_a_handle_is_told_what_to_do(world: World, chatgpt: App) -> None:
    page = world.carol.open(chatgpt.authorize_url())
    assert page.status_code == 403
    words = words_of(page)
    assert "You need a handle first" in words
    assert "carol@example.com" in words
    assert "ChatGPT" in words
    assert "Switch account" in words
    assert 'name="decision"' not in words


@pytest.mark.parametrize("address", ADDRESSES)
def test_somebody_who_is_not_a_member_is_told_so_and_the_client_can_be_told_no(
    world: World, chatgpt: App, address
) -> None:
    page = world.carol.open(chatgpt.authorize_url(address("acme")))
    assert page.status_code == 403
    words = words_of(page)
    assert "You are not a member of @acme" in words
    assert "not_a_member" in words
    assert f"{chatgpt.redirect_uri}?error=access_denied" in words
    assert "state=state-1" in words
    assert 'name="decision"' not in words


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_an_unknown_handle_is_explained(world: World, chatgpt: App, address) -> None:
    page = world.alice.open(chatgpt.authorize_url(address("nosuch")))
    assert page.status_code == 404
    assert "There is no handle @nosuch" in words_of(page)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_a_suspended_handle_is_explained(world: World, chatgpt: App, address) -> None:
    set_handle("acme", status="suspended")
    page = world.alice.open(chatgpt.authorize_url(address("acme")))
    assert page.status_code == 403
    assert "@acme is suspended" in words_of(page)


def test_a_suspended_handle_is_shown_with_the_reason_and_cannot_be_chosen(world: World, chatgpt: App) -> None:
    set_handle("globex", status="suspended")
    world.bob.sign_in()
    set_handle("initech", status="suspended")
    page = world.bob.open(chatgpt.authorize_url())
    assert "@acme" in words_of(page)
    set_handle("acme", status="suspended")
    page = world.bob.open(chatgpt.authorize_url())
    assert offered_on(page) == ["initech", "acme"]
    assert "Suspended. Ask an owner of the handle." in words_of(page)
    assert "Choose one handle." in words_of(world.bob.decide(page, handle="acme"))
    assert live_connections() == 0


def test_somebody_who_left_between_the_page_and_allow_grants_nothing(world: World, chatgpt: App) -> None:
    page = world.bob.open(chatgpt.authorize_url(hosted("acme")))
    leave(world.bob, "acme")
    refused = world.bob.decide(page)
    assert refused.status_code == 403
    assert "You are not a member of @acme" in words_of(refused)
    assert live_connections() == 0


def test_a_handle_suspended_between_the_page_and_allow_is_not_granted(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    set_handle("acme", status="suspended")
    assert world.alice.decide(page, handle="acme").status_code == 200
    assert live_connections() == 0


# --- Yes


def test_the_only_handle_is_settled_without_a_search(world: World, chatgpt: App) -> None:
    leave(world.bob, "initech")
    page = world.bob.open(chatgpt.authorize_url())
    assert offered_on(page) == []
    assert "Connecting to <bdi>@acme</bdi>" in page.content.decode()
    held = tokens_of(chatgpt.exchange(answer_of(world.bob.decide(page))["code"]))
    assert world.asker.knows(held.access)["handle"] == "acme"


def test_a_first_connection_preselects_none_of_several_handles(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    assert offered_on(page) == ["acme", "globex"]
    assert preselected_on(page) == []


def test_a_second_connection_preselects_the_handle_used_last_and_shows_it_first(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    world.connect(world.alice, chatgpt, handle="globex")
    page = world.alice.open(chatgpt.authorize_url())
    assert preselected_on(page) == ["globex"]
    assert offered_on(page) == ["globex", "acme"]


def test_a_handle_used_with_another_client_is_not_preselected(world: World, chatgpt: App) -> None:
    world.connect(world.alice, App.register("Claude"), handle="acme")
    assert preselected_on(world.alice.open(chatgpt.authorize_url())) == []


def test_a_handle_that_somebody_else_used_last_is_not_preselected(world: World, chatgpt: App) -> None:
    world.connect(world.bob, chatgpt, handle="acme")
    assert preselected_on(world.alice.open(chatgpt.authorize_url())) == []


def test_a_handle_used_last_that_is_now_suspended_is_not_preselected(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    world.alice.user.memberships.create(handle=world.bob.user.handles.get(slug="initech"), role="member")
    set_handle("acme", status="suspended")
    assert preselected_on(world.alice.open(chatgpt.authorize_url())) == []


def test_owned_handles_come_before_others(world: World, chatgpt: App) -> None:
    assert offered_on(world.bob.open(chatgpt.authorize_url())) == ["initech", "acme"]


def test_connections_of_one_person_and_client_to_two_handles_are_two(world: World, chatgpt: App) -> None:
    first = world.asker.knows(world.connect(world.alice, chatgpt, handle="acme").access)
    second = world.asker.knows(world.connect(world.alice, chatgpt, handle="globex").access)
    assert first["connection_id"] != second["connection_id"]
    assert (first["handle"], second["handle"]) == ("acme", "globex")
    assert first["aud"] == second["aud"] == GATEWAY


def test_two_people_with_one_client_at_one_handle_are_two_connections(world: World, chatgpt: App) -> None:
    alice = world.asker.knows(world.connect(world.alice, chatgpt, handle="acme").access)
    bob = world.asker.knows(world.connect(world.bob, chatgpt, handle="acme").access)
    assert alice["connection_id"] != bob["connection_id"]
    assert (alice["handle_role"], bob["handle_role"]) == ("owner", "member")
    assert (alice["sub"], bob["sub"]) == (str(world.alice.user.pk), str(world.bob.user.pk))


def test_a_person_with_forty_handles_can_find_each(world: World, chatgpt: App) -> None:
    person = make_person("dora@example.com")
    for number in range(40):
        handle = Handle.objects.create(slug=f"h{number:02}", display_name=f"Handle {number}")
        Membership.objects.create(handle=handle, user=person.user, role="member")
    page = person.open(chatgpt.authorize_url())
    assert len(offered_on(page)) == 40
    assert "Search your handles" in words_of(page)
    assert ask_for_code(person, chatgpt, GATEWAY, handle="h39")
