"""The endpoint for reports: who may report, in which form, and that a report takes effect at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import Connection, ResourceServer, ScopeRequest, ToolCall
from tests.people import App, Asker, Tokens, World

PATH = "/oauth/reports"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def call(**changes: Any) -> dict[str, Any]:
    usual = {"connection_id": str(Connection.objects.get().pk), "tool": "list_links", "outcome": "allowed", "count": 2}
    return usual | {"scopes": ["links.read"], "missing": []} | changes


# --- Who may report


def test_without_credentials_there_is_a_challenge(held: Tokens) -> None:
    answer = Http().post(PATH, json.dumps({"calls": [call()]}), content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == 'Basic realm="resource servers"'
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("id", ["", "platform", "8f6f6a2e-0000-4000-8000-000000000000", "\x00", "a" * 3_000])
def test_a_stranger_is_refused(world: World, held: Tokens, id: str) -> None:
    assert Asker(id, world.asker.secret).report(call()).status_code == 401
    assert not ToolCall.objects.exists()


@pytest.mark.parametrize("secret", ["", "wrong", "rss_" + "0" * 49])
def test_a_wrong_secret_is_refused(world: World, held: Tokens, secret: str) -> None:
    for each in (secret, world.other_asker.secret):
        assert Asker(world.asker.id, each).report(call()).status_code == 401
    assert not ToolCall.objects.exists()


def test_a_server_that_was_switched_off_is_refused(world: World, held: Tokens) -> None:
    ResourceServer.objects.filter(pk=world.asker.id).update(is_active=False)
    assert world.asker.report(call()).status_code == 401


def test_a_credential_is_none_here(world: World, held: Tokens) -> None:
    headers = {"Authorization": f"Bearer {held.access}"}
    answer = Http().post(PATH, json.dumps({"calls": [call()]}), content_type="application/json", headers=headers)
    assert answer.status_code == 401


def test_a_stranger_learns_nothing_about_the_form_of_a_report(world: World, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert Asker("platform", "x").report(body=b"{").status_code == 401


# --- In which form


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_anything_but_a_post_is_refused(db: None, method: str) -> None:
    answer = getattr(Http(), method)(PATH)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"calls=1", b"{} {}", b"9" * 5_000])
def test_a_body_that_is_no_json_is_refused(world: World, body: bytes) -> None:
    answer = world.asker.report(body=body)
    assert (answer.status_code, answer.json()["error_description"]) == (400, "The body is not JSON.")


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    largest = b'{"calls":[]}'.ljust(policy.REPORT_BODY_BYTES_MAX)
    assert world.asker.report(body=largest).status_code == 202
    for body in (largest + b" ", largest * 8):
        answer = world.asker.report(body=body)
        assert (answer.status_code, answer.json()["error_description"]) == (400, "The body is too large.")


def test_the_member_that_is_wrong_is_named_and_nothing_of_the_report_is_kept(world: World, held: Tokens) -> None:
    answer = world.asker.report(call(), call(count="many"))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "calls[1].count must be a whole number.",
    }
    assert not ToolCall.objects.exists()


def test_no_script_of_another_origin_may_use_it(world: World) -> None:
    answer = world.asker.report()
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


# --- What comes of it


def test_a_report_is_accepted_and_kept(world: World, held: Tokens) -> None:
    answer = world.asker.report(call(), call(outcome="limited"))
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (202, {}, "no-store")
    assert list(ToolCall.objects.order_by("pk").values_list("outcome", "count")) == [("allowed", 2), ("limited", 2)]


def test_an_empty_report_is_accepted(world: World) -> None:
    assert world.asker.report().status_code == 202


def test_a_connection_of_another_server_is_answered_like_any(world: World, held: Tokens) -> None:
    mine, others = world.asker.report(call()), world.other_asker.report(call())
    unknown = world.asker.report(call(connection_id="8f6f6a2e-0000-4000-8000-000000000000"))
    assert mine.content == others.content == unknown.content
    assert mine.status_code == others.status_code == unknown.status_code == 202
    assert ToolCall.objects.count() == 1


def test_a_scope_that_was_missing_waits_at_once(world: World, held: Tokens) -> None:
    world.asker.report(call(tool="create_link", outcome="insufficient_scope", missing=["links.write"]))
    wish = ScopeRequest.objects.get()
    assert (wish.scope, wish.tool, wish.decision) == ("links.write", "create_link", "")
