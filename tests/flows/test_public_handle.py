"""A public handle lets anybody who is signed in connect as a guest, for what a guest may do and no more."""

from __future__ import annotations

import pytest

from handles.models import Handle
from tests.flows.changes import join, leave, live_connections, offered_on, set_handle
from tests.people import READS, App, World, answer_of, compat, hosted, tokens_of

EVERYTHING = f"{READS} links.write analytics.read site.deployments.write webhooks.write"


@pytest.fixture
def public(world: World) -> None:
    set_handle("acme", visibility=Handle.Visibility.PUBLIC)


pytestmark = pytest.mark.usefixtures("public")


def test_an_outsider_is_never_offered_a_public_handle_by_the_picker(world: World, chatgpt: App) -> None:
    page = world.carol.open(chatgpt.authorize_url())
    assert page.status_code == 403
    assert offered_on(page) == []


def test_an_outsider_cannot_post_a_public_handle_to_the_picker(world: World, chatgpt: App) -> None:
    join(world.carol, "globex")
    join(world.carol, "initech")
    page = world.carol.decide(world.carol.open(chatgpt.authorize_url()), handle="acme")
    assert "Choose one handle." in page.content.decode()
    assert live_connections() == 0


def test_an_outsider_ticking_everything_gets_what_a_guest_may(world: World, chatgpt: App) -> None:
    held = world.connect(world.carol, chatgpt, resource=hosted("acme"), scope=EVERYTHING)
    assert held.scope == READS


def test_scopes_beyond_a_guest_cannot_be_posted(world: World, chatgpt: App) -> None:
    page = world.carol.open(chatgpt.authorize_url(hosted("acme"), scope=EVERYTHING))
    answer = answer_of(world.carol.decide(page, scope=EVERYTHING.split()))
    held = tokens_of(chatgpt.exchange(answer["code"]))
    assert held.scope == READS
    assert world.asker.knows(held.access)["scope"] == READS


def test_asking_only_for_what_members_may_leaves_a_guest_the_session(world: World, chatgpt: App) -> None:
    page = world.carol.open(chatgpt.authorize_url(hosted("acme"), scope="links.write"))
    assert "Needs the role member." in page.content.decode()
    held = world.connect(world.carol, chatgpt, resource=hosted("acme"), scope="links.write")
    assert held.scope == "mcp.connect"


def test_a_suspended_public_handle_takes_no_guests(world: World, chatgpt: App) -> None:
    set_handle("acme", status="suspended")
    assert world.carol.open(chatgpt.authorize_url(hosted("acme"))).status_code == 403


@pytest.mark.parametrize("address", [hosted, compat])
def test_an_outsider_connects_as_a_guest(world: World, chatgpt: App, address) -> None:
    known = world.asker.knows(world.connect(world.carol, chatgpt, resource=address("acme")).access)
    assert (known["handle"], known["handle_role"], known["scope"]) == ("acme", "public", READS)


def test_a_guest_who_joins_is_a_member_and_one_who_leaves_a_guest_again(world: World, chatgpt: App) -> None:
    held = world.connect(world.carol, chatgpt, resource=hosted("acme"))
    join(world.carol, "acme", "admin")
    assert world.asker.knows(held.access)["handle_role"] == "admin"
    leave(world.carol, "acme")
    assert world.asker.knows(held.access)["handle_role"] == "public"


def test_a_member_who_leaves_a_public_handle_keeps_what_a_guest_may(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, resource=hosted("acme"), scope=f"{READS} links.write")
    assert "links.write" in held.scope
    leave(world.bob, "acme")
    assert world.asker.knows(held.access)["scope"] == READS
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == READS


def test_a_handle_turned_private_refuses_its_guests_and_keeps_its_members(world: World, chatgpt: App) -> None:
    guest = world.connect(world.carol, chatgpt, resource=hosted("acme"))
    member = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    set_handle("acme", visibility=Handle.Visibility.PRIVATE)
    assert not world.asker.is_active(guest.access)
    assert chatgpt.refresh(guest.refresh).json()["error"] == "invalid_grant"
    assert world.asker.is_active(member.access)
    set_handle("acme", visibility=Handle.Visibility.PUBLIC)
    assert world.asker.is_active(guest.access)
