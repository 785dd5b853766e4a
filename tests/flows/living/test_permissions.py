"""A person takes permissions back and gives them again, while the client stays connected."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from authserver.models import Connection, Event, Notice
from authserver.services import connections
from tests.authserver.views.test_consent_page import box, words
from tests.flows.changes import set_role, set_scope
from tests.people import READS, App, Tokens, World, answer_of, tokens_of

pytestmark = pytest.mark.covers("ask:5")

WIDE = f"{READS} links.write offline_access"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, scope=WIDE, handle="acme")


def page_of(world: World, held: Tokens) -> str:
    return f"/connections/{world.asker.knows(held.access)['connection_id']}/scopes"


def tick(world: World, address: str, *scopes: str, offered: Any = None) -> Any:
    """Save the page as a browser does: ticked boxes, and what stood there to be decided."""
    page = world.alice.http.get(address).content.decode()
    stood = offered if offered is not None else re.findall(r'name="offered" value="([^"]*)"', page)
    return world.alice.http.post(address, {"scope": scopes, "offered": stood})


def withhold(world: World, *names: str) -> None:
    connections.withhold(Connection.objects.get(), names, by=world.alice.user, now=timezone.now())


def test_unticked_is_gone_at_the_next_question_and_ticked_again_is_back_with_the_same_credential(
    world: World, held: Tokens
) -> None:
    address = page_of(world, held)
    tick(world, address, "skills.read", "links.read")
    assert world.asker.knows(held.access)["scope"] == f"{READS} offline_access"
    tick(world, address, "skills.read", "links.read", "links.write")
    assert world.asker.knows(held.access)["scope"] == WIDE
    tags = Event.objects.filter(tag__startswith="connection:").order_by("id").values_list("tag", flat=True)
    assert list(tags) == ["connection:approved", "connection:narrowed", "connection:widened"]


def test_a_refresh_brings_what_is_left(world: World, chatgpt: App, held: Tokens) -> None:
    tick(world, page_of(world, held), "links.write")
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == "mcp.connect links.write offline_access"


def test_nothing_ticked_leaves_what_is_required(world: World, held: Tokens) -> None:
    tick(world, page_of(world, held))
    assert world.asker.knows(held.access)["scope"] == "mcp.connect offline_access"


def test_the_page_shows_what_was_ever_allowed_and_nothing_else(world: World, held: Tokens) -> None:
    address = page_of(world, held)
    tick(world, address, "links.read")
    page = world.alice.http.get(address)
    assert box(page, "mcp.connect") == {"checked", "disabled"}
    assert box(page, "links.read") == {"checked"}
    assert box(page, "links.write") == box(page, "skills.read") == set()
    assert box(page, "offline_access") is box(page, "webhooks.write") is None
    assert page["Cache-Control"] == "no-store"


def test_what_an_admin_withholds_is_shown_with_the_reason_and_comes_back_when_it_is_given_back(
    world: World, held: Tokens
) -> None:
    withhold(world, "links.write")
    address = page_of(world, held)
    page = world.alice.http.get(address)
    assert box(page, "links.write") == {"checked", "disabled"}
    assert "Withheld by an admin of @acme" in words(page)
    assert "Withheld by an admin of @acme" in words(world.alice.http.get("/connections"))
    tick(world, address, "links.read")
    assert world.asker.knows(held.access)["scope"] == "mcp.connect links.read offline_access"
    withhold(world)
    assert world.asker.knows(held.access)["scope"] == "mcp.connect links.read links.write offline_access"


def test_what_the_role_no_longer_reaches_is_kept_for_when_it_does(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope="links.read site.deployments.write"))
    answer = world.alice.decide(page, handle="acme", scope=["links.read", "site.deployments.write"])
    held = tokens_of(chatgpt.exchange(answer_of(answer)["code"]))
    set_role(world.alice, "acme", "member")
    address = page_of(world, held)
    assert "Needs the role admin" in words(world.alice.http.get(address))
    tick(world, address, "links.read")
    set_role(world.alice, "acme", "owner")
    assert "site.deployments.write" in world.asker.knows(held.access)["scope"]


def test_a_scope_that_is_out_of_the_catalog_while_the_page_is_saved_returns_with_it(world: World, held: Tokens) -> None:
    set_scope("links.write", is_active=False)
    tick(world, page_of(world, held), "links.read")
    set_scope("links.write", is_active=True)
    assert "links.write" in world.asker.knows(held.access)["scope"]


def test_what_was_allowed_while_the_page_was_open_is_not_taken_back(world: World, chatgpt: App, held: Tokens) -> None:
    address = page_of(world, held)
    stood = ["skills.read", "links.read", "links.write"]
    world.connect(world.alice, chatgpt, scope=f"{WIDE} pages.write", handle="acme")
    tick(world, address, "links.read", offered=stood)
    assert world.asker.knows(held.access)["scope"] == "mcp.connect links.read offline_access"
    assert "pages.write" in Connection.objects.get().scopes


def test_saving_without_a_change_says_so_and_writes_nothing(world: World, held: Tokens) -> None:
    before = Event.objects.count()
    tick(world, page_of(world, held), "skills.read", "links.read", "links.write")
    assert "stay as they were" in words(world.alice.http.get("/connections"))
    assert Event.objects.count() == before


def test_narrowing_is_no_reason_for_mail(world: World, held: Tokens) -> None:
    before = Notice.objects.count()
    tick(world, page_of(world, held), "links.read")
    assert Notice.objects.count() == before


def test_a_connection_that_ended_is_explained(world: World, held: Tokens) -> None:
    address = page_of(world, held)
    world.alice.http.post(address.replace("scopes", "disconnect"), {"confirm": "yes"})
    for method in (world.alice.http.get, world.alice.http.post):
        assert method(address, {"scope": ["links.write"]})["Location"] == "/connections"
        assert "has ended already" in words(world.alice.http.get("/connections"))
    assert not world.asker.is_active(held.access)
