"""Somebody reaches for the connections of others, or for what an admin withholds."""

from __future__ import annotations

import pytest
from django.forms import model_to_dict
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Connection, ScopeRequest
from authserver.services import connections
from tests.people import READS, App, Tokens, World, answer_of, hosted, tokens_of

WIDE = f"{READS} links.write"
FORMS: dict[str, dict[str, object]] = {
    "scopes": {"scope": [], "offered": ["links.read"]},
    "pause": {},
    "resume": {},
    "wishes": {"scope": "links.write", "decision": "allow"},
    "disconnect": {"confirm": "yes"},
}


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, resource=hosted("acme"))


def withhold(*names: str, world: World) -> None:
    connections.withhold(Connection.objects.get(), names, by=world.alice.user, now=timezone.now())


@pytest.mark.parametrize("verb", FORMS)
@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_nobody_else_changes_a_connection_however_high(world: World, held: Tokens, verb: str, who: str) -> None:
    mine = Connection.objects.get()
    connections.wish(mine.pk, "links.write", tool="x", now=timezone.now())
    stranger = getattr(world, who).sign_in()
    before = model_to_dict(mine)
    assert stranger.http.post(f"/connections/{mine.pk}/{verb}", FORMS[verb]).status_code == 404
    assert stranger.http.get(f"/connections/{mine.pk}/{verb}").status_code == 404
    assert model_to_dict(Connection.objects.get()) == before
    assert ScopeRequest.objects.get().decision == ""
    assert "@acme" not in stranger.http.get("/connections").content.decode().partition("<main")[2]


@pytest.mark.parametrize("verb", FORMS)
def test_a_form_of_another_site_changes_nothing(world: World, held: Tokens, verb: str) -> None:
    strict = Http(enforce_csrf_checks=True)
    strict.cookies = world.alice.http.cookies
    mine = Connection.objects.get()
    assert strict.post(f"/connections/{mine.pk}/{verb}", FORMS[verb]).status_code == 403
    assert model_to_dict(Connection.objects.get()) == model_to_dict(mine)


@pytest.mark.parametrize("verb", FORMS)
def test_nobody_signed_in_changes_nothing(world: World, held: Tokens, verb: str) -> None:
    mine = Connection.objects.get()
    answer = Http().post(f"/connections/{mine.pk}/{verb}", FORMS[verb])
    assert answer["Location"].startswith("/accounts/login/")
    assert model_to_dict(Connection.objects.get()) == model_to_dict(mine)


def test_a_wish_of_another_connection_is_not_allowed_through_ones_own(world: World, chatgpt: App, held: Tokens) -> None:
    world.connect(world.bob, chatgpt, resource=hosted("acme"))
    hers, his = (Connection.objects.get(user=person.user) for person in (world.alice, world.bob))
    connections.wish(hers.pk, "links.write", tool="x", now=timezone.now())
    world.bob.http.post(f"/connections/{his.pk}/wishes", {"scope": "links.write", "decision": "allow"})
    assert ScopeRequest.objects.get().decision == ""
    assert {each.scopes for each in Connection.objects.all()} == {READS}


@pytest.mark.parametrize("name", ["links.write", "webhooks.write", "site.deployments.write", "*", "\x00", "x" * 9000])
def test_what_was_never_allowed_cannot_be_ticked_on_ones_own_page(world: World, held: Tokens, name: str) -> None:
    address = f"/connections/{Connection.objects.get().pk}/scopes"
    world.alice.http.post(address, {"scope": [*READS.split(), name], "offered": [name]})
    assert world.asker.knows(held.access)["scope"] == READS
    assert Connection.objects.get().scopes == READS


def test_what_is_required_cannot_be_given_away(world: World, held: Tokens) -> None:
    address = f"/connections/{Connection.objects.get().pk}/scopes"
    world.alice.http.post(address, {"scope": [], "offered": READS.split()})
    assert world.asker.knows(held.access)["scope"] == "mcp.connect"


# --- Withheld


def test_withheld_scopes_posted_on_the_consent_page_are_not_granted(world: World, chatgpt: App, held: Tokens) -> None:
    withhold("links.write", "links.read", world=world)
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=WIDE))
    html = page.content.decode()
    assert "Withheld by an admin of @acme." in html
    got = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, scope=WIDE.split()))["code"]))
    assert got.scope == "mcp.connect skills.read"
    assert world.asker.knows(got.access)["scope"] == "mcp.connect skills.read"
    assert "links.write" not in Connection.objects.get().scopes
    withhold(world=world)
    assert Connection.objects.get().scope_list == READS.split()


def test_withheld_scopes_posted_on_the_page_of_the_connection_stay_withheld(world: World, held: Tokens) -> None:
    withhold("links.read", world=world)
    address = f"/connections/{Connection.objects.get().pk}/scopes"
    world.alice.http.post(address, {"scope": READS.split(), "offered": READS.split()})
    assert world.asker.knows(held.access)["scope"] == "mcp.connect skills.read"


def test_on_the_gateway_what_one_handle_withholds_another_need_not(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    withhold("links.write", world=world)
    for handle, scope in (("acme", READS), ("globex", WIDE)):
        page = world.alice.open(chatgpt.authorize_url(scope=WIDE))
        assert "Withheld by an admin of @acme." in page.content.decode()
        answer = world.alice.decide(page, handle=handle, scope=WIDE.split())
        assert tokens_of(chatgpt.exchange(answer_of(answer)["code"])).scope == scope
