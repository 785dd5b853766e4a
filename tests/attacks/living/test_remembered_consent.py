"""Somebody wants a code that no person looked at."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import AuthorizationCode, Client, ClientPolicy, ClientRule, Connection, Event
from authserver.protocol.governance import Decision
from authserver.services import connections
from authserver.services.connections import PausedBy
from authserver.services.governance import decisions, verdicts
from handles.models import Handle
from tests.flows.changes import leave, set_client, set_endpoint, set_handle, set_person
from tests.flows.living.test_remembered import again, kind_of
from tests.people import CALLBACK, GATEWAY, READS, App, World, hosted

pytestmark = pytest.mark.covers("screen:C29", "AS-69")

CLICK = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-user": "?1",
    "referer": "https://chatgpt.com/",
}


@pytest.fixture
def verified(world: World, chatgpt: App) -> App:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    set_client(chatgpt, is_verified=True)
    AuthorizationCode.objects.all().delete()
    return chatgpt


def assert_no_code() -> None:
    assert not AuthorizationCode.objects.exists()
    assert not Event.objects.filter(tag="connection:continued").exists()


def visit(world: World, app: App, **headers: str) -> Any:
    return world.alice.http.get(app.authorize_url(hosted("acme"), scope=READS), headers=headers)


# --- A request that somebody else began (login CSRF at the client)


@pytest.mark.parametrize(
    "changed",
    [
        {"referer": "https://evil.example/"},
        {"referer": ""},
        {"sec-fetch-site": "none", "referer": ""},
        {"sec-fetch-user": ""},
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"},
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
    ],
)
def test_a_link_or_frame_of_somebody_elses_gets_no_silent_code(
    world: World, verified: App, changed: dict[str, str]
) -> None:
    assert kind_of(visit(world, verified, **CLICK | changed)) == "short"
    assert_no_code()


def test_a_click_at_the_client_does(world: World, verified: App) -> None:
    assert kind_of(visit(world, verified, **CLICK)) == "silent"


def test_asking_for_the_head_only_makes_no_code(world: World, verified: App) -> None:
    assert world.alice.http.head(verified.authorize_url(hosted("acme"), scope=READS)).status_code == 200
    assert_no_code()


def test_whoever_is_not_signed_in_gets_no_code(world: World, verified: App) -> None:
    answer = Http().get(verified.authorize_url(hosted("acme"), scope=READS))
    assert answer["Location"].startswith("/accounts/login/")
    assert_no_code()


# --- Parameters


@pytest.mark.parametrize(
    "wish",
    [
        {"prompt": "silent"},
        {"prompt": "none consent"},
        {"approval_prompt": "auto"},
        {"skip_authorization": "true"},
        {"decision": "continue"},
        {"is_remembered": "1"},
        {"login_hint": "alice@example.com", "handle": "acme"},
        {"max_age": "0"},
    ],
)
def test_no_parameter_makes_an_unverified_client_silent(world: World, chatgpt: App, wish: dict[str, str]) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    codes = AuthorizationCode.objects.count()
    assert kind_of(again(world, chatgpt, **wish)) != "silent"
    assert AuthorizationCode.objects.count() == codes


@pytest.mark.parametrize("wish", [{"decision": "continue"}, {"handle": "acme"}])
def test_no_parameter_names_the_handle_for_a_person(world: World, chatgpt: App, wish: dict[str, str]) -> None:
    for handle in ("acme", "globex"):
        world.connect(world.alice, chatgpt, handle=handle)
    set_client(chatgpt, is_verified=True)
    assert kind_of(again(world, chatgpt, GATEWAY, **wish)) == "ask"


# --- The one button


def test_continue_cannot_be_posted_for_what_is_asked_in_full(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS))
    answer = world.alice.decide(page, "continue", handle="acme", scope=READS.split())
    assert kind_of(answer) == "ask"
    assert not Connection.objects.exists()


@pytest.mark.parametrize("scope", [f"{READS} links.write", READS])
def test_continue_grants_nothing_more_than_stands(world: World, chatgpt: App, scope: str) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=scope))
    world.alice.decide(page, "continue", scope=[*READS.split(), "links.write", "webhooks.write"])
    assert Connection.objects.get().scopes == READS


def test_the_button_of_one_handle_does_not_count_for_another(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS))
    assert kind_of(page) == "short"
    world.alice.decide(page, "continue", handle="globex")
    assert {each.handle.slug for each in Connection.objects.all()} == {"acme"}


@pytest.mark.parametrize("what", ["name", "digest", "redirect", "paused", "narrowed", "ended", "withheld"])
def test_what_changed_while_the_button_waited_is_asked(world: World, chatgpt: App, what: str) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS))
    assert kind_of(page) == "short"
    mine, now = Connection.objects.get(), timezone.now()
    before = AuthorizationCode.objects.count()
    {
        "name": lambda: set_client(chatgpt, name="ChatGPT for You"),
        "digest": lambda: set_client(chatgpt, metadata_digest="other"),
        "redirect": lambda: Connection.objects.update(redirect_origin="https://elsewhere.example"),
        "paused": lambda: connections.pause(mine, who=PausedBy.PERSON, by=world.alice.user, now=now),
        "narrowed": lambda: connections.allow_scopes(mine, [], by=world.alice.user, now=now),
        "ended": lambda: connections.revoke(mine, reason=connections.EndReason.PERSON, now=now),
        "withheld": lambda: connections.withhold(mine, ["links.read"], by=world.alice.user, now=now),
    }[what]()
    before = AuthorizationCode.objects.count()
    assert kind_of(world.alice.decide(page, "continue")) == "ask"
    assert AuthorizationCode.objects.count() == before
    assert Connection.objects.filter(pk=mine.pk, ended_at=None).exists() == (what != "ended")


def test_a_pause_by_an_admin_is_a_dead_end(world: World, verified: App) -> None:
    now = timezone.now()
    connections.pause(Connection.objects.get(), who=PausedBy.HANDLE_ADMIN, by=world.alice.user, now=now)
    assert kind_of(again(world, verified)) == "403"
    assert_no_code()


# --- What is live comes first


def block_at_acme(world: World, app: App) -> None:
    entry = verdicts.entry_of(Client.objects.get(client_id=app.client_id))
    acme = Handle.objects.get(slug="acme")
    decisions.decide(acme, entry, Decision.BLOCK, by=world.alice.user, now=timezone.now())


@pytest.mark.parametrize(
    "loss",
    [
        lambda world, app: leave(world.alice, "acme"),
        lambda world, app: set_handle("acme", status="suspended"),
        lambda world, app: set_person(world.alice, is_active=False),
        lambda world, app: set_client(app, is_active=False),
        lambda world, app: set_client(app, expired_at=timezone.now()),
        lambda world, app: set_endpoint("hosted", is_active=False),
        lambda world, app: world.alice.http.post("/handles/acme/clients/policy", {"mode": "listed"}),
        lambda world, app: block_at_acme(world, app),
    ],
)
def test_what_would_not_be_allowed_is_not_remembered(world: World, verified: App, loss: Any) -> None:
    loss(world, verified)
    answer = world.alice.http.get(verified.authorize_url(hosted("acme"), scope=READS))
    assert kind_of(answer) in ("sign in", "refused", "400", "403")
    assert_no_code()


def test_a_handle_that_wants_to_be_asked_is_asked(world: World, verified: App) -> None:
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="acme"), mode="ask")
    ClientRule.objects.all().delete()
    assert kind_of(again(world, verified)) == "ask"
    assert_no_code()


def test_a_client_that_was_verified_no_longer_takes_the_button(world: World, verified: App) -> None:
    Client.objects.update(is_verified=False)
    assert kind_of(again(world, verified)) == "short"
    assert_no_code()


def test_the_silent_answer_goes_to_the_registered_address_only(world: World, verified: App) -> None:
    for uri in (CALLBACK + "/", CALLBACK + "?x=1", "https://chatgpt.com/", "https://evil.example/"):
        verified.redirect_uri = uri
        assert again(world, verified).status_code == 400
    assert_no_code()
