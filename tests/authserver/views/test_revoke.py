"""The revocation endpoint as a door (RFC 7009). What it ends is walked in flows/test_disconnect.py."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import Event
from tests.people import App, Tokens, World, post_form

PATH = "/oauth/revoke"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_anything_but_a_post_is_refused(world: World, held: Tokens, chatgpt: App, method: str) -> None:
    answer = getattr(Http(), method)(f"{PATH}?token={held.refresh}&client_id={chatgpt.client_id}")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_a_body_of_another_kind_is_refused(world: World, held: Tokens, chatgpt: App, kind: str) -> None:
    answer = Http().post(PATH, f"token={held.refresh}&client_id={chatgpt.client_id}", content_type=kind)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("body", ["token=%zz", "token=a&token=b", "", "x" * (policy.FORM_BODY_BYTES_MAX + 1)])
def test_a_body_that_cannot_be_read_is_refused(chatgpt: App, body: str) -> None:
    answer = Http().post(PATH, f"{body}&client_id={chatgpt.client_id}", content_type=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert set(answer.json()) == {"error", "error_description", "error_uri"}


def test_parameters_in_the_address_are_not_read(world: World, held: Tokens, chatgpt: App) -> None:
    query = f"{PATH}?token={held.refresh}&client_id={chatgpt.client_id}"
    assert Http().post(query, "", content_type=FORM).status_code in (400, 401)
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("client_id", ["", "unknown", "8f6f6a2e-0000-4000-8000-000000000000"])
def test_an_unknown_client_is_refused(world: World, held: Tokens, client_id: str) -> None:
    answer = post_form(Http(), PATH, {"token": held.refresh, "client_id": client_id})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "WWW-Authenticate" not in answer
    assert world.asker.is_active(held.access)


def test_a_failed_basic_is_challenged_with_basic(world: World, held: Tokens) -> None:
    headers = {"Authorization": "Basic eDp5"}
    answer = post_form(Http(), PATH, {"token": held.refresh}, headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic ")


def test_a_resource_server_cannot_revoke(world: World, held: Tokens) -> None:
    form = {"token": held.refresh, "client_id": world.asker.id, "client_secret": world.asker.secret}
    assert post_form(Http(), PATH, form).status_code == 401
    assert world.asker.is_active(held.access)


def _ends(client: App, token: str) -> Any:
    return post_form(Http(enforce_csrf_checks=True), PATH, {"token": token, "client_id": client.client_id})


def test_ended_unknown_and_foreign_are_answered_alike(held: Tokens, chatgpt: App) -> None:
    other = App.register("Other")
    answers = [_ends(other, held.refresh or ""), _ends(chatgpt, "unknown"), _ends(chatgpt, held.refresh or "")]
    answers.append(_ends(chatgpt, held.refresh or ""))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}")}
    assert Event.objects.filter(tag="connection:revoked").count() == 1


def test_the_answer_is_json_that_nobody_keeps_and_any_origin_may_read(held: Tokens, chatgpt: App) -> None:
    answer = _ends(chatgpt, held.refresh or "")
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
