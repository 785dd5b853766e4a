"""Whoever comes too often is told when to come again, at each limited endpoint; others are not touched by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Http

from authserver import policy
from tests.people import App, Asker, World
from tests.receivers import Stream, send

POLICY = re.compile(r'"[a-z-]+";q=\d+;w=60(, "[a-z-]+";q=\d+;w=60)*')
STANDING = re.compile(r'"[a-z-]+";r=\d+(;t=\d+)?(, "[a-z-]+";r=\d+(;t=\d+)?)*')
ALLOWED = 2
FROM_ELSEWHERE = {"REMOTE_ADDR": "192.0.2.9"}
PRIVATE = json.dumps({"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "none"})
Act = Callable[[World], Any]


def act_of(who: str) -> Act:
    return lambda world: getattr(world, who).http.post("/connections/all/disconnect", {})


# The endpoint, its limit (of the settings, or of policy), somebody who comes too often, and somebody else.
FLOODS: dict[str, tuple[str, Act, Act]] = {
    "registrations": (
        "settings.REGISTRATIONS_PER_MINUTE",
        lambda world: Http().post("/oauth/register", PRIVATE, content_type="application/json"),
        lambda world: Http(**FROM_ELSEWHERE).post("/oauth/register", PRIVATE, content_type="application/json"),
    ),
    "forms of a person": ("settings.ACTS_PER_MINUTE", act_of("alice"), act_of("bob")),
    "reports": ("reports", lambda world: world.asker.report(), lambda world: world.other_asker.report()),
    "tools": ("tools", lambda world: world.asker.published(), lambda world: world.other_asker.published()),
    "streams": (
        "streams",
        lambda world: send(world.asker, "GET", "/oauth/events/stream"),
        lambda world: send(world.other_asker, "GET", "/oauth/events/stream"),
    ),
    "polls": (
        "polls",
        lambda world: Stream(world.asker, "x").ask(),
        lambda world: Stream(world.other_asker, "x").ask(),
    ),
    "attempts": (
        "attempts",
        lambda world: world.alice.http.get("/attempts/12345678"),
        lambda world: world.bob.http.get("/attempts/12345678"),
    ),
    "links to attempts": (
        "attempts",
        lambda world: Http().get("/attempts/shared/x"),
        lambda world: Http(**FROM_ELSEWHERE).get("/attempts/shared/x"),
    ),
    "links of invitations": (
        "INVITATION_LINKS_PER_MINUTE",
        lambda world: Http().post("/invitations", {"link": "x"}),
        lambda world: Http(**FROM_ELSEWHERE).post("/invitations", {"link": "x"}),
    ),
    "the API": (
        "API_REQUESTS_PER_MINUTE",
        lambda world: world.alice.http.get("/api/v1/handles"),
        lambda world: world.bob.http.get("/api/v1/handles"),
    ),
    "the API's documents": (
        "API_PUBLIC_REQUESTS_PER_MINUTE",
        lambda world: Http().get("/api/v1/openapi.json"),
        lambda world: Http(**FROM_ELSEWHERE).get("/api/v1/openapi.json"),
    ),
}


def set_limit(name: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("settings."):
        setattr(settings, name.partition(".")[2], ALLOWED)
    elif hasattr(policy, name):
        monkeypatch.setattr(policy, name, ALLOWED)
    else:
        of = policy.PAGES_OPENED_PER_MINUTE if name == "attempts" else policy.RESOURCE_SERVER_REQUESTS_PER_MINUTE
        monkeypatch.setitem(of, name, ALLOWED)


@pytest.mark.covers("M-sizes")
@pytest.mark.parametrize("name", FLOODS)
def test_who_comes_too_often_is_told_when_to_come_again(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    limit, flood, other = FLOODS[name]
    for person in (world.alice, world.bob):
        person.sign_in()
    cache.clear()
    set_limit(limit, settings, monkeypatch)
    answers = [flood(world) for _ in range(ALLOWED + 2)]
    assert [answer.status_code == 429 for answer in answers] == [False] * ALLOWED + [True] * 2
    for answer in answers:
        assert POLICY.fullmatch(answer["RateLimit-Policy"])
        assert STANDING.fullmatch(answer["RateLimit"])
    assert ";r=1" in answers[0]["RateLimit"]
    for answer in answers[ALLOWED:]:
        assert 0 < int(answer["Retry-After"]) <= 60
        assert ";r=0" in answer["RateLimit"]
    assert other(world).status_code != 429


def test_guesses_of_a_resource_server_are_refused_and_its_own_questions_are_not(world: World, settings: Any) -> None:
    settings.GUESSES_PER_MINUTE = ALLOWED
    guesser = Asker(world.asker.id, "rss_wrong")
    refused = [guesser.report().status_code for _ in range(ALLOWED + 2)]
    assert refused == [401] * ALLOWED + [429] * 2
    assert world.asker.report().status_code != 429
    assert world.asker.ask("x").status_code == 200


def test_guesses_at_the_token_endpoint_never_cost_a_good_client_its_connection(world: World, settings: Any) -> None:
    """From the same address with the same client id, far beyond the limit."""
    settings.GUESSES_PER_MINUTE = ALLOWED
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")
    assert {app.refresh("mcprt_guess").json()["error"] for _ in range(10 * ALLOWED)} == {"invalid_grant"}
    assert app.refresh(held.refresh).status_code == 200


def test_a_revocation_is_never_refused_for_how_many_there_were(world: World, settings: Any) -> None:
    settings.GUESSES_PER_MINUTE = ALLOWED
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")
    assert {app.revoke("mcprt_guess").status_code for _ in range(10 * ALLOWED)} == {200}
    assert app.revoke(held.refresh or "").status_code == 200
    assert not world.asker.is_active(held.access)
