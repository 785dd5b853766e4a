"""A connection stays alive by refreshing, however a client words its request; and ends when nobody does."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from authserver import policy
from authserver.tasks import purge_expired
from tests.flows.changes import live_connections
from tests.people import GATEWAY, READS, App, Tokens, World, hosted, post_form, tokens_of

IDLE = policy.REFRESH_TOKEN_IDLE_LIFETIME
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock():
    """The clock, standing still until it is shifted."""
    with time_machine.travel(timezone.now(), tick=False) as travel:
        yield travel


@pytest.fixture
def held(clock, world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def refused(answer) -> bool:
    assert answer.status_code == 400, answer.content
    return answer.json()["error"] == "invalid_grant"


# --- No


@pytest.mark.parametrize("token", ["", "x", "mcprt_", "mcpv1_" + "0" * 49, "mcprt_" + "0" * 49, "\u00e9", "a" * 4000])
def test_what_is_no_refresh_token_is_refused(held: Tokens, chatgpt: App, token: str) -> None:
    answer = chatgpt.refresh(token)
    assert answer.status_code == 400
    assert answer.json()["error"] == ("invalid_grant" if token else "invalid_request")


def test_an_access_token_is_no_refresh_token(held: Tokens, chatgpt: App) -> None:
    assert refused(chatgpt.refresh(held.access))


def test_a_refresh_token_is_no_access_token(held: Tokens, world: World) -> None:
    assert world.asker.knows(held.refresh or "") == {"active": False}


def test_another_client_cannot_use_it_and_ends_nothing_by_trying(held: Tokens, world: World, chatgpt: App) -> None:
    assert refused(App.register("Thief").refresh(held.refresh))
    assert world.asker.is_active(tokens_of(chatgpt.refresh(held.refresh)).access)


def test_a_refresh_token_left_idle_for_its_lifetime_is_refused(clock, held: Tokens, chatgpt: App) -> None:
    clock.shift(IDLE)
    assert refused(chatgpt.refresh(held.refresh))


def test_an_idle_token_that_was_refused_does_not_come_back(clock, held: Tokens, chatgpt: App) -> None:
    clock.shift(IDLE)
    chatgpt.refresh(held.refresh)
    assert refused(chatgpt.refresh(held.refresh))


def test_a_connection_left_idle_for_its_lifetime_is_no_longer_listed(clock, held: Tokens, world: World) -> None:
    clock.shift(IDLE + timedelta(days=1))
    purge_expired()
    assert live_connections() == 0


def test_a_replaced_token_used_after_the_leeway_ends_everything(
    clock, held: Tokens, world: World, chatgpt: App
) -> None:
    newer = tokens_of(chatgpt.refresh(held.refresh))
    assert world.asker.is_active(newer.access)
    clock.shift(policy.REFRESH_LEEWAY + SECOND)
    assert refused(chatgpt.refresh(held.refresh))
    assert not world.asker.is_active(newer.access)
    assert refused(chatgpt.refresh(newer.refresh))
    assert live_connections() == 0


@pytest.mark.parametrize("resource", [hosted("acme"), "https://evil.example/mcp", "http://127.0.0.1:8001/other/mcp"])
def test_a_refresh_for_another_resource_is_refused_and_can_be_repeated_without(
    held: Tokens, world: World, chatgpt: App, resource: str
) -> None:
    answer = chatgpt.refresh(held.refresh, resource=resource)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert world.asker.is_active(tokens_of(chatgpt.refresh(held.refresh)).access)


def test_a_client_that_cannot_refresh_is_given_no_refresh_token(world: World) -> None:
    app = App.register(grant_types=["authorization_code"])
    held = world.connect(world.alice, app, handle="acme")
    assert held.refresh is None
    assert refused(app.refresh("mcprt_" + "0" * 49))


# --- Time


def test_an_access_token_ends_after_its_ten_minutes_to_the_second(clock, held: Tokens, world: World) -> None:
    assert held.expires_in == 600
    clock.shift(policy.ACCESS_TOKEN_LIFETIME - SECOND)
    assert world.asker.is_active(held.access)
    clock.shift(SECOND)
    assert world.asker.knows(held.access) == {"active": False}


def test_a_connection_refreshed_within_every_month_lives_on(clock, held: Tokens, world: World, chatgpt: App) -> None:
    for _ in range(4):
        clock.shift(IDLE - SECOND)
        held = tokens_of(chatgpt.refresh(held.refresh))
        assert world.asker.is_active(held.access)


def test_refreshing_takes_nothing_from_the_credential_in_use(clock, held: Tokens, world: World, chatgpt: App) -> None:
    clock.shift(timedelta(minutes=5))
    newer = tokens_of(chatgpt.refresh(held.refresh))
    assert world.asker.is_active(held.access)
    clock.shift(timedelta(minutes=5))
    assert not world.asker.is_active(held.access)
    assert world.asker.is_active(newer.access)


def test_a_lost_answer_can_be_asked_for_again_within_the_leeway(clock, held: Tokens, chatgpt: App) -> None:
    first = tokens_of(chatgpt.refresh(held.refresh))
    clock.shift(policy.REFRESH_LEEWAY)
    again = tokens_of(chatgpt.refresh(held.refresh))
    assert (again.access, again.refresh, again.scope) == (first.access, first.refresh, first.scope)
    assert again.expires_in == first.expires_in - policy.REFRESH_LEEWAY.total_seconds()


def test_asking_again_does_not_start_the_leeway_again(clock, held: Tokens, world: World, chatgpt: App) -> None:
    assert world.asker.is_active(tokens_of(chatgpt.refresh(held.refresh)).access)
    clock.shift(policy.REFRESH_LEEWAY)
    chatgpt.refresh(held.refresh)
    clock.shift(SECOND)
    assert refused(chatgpt.refresh(held.refresh))


def test_a_client_that_refreshes_before_every_call_stays_connected(held: Tokens, world: World, chatgpt: App) -> None:
    for _ in range(20):
        held = tokens_of(chatgpt.refresh(held.refresh))
    assert world.asker.is_active(held.access)


# --- Words


def test_a_refresh_for_less_does_not_lose_the_rest(held: Tokens, world: World, chatgpt: App) -> None:
    less = tokens_of(chatgpt.refresh(held.refresh, scope="mcp.connect links.read"))
    assert less.scope == world.asker.knows(less.access)["scope"] == "mcp.connect links.read"
    assert tokens_of(chatgpt.refresh(less.refresh)).scope == READS


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"resource": GATEWAY},
        {"resource": "HTTP://127.0.0.1:8001/mcp"},
        {"scope": READS},
        {"scope": "links.read skills.read mcp.connect"},
        {"scope": ""},
        {"scope": f"{READS} openid profile never.heard.of"},
        {"json": "junk=1&more", "audience": "x", "foo": "bar"},
        {"json": '{"grant_type": "password", "client_id": "other"}'},
        {"redirect_uri": "https://chatgpt.com/connector/oauth/abc", "code_verifier": "x" * 43},
        {"client_assertion_type": ""},
    ],
)
def test_a_refresh_is_understood_however_clients_word_it(held: Tokens, chatgpt: App, words: dict[str, str]) -> None:
    answer = tokens_of(chatgpt.refresh(held.refresh, **words))
    assert set(answer.scope.split()) == set(READS.split())
    assert answer.expires_in == 600


@pytest.mark.parametrize("kind", ["; charset=UTF-8", ";charset=utf-8", "; charset=ISO-8859-1", ";"])
def test_a_charset_in_the_content_type_changes_nothing(held: Tokens, chatgpt: App, kind: str) -> None:
    form = f"grant_type=refresh_token&refresh_token={held.refresh}&client_id={chatgpt.client_id}"
    answer = chatgpt.http.post("/oauth/token", form, content_type=f"application/x-www-form-urlencoded{kind}")
    assert tokens_of(answer).scope == READS


def test_a_client_may_name_itself_beside_its_basic_header(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    held = world.connect(world.alice, app, handle="acme")
    answer = app.token(
        basic=True, grant_type="refresh_token", refresh_token=held.refresh or "", client_id=app.client_id
    )
    assert world.asker.is_active(tokens_of(answer).access)


def test_a_repeated_parameter_is_refused_and_uses_nothing_up(held: Tokens, chatgpt: App) -> None:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": [held.refresh, held.refresh],
        "client_id": chatgpt.client_id,
    }
    answer = post_form(chatgpt.http, "/oauth/token", form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == READS
