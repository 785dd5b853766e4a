"""A client that cannot ask again wished for a permission: its person answers on their own page."""

from __future__ import annotations

import pytest
from django.utils import timezone

from authserver.models import Connection, Event, ScopeRequest
from authserver.services import connections
from tests.authserver.views.test_consent_page import words
from tests.flows.changes import set_role, set_scope
from tests.people import READS, App, Tokens, World, tokens_of

pytestmark = pytest.mark.covers("ask:8")

LIST = "/connections"
ASKED = "ChatGPT asked to create and edit links. Allow?"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


@pytest.fixture
def address(world: World, held: Tokens) -> str:
    wish("links.write")
    return f"{LIST}/{world.asker.knows(held.access)['connection_id']}/wishes"


def wish(scope: str) -> None:
    connections.wish(Connection.objects.get().pk, scope, tool="create_link", now=timezone.now())


def test_allowed_the_next_refresh_carries_it(world: World, chatgpt: App, held: Tokens, address: str) -> None:
    said = words(world.alice.http.get(LIST))
    assert ASKED in said
    assert "when it called create_link" in said
    world.alice.http.post(address, {"scope": "links.write", "decision": "allow"})
    assert world.asker.knows(held.access)["scope"] == READS
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == f"{READS} links.write"
    assert ASKED not in words(world.alice.http.get(LIST))


def test_declined_it_does_not_come_up_again(world: World, chatgpt: App, held: Tokens, address: str) -> None:
    world.alice.http.post(address, {"scope": "links.write", "decision": "decline"})
    wish("links.write")
    assert ASKED not in words(world.alice.http.get(LIST))
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == READS


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"scope": "links.write"},
        {"scope": "links.write", "decision": "yes"},
        {"scope": "pages.write", "decision": "allow"},
        {"scope": "webhooks.write", "decision": "allow"},
        {"scope": "\x00", "decision": "allow"},
        {"scope": "", "decision": "decline"},
    ],
)
def test_what_does_not_wait_is_not_answered(world: World, held: Tokens, address: str, form: dict[str, str]) -> None:
    world.alice.http.post(address, form)
    said = words(world.alice.http.get(LIST))
    assert "does not wait for an answer any more" in said
    assert ASKED in said
    assert Connection.objects.get().scopes == READS


def test_answered_twice_counts_once(world: World, held: Tokens, address: str) -> None:
    world.alice.http.post(address, {"scope": "links.write", "decision": "decline"})
    world.alice.http.post(address, {"scope": "links.write", "decision": "allow"})
    assert Connection.objects.get().scopes == READS
    assert Event.objects.filter(tag="scope:declined").count() == 1


@pytest.mark.parametrize("loss", ["role", "withheld", "catalog"])
def test_a_wish_that_may_not_be_granted_any_more_is_not_shown_and_not_granted(
    world: World, held: Tokens, address: str, loss: str
) -> None:
    if loss == "role":
        set_role(world.alice, "acme", "public")
    elif loss == "catalog":
        set_scope("links.write", is_active=False)
    else:
        connections.withhold(Connection.objects.get(), ["links.write"], by=world.alice.user, now=timezone.now())
    assert ASKED not in words(world.alice.http.get(LIST))
    world.alice.http.post(address, {"scope": "links.write", "decision": "allow"})
    assert Connection.objects.get().scopes == READS


def test_allowed_on_the_consent_page_it_waits_no_longer(world: World, chatgpt: App, held: Tokens, address: str) -> None:
    world.connect(world.alice, chatgpt, scope=f"{READS} links.write", handle="acme")
    assert ASKED not in words(world.alice.http.get(LIST))
    assert ScopeRequest.objects.get().decision == "allowed"
