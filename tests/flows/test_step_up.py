"""A client asks for more later, or a person allows less: the connection grows and shrinks, and stays one."""

from __future__ import annotations

import pytest

from tests.flows.changes import live_connections, set_role
from tests.people import READS, App, Tokens, World, answer_of, hosted, tokens_of

MORE = f"{READS} links.write offline_access"


def again(world: World, app: App, scope: str, **choice) -> Tokens:
    """Send alice through consent once more, for the handle she used last."""
    return world.connect(world.alice, app, scope=scope, **{"handle": "acme"} | choice)


# --- What does not grow


def test_a_refresh_cannot_widen(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    widened = chatgpt.refresh(held.refresh, scope=f"{READS} links.write")
    assert tokens_of(widened).scope == READS
    assert "links.write" not in world.asker.knows(tokens_of(widened).access)["scope"]


def test_a_refresh_for_nothing_but_what_was_never_allowed_is_refused(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    answer = chatgpt.refresh(held.refresh, scope="links.write")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert world.asker.is_active(tokens_of(chatgpt.refresh(held.refresh)).access)


def test_a_credential_from_before_the_step_up_does_not_grow(world: World, chatgpt: App) -> None:
    before = world.connect(world.alice, chatgpt, handle="acme")
    again(world, chatgpt, MORE)
    assert world.asker.knows(before.access)["scope"] == READS


def test_cancelling_a_step_up_leaves_what_there_was(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    world.alice.decide(world.alice.open(chatgpt.authorize_url(scope=MORE)), "cancel")
    assert world.asker.knows(held.access)["scope"] == READS
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == READS


def test_a_member_cannot_step_up_to_what_admins_may(world: World, chatgpt: App) -> None:
    world.connect(world.bob, chatgpt, resource=hosted("acme"))
    page = world.bob.open(chatgpt.authorize_url(hosted("acme"), scope=f"{READS} site.deployments.write"))
    told = answer_of(world.bob.decide(page, scope=[*READS.split(), "site.deployments.write"]))
    assert tokens_of(chatgpt.exchange(told["code"])).scope == READS


def test_stepping_up_at_one_handle_leaves_the_other_alone(world: World, chatgpt: App) -> None:
    acme = world.connect(world.alice, chatgpt, handle="acme")
    globex = world.connect(world.alice, chatgpt, handle="globex")
    again(world, chatgpt, MORE)
    assert tokens_of(chatgpt.refresh(globex.refresh)).scope == READS
    assert "links.write" in tokens_of(chatgpt.refresh(acme.refresh)).scope


def test_a_scope_that_was_never_asked_for_cannot_be_ticked(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope="links.read"))
    told = answer_of(world.alice.decide(page, handle="acme", scope=["links.read", "links.write", "webhooks.write"]))
    assert tokens_of(chatgpt.exchange(told["code"])).scope == "mcp.connect links.read"


# --- Growing


def test_asking_for_the_union_grows_the_same_connection(world: World, chatgpt: App) -> None:
    before = world.asker.knows(world.connect(world.alice, chatgpt, handle="acme").access)
    grown = again(world, chatgpt, MORE)
    known = world.asker.knows(grown.access)
    assert known["connection_id"] == before["connection_id"]
    assert known["scope"] == grown.scope == "mcp.connect skills.read links.read links.write offline_access"
    assert live_connections() == 1


def test_asking_only_for_what_is_new_grows_the_connection_and_loses_nothing(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    grown = again(world, chatgpt, "links.write")
    assert grown.scope == "mcp.connect links.write"
    refreshed = tokens_of(chatgpt.refresh(grown.refresh))
    assert refreshed.scope == "mcp.connect skills.read links.read links.write"


def test_a_refresh_token_from_before_the_step_up_brings_what_the_connection_has_now(world: World, chatgpt: App) -> None:
    before = world.connect(world.alice, chatgpt, handle="acme")
    again(world, chatgpt, MORE)
    assert "links.write" in tokens_of(chatgpt.refresh(before.refresh)).scope


def test_what_a_client_registered_as_its_scope_is_no_ceiling(world: World) -> None:
    app = App.register(scope="mcp.connect")
    world.connect(world.alice, app, scope="mcp.connect", handle="acme")
    assert "links.write" in world.connect(world.alice, app, scope=MORE, handle="acme").scope


def test_an_admin_steps_up_to_manage_by_ticking_it(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    asked = f"{READS} site.deployments.write"
    assert "site.deployments.write" not in again(world, chatgpt, asked).scope
    page = world.alice.open(chatgpt.authorize_url(scope=asked))
    told = answer_of(world.alice.decide(page, handle="acme", scope=asked.split()))
    assert "site.deployments.write" in tokens_of(chatgpt.exchange(told["code"])).scope


# --- Narrowing


def test_unticking_narrows_the_connection_and_every_credential_of_it_at_once(world: World, chatgpt: App) -> None:
    before = world.connect(world.alice, chatgpt, scope=MORE, handle="acme")
    page = world.alice.open(chatgpt.authorize_url(scope=MORE))
    told = answer_of(world.alice.decide(page, handle="acme", scope=["skills.read"]))
    assert tokens_of(chatgpt.exchange(told["code"])).scope == "mcp.connect skills.read offline_access"
    assert world.asker.knows(before.access)["scope"] == "mcp.connect skills.read offline_access"
    assert tokens_of(chatgpt.refresh(before.refresh)).scope == "mcp.connect skills.read offline_access"


def test_unticking_everything_leaves_what_is_required(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope=READS))
    told = answer_of(world.alice.decide(page, handle="acme", scope=[]))
    assert tokens_of(chatgpt.exchange(told["code"])).scope == "mcp.connect"


def test_what_a_request_does_not_mention_cannot_be_unticked_by_it(world: World, chatgpt: App) -> None:
    before = world.connect(world.alice, chatgpt, scope=MORE, handle="acme")
    page = world.alice.open(chatgpt.authorize_url(scope="links.write"))
    world.alice.decide(page, handle="acme", scope=[])
    assert world.asker.knows(before.access)["scope"] == "mcp.connect skills.read links.read offline_access"


@pytest.mark.parametrize("role", ["admin", "member"])
def test_a_step_up_after_the_role_was_lowered_does_not_bring_back_more(world: World, chatgpt: App, role: str) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope=f"{READS} links.write site.deployments.write"))
    ticked = [*READS.split(), "links.write", "site.deployments.write"]
    world.alice.decide(page, handle="acme", scope=ticked)
    set_role(world.alice, "acme", role)
    page = world.alice.open(chatgpt.authorize_url(scope="links.write"))
    told = answer_of(world.alice.decide(page, handle="acme"))
    refreshed = tokens_of(chatgpt.refresh(tokens_of(chatgpt.exchange(told["code"])).refresh))
    assert ("site.deployments.write" in refreshed.scope) == (role == "admin")
