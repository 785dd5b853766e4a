"""Ending a connection: by the client, by the person. It is refused from the next request on, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.utils import timezone

from tests.flows.changes import ask_for_code, live_connections
from tests.people import GATEWAY, App, Tokens, World, hosted, post_form, tokens_of


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def is_over(world: World, app: App, held: Tokens) -> bool:
    """Tell whether neither credential works any more."""
    over = app.refresh(held.refresh).json().get("error") == "invalid_grant"
    return over and not world.asker.is_active(held.access)


def words_of(page) -> str:
    return unescape(page.content.decode())


# --- By the client


@pytest.mark.parametrize("token", ["", "nonsense", "mcprt_" + "0" * 49, "mcpv1_" + "0" * 49, "pat_" + "0" * 49])
def test_revoking_what_does_not_exist_ends_nothing(held: Tokens, world: World, chatgpt: App, token: str) -> None:
    answer = chatgpt.revoke(token)
    assert answer.status_code == (200 if token else 400)
    assert world.asker.is_active(held.access)


def test_a_client_cannot_end_another_client_s_connection(held: Tokens, world: World) -> None:
    other = App.register("Other")
    for token in (held.access, held.refresh):
        assert other.revoke(token or "").status_code == 200
    assert world.asker.is_active(held.access)


def test_nobody_can_end_a_connection_without_saying_who_they_are(held: Tokens, world: World, chatgpt: App) -> None:
    answer = post_form(chatgpt.http, "/oauth/revoke", {"token": held.refresh})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert world.asker.is_active(held.access)


def test_a_confidential_client_has_to_prove_itself_to_end_its_connection(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    held = world.connect(world.alice, app, handle="acme")
    assert app.revoke(held.refresh or "").status_code == 401
    assert world.asker.is_active(held.access)
    form = {"token": held.refresh, "client_id": app.client_id, "client_secret": app.secret}
    assert post_form(app.http, "/oauth/revoke", form).status_code == 200
    assert not world.asker.is_active(held.access)


@pytest.mark.parametrize("which", ["access", "refresh"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "something_else"])
def test_a_client_ends_its_connection_by_either_credential(
    held: Tokens, world: World, chatgpt: App, which: str, hint: str | None
) -> None:
    form = {"token": getattr(held, which), "client_id": chatgpt.client_id} | ({"token_type_hint": hint} if hint else {})
    answer = post_form(chatgpt.http, "/oauth/revoke", form)
    assert answer.status_code == 200
    assert is_over(world, chatgpt, held)


def test_ending_by_a_replaced_refresh_token_ends_its_successor_too(held: Tokens, world: World, chatgpt: App) -> None:
    newer = tokens_of(chatgpt.refresh(held.refresh))
    chatgpt.revoke(held.refresh or "")
    assert is_over(world, chatgpt, newer)


def test_ending_twice_is_no_error(held: Tokens, chatgpt: App) -> None:
    assert [chatgpt.revoke(held.refresh or "").status_code for _ in range(2)] == [200, 200]


def test_ending_one_connection_leaves_the_client_s_others(world: World, chatgpt: App) -> None:
    acme = world.connect(world.alice, chatgpt, handle="acme")
    others = [
        world.connect(world.alice, chatgpt, handle="globex"),
        world.connect(world.alice, chatgpt, resource=hosted("acme")),
        world.connect(world.bob, chatgpt, handle="acme"),
    ]
    chatgpt.revoke(acme.refresh or "")
    assert [world.asker.is_active(each.access) for each in others] == [True] * 3


# --- By the person


def test_pressing_disconnect_asks_once_more_and_ends_nothing_yet(held: Tokens, world: World) -> None:
    address = f"/connections/{world.asker.knows(held.access)['connection_id']}/disconnect"
    page = world.alice.http.post(address)
    assert page.status_code == 200
    assert "Disconnect" in words_of(page)
    assert "@acme" in words_of(page)
    world.alice.http.get(f"{address}?confirm=yes")
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_somebody_else_s_connection_is_not_found(held: Tokens, world: World, who: str) -> None:
    person = getattr(world, who).sign_in()
    address = f"/connections/{world.asker.knows(held.access)['connection_id']}/disconnect"
    assert person.http.post(address, {"confirm": "yes"}).status_code == 404
    assert "Disconnect ChatGPT" not in words_of(person.http.get("/connections"))
    assert world.asker.is_active(held.access)


def test_somebody_not_signed_in_disconnects_nothing(held: Tokens, world: World, chatgpt: App) -> None:
    address = f"/connections/{world.asker.knows(held.access)['connection_id']}/disconnect"
    for path in (address, "/connections/all/disconnect"):
        answer = chatgpt.http.post(path, {"confirm": "yes"})
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
    assert world.asker.is_active(held.access)


def test_a_person_ends_one_connection_and_the_next_request_is_refused(held: Tokens, world: World, chatgpt: App) -> None:
    other = world.connect(world.alice, chatgpt, handle="globex")
    address = f"/connections/{world.asker.knows(held.access)['connection_id']}/disconnect"
    page = world.alice.http.post(address, {"confirm": "yes"}, follow=True)
    assert "ChatGPT no longer has access to @acme." in words_of(page)
    assert "Disconnect ChatGPT from @acme" not in words_of(page)
    assert "Disconnect ChatGPT from @globex" in words_of(page)
    assert is_over(world, chatgpt, held)
    assert world.asker.is_active(other.access)


def test_a_person_ends_every_connection_at_once_after_being_told_how_many(
    held: Tokens, world: World, chatgpt: App
) -> None:
    mine = [held, world.connect(world.alice, chatgpt, handle="globex")]
    bobs = world.connect(world.bob, chatgpt, handle="acme")
    assert "Disconnect all 2 apps?" in words_of(world.alice.http.post("/connections/all/disconnect"))
    assert all(world.asker.is_active(each.access) for each in mine)
    page = world.alice.http.post("/connections/all/disconnect", {"confirm": "yes"}, follow=True)
    assert "No app is connected" in words_of(page)
    assert all(is_over(world, chatgpt, each) for each in mine)
    assert world.asker.is_active(bobs.access)


def test_a_connection_of_which_only_the_refresh_token_lives_is_listed_and_can_be_ended(
    world: World, chatgpt: App
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        held = world.connect(world.alice, chatgpt, handle="acme")
        connection = world.asker.knows(held.access)["connection_id"]
        clock.shift(timedelta(days=10))
        assert "Disconnect ChatGPT from @acme" in words_of(world.alice.http.get("/connections"))
        world.alice.http.post(f"/connections/{connection}/disconnect", {"confirm": "yes"})
        assert is_over(world, chatgpt, held)


def test_a_code_on_its_way_is_refused_after_disconnecting(world: World, chatgpt: App) -> None:
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    world.alice.http.post("/connections/all/disconnect", {"confirm": "yes"})
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"


def test_connecting_again_makes_a_new_connection_and_the_old_credentials_stay_dead(
    held: Tokens, world: World, chatgpt: App
) -> None:
    first = world.asker.knows(held.access)["connection_id"]
    chatgpt.revoke(held.refresh or "")
    fresh = world.connect(world.alice, chatgpt, handle="acme")
    assert world.asker.knows(fresh.access)["connection_id"] != first
    assert is_over(world, chatgpt, held)
    assert live_connections() == 1


def test_what_ended_is_not_brought_back_by_stepping_up(held: Tokens, world: World, chatgpt: App) -> None:
    chatgpt.revoke(held.refresh or "")
    world.connect(world.alice, chatgpt, handle="acme", scope="links.write")
    assert is_over(world, chatgpt, held)
