"""One attempt from the first look to the end of its connection: each step is there, what joins them too, no secret."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Http

from authserver.models import Connection, TraceStep
from authserver.protocol.trace.steps import flow_of
from authserver.services.trace import notes
from tests.people import PASSWORD, App, World, answer_of, field_value, hosted, tokens_of

SCOPES = "mcp.connect links.read"


def steps() -> list[TraceStep]:
    notes.flush()
    return list(TraceStep.objects.order_by("id"))


def told(step: TraceStep) -> tuple[str, bool, str]:
    return step.kind, step.ok, step.code


@pytest.mark.covers("ask:1")
def test_a_whole_attempt_is_there_step_by_step_and_says_no_secret(world: World) -> None:
    sent: list[str] = [PASSWORD]
    alice = world.alice
    Http().get("/.well-known/openid-configuration")
    Http().get("/.well-known/oauth-authorization-server")
    Http().post("/oauth/register", json.dumps({"redirect_uris": ["http://x.example/"]}), "application/json")
    app = App.register(token_endpoint_auth_method="client_secret_post")
    app.state = secrets.token_urlsafe(24)
    url = app.authorize_url(hosted("acme"), scope=SCOPES)
    alice.http.get(app.authorize_url(hosted("acme"), redirect_uri="https://chatgpt.com/connector/oauth/abd"))
    page = alice.open(url)
    allowed = alice.decide(page)
    code = answer_of(allowed)["code"]
    wrong = secrets.token_urlsafe(48)
    assert app.exchange(code, code_verifier=wrong).status_code == 400
    held = tokens_of(app.exchange(code))
    following = tokens_of(app.refresh(held.refresh))
    assert tokens_of(app.refresh(held.refresh)).refresh == following.refresh
    last = tokens_of(app.refresh(following.refresh))  # the second of its own: events have it, the trace does not
    assert app.exchange(code).status_code == 400
    assert app.refresh(last.refresh).status_code == 400

    sent += [app.state, code, wrong, app.verifier, app.secret or "", field_value(page.content.decode(), "request")]
    sent += [token for pair in (held, following, last) for token in (pair.access, pair.refresh or "")]
    sent += [app.registration["registration_access_token"], alice.http.cookies[settings.SESSION_COOKIE_NAME].value]

    found = steps()
    assert [told(step) for step in found] == [
        ("server_metadata", True, "metadata:not_here"),
        ("server_metadata", True, ""),
        ("registration", False, "redirect_uris:none_usable"),
        ("registration", True, ""),
        ("authorization", False, "redirect:mismatch"),
        ("authorization", True, ""),
        ("sign_in", True, "sign_in:asked"),
        ("authorization", True, ""),
        ("consent", True, "consent:full"),
        ("answer", True, "consent:allowed"),
        ("token", False, "code:verifier"),
        ("token", True, "token:issued"),
        ("refresh", True, "refresh:first"),
        ("refresh", True, "refresh:again"),
        ("token", False, "code:replayed"),
        ("refresh", False, "connection:ended_code_replay"),
    ]
    assert_they_are_joined(found, app, world)
    assert_none_is_in(sent, found)
    assert_no_person_is_named(found)


def assert_they_are_joined(found: list[TraceStep], app: App, world: World) -> None:
    flow, connection = flow_of(app.client_id, app.challenge), Connection.objects.get().pk
    by_flow = [step for step in found if step.flow == flow]
    assert [step.kind for step in by_flow] == [
        *("authorization", "authorization", "sign_in", "authorization", "consent", "answer"),
        *("token", "token", "refresh", "refresh", "token"),
    ]
    assert {step.client_id for step in found[3:]} == {app.client_id}
    assert {step.resource for step in found[4:]} == {hosted("acme")}
    assert {step.handle for step in found[4:]} == {"acme"}
    assert {step.person_id for step in found[7:]} == {world.alice.user.pk}
    assert {step.connection_id for step in found[9:]} == {connection}
    assert all(step.request_id and step.origin for step in found)
    assert (
        len({step.request_id for step in found}) == len(found) - 2
    )  # a request that came is sent on to sign in, or shown the page
    registered, mismatch = found[3], found[4]
    assert registered.detail == {"redirect_uris": 1, "host": "chatgpt.com", "auth_method": "client_secret_post"}
    assert mismatch.detail == {"differs_at": len("https://chatgpt.com/connector/oauth/abd")}
    assert found[13].detail == {"seconds": 0}
    assert found[9].detail == {"scopes": 2}


def assert_none_is_in(sent: list[str], found: list[Any]) -> None:
    """Look for any eight characters in a row of what was sent."""
    rows = json.dumps(list(TraceStep.objects.values()), default=str)
    assert all(len(secret) >= 8 for secret in sent)
    parts = {secret[at : at + 8] for secret in sent for at in range(len(secret) - 7)}
    assert not {part for part in parts if part in rows}


def assert_no_person_is_named(found: list[Any]) -> None:
    rows = json.dumps(list(TraceStep.objects.values()), default=str)
    assert not [word for word in ("alice", "example.com", '127.0.0.1"', "Alice") if word in rows]
