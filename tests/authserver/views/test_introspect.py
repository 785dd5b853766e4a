"""The introspection endpoint (RFC 7662): who may ask, about what, and the exact answer."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Client, Connection, ProtectedResource, ResourceServer
from tests.people import GATEWAY, READS, App, Asker, Tokens, World, compat, hosted, post_form

PATH = "/oauth/introspect"
ADDRESSES = {
    "gateway": (GATEWAY, {"handle": "acme"}),
    "hosted": (hosted("acme"), {}),
    "compatibility": (compat("acme"), {}),
    "other": ("http://127.0.0.1:8001/other/mcp", {"handle": "acme"}),
}


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def ask(headers: dict[str, str], form: dict[str, Any]) -> Any:
    return post_form(Http(), PATH, form, headers=headers)


# --- Who may ask


def stranger_headers(world: World) -> dict[str, dict[str, str]]:
    asker, other = world.asker, world.other_asker
    return {
        "nothing": {},
        "an empty Basic": {"Authorization": "Basic"},
        "no base64": {"Authorization": "Basic !!"},
        "a bearer": {"Authorization": f"Bearer {asker.secret}"},
        "no secret": basic(f"{asker.id}:"),
        "no colon": basic(asker.id),
        "a wrong secret": basic(f"{asker.id}:rss_{'0' * 49}"),
        "another's secret": basic(f"{asker.id}:{other.secret}"),
        "an unknown id": basic(f"8f6f6a2e-0000-4000-8000-000000000000:{asker.secret}"),
        "an id that is none": basic(f"platform:{asker.secret}"),
        "an empty id": basic(f":{asker.secret}"),
        "a NUL": basic(f"{asker.id}\x00:{asker.secret}"),
    }


@pytest.mark.parametrize("who", list(stranger_headers(World(*[None] * 4, Asker("", ""), Asker("", "")))))  # type: ignore[arg-type]
def test_a_stranger_gets_401_and_learns_nothing(world: World, held: Tokens, who: str) -> None:
    answer = ask(stranger_headers(world)[who], {"token": held.access})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic ")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["error"] == "invalid_client"
    assert "active" not in answer.json()


def test_a_client_is_no_resource_server(world: World, held: Tokens) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    assert ask(basic(f"{app.client_id}:{app.secret}"), {"token": held.access}).status_code == 401


def test_a_credential_does_not_let_its_holder_ask(world: World, held: Tokens) -> None:
    answer = ask({"Authorization": f"Bearer {held.access}"}, {"token": held.access})
    assert answer.status_code == 401


@pytest.mark.parametrize("where", ["form", "address"])
def test_a_secret_in_the_form_or_the_address_is_not_read(world: World, held: Tokens, where: str) -> None:
    pair = {"client_id": world.asker.id, "client_secret": world.asker.secret}
    path = PATH if where == "form" else f"{PATH}?client_id={world.asker.id}&client_secret={world.asker.secret}"
    form = {"token": held.access} | (pair if where == "form" else {})
    assert post_form(Http(), path, form).status_code == 401


def test_a_resource_server_that_was_switched_off_is_a_stranger(world: World, held: Tokens) -> None:
    ResourceServer.objects.filter(pk=world.asker.id).update(is_active=False)
    assert world.asker.ask(held.access).status_code == 401


# --- How to ask


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_anything_but_a_post_is_refused(world: World, held: Tokens, method: str) -> None:
    headers = basic(f"{world.asker.id}:{world.asker.secret}")
    answer = getattr(Http(), method)(f"{PATH}?token={held.access}", headers=headers)
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_of_another_kind_is_refused(world: World, held: Tokens, kind: str) -> None:
    headers = basic(f"{world.asker.id}:{world.asker.secret}")
    answer = Http().post(PATH, f"token={held.access}", content_type=kind, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"tokens": "x"}, {"token": ["a", "b"]}])
def test_a_question_about_nothing_is_refused(world: World, form: dict[str, Any]) -> None:
    answer = ask(basic(f"{world.asker.id}:{world.asker.secret}"), form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_no_script_of_another_origin_may_read_it(world: World, held: Tokens) -> None:
    headers = basic(f"{world.asker.id}:{world.asker.secret}") | {"Origin": "https://evil.example"}
    answer = ask(headers, {"token": held.access})
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


# --- What is not active


@pytest.mark.parametrize(
    "token",
    ["x", "mcpv1_", "mcpv1_" + "0" * 49, "mcprt_" + "0" * 49, "pat_" + "0" * 49, "\u00e9", "a b", "x" * 4_000, "0"],
)
def test_what_is_no_live_credential_is_inactive_and_nothing_more(world: World, held: Tokens, token: str) -> None:
    answer = world.asker.ask(token)
    assert (answer.status_code, answer.json()) == (200, {"active": False})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("change", ["upper", "last", "space", "longer"])
def test_a_credential_changed_by_a_letter_is_inactive(world: World, held: Tokens, change: str) -> None:
    changed = {
        "upper": held.access.swapcase(),
        "last": held.access[:-1] + ("0" if held.access[-1] != "0" else "1"),
        "space": f" {held.access}",
        "longer": f"{held.access}0",
    }[change]
    assert world.asker.knows(changed) == {"active": False}
    assert world.asker.is_active(held.access)


def test_a_refresh_token_and_a_code_are_inactive(world: World, held: Tokens) -> None:
    assert world.asker.knows(held.refresh or "") == {"active": False}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_only_the_resource_server_of_the_resource_learns_of_a_credential(world: World, chatgpt: App, kind: str) -> None:
    address, choice = ADDRESSES[kind]
    held = world.connect(world.alice, chatgpt, resource=address, **choice)
    mine, others = (world.other_asker, world.asker) if kind == "other" else (world.asker, world.other_asker)
    assert mine.knows(held.access)["aud"] == address
    assert others.knows(held.access) == {"active": False}


def test_a_resource_taken_from_a_resource_server_is_no_longer_its_to_ask_about(world: World, held: Tokens) -> None:
    server = ResourceServer.objects.get(pk=world.asker.id)
    server.resources.remove(ProtectedResource.objects.get(kind="gateway"))
    assert world.asker.knows(held.access) == {"active": False}


# --- What is


def test_the_answer_is_exactly_this(world: World, chatgpt: App, held: Tokens) -> None:
    before = timezone.now()
    known = world.asker.knows(held.access)
    jti, iat, exp = known.pop("jti"), known.pop("iat"), known.pop("exp")
    assert known == {
        "active": True,
        "scope": READS,
        "client_id": chatgpt.client_id,
        "client_name": "ChatGPT",
        "sub": str(world.alice.user.pk),
        "username": "alice@example.com",
        "name": "Alice",
        "aud": GATEWAY,
        "iss": "http://127.0.0.1:8000",
        "token_type": "Bearer",
        "handle": "acme",
        "handle_role": "owner",
        "connection_id": str(Connection.objects.get().pk),
    }
    assert exp - iat == 600
    assert abs(iat - before.timestamp()) < 60
    assert len(jti) == 32
    assert jti not in held.access


def test_a_person_without_a_name_is_known_by_the_address_before_the_at(world: World, held: Tokens) -> None:
    user = world.alice.user
    user.name = ""
    user.save()
    assert world.asker.knows(held.access)["name"] == "alice"


def test_each_credential_has_an_id_of_its_own_that_stays(world: World, chatgpt: App, held: Tokens) -> None:
    other = world.connect(world.alice, chatgpt, handle="acme")
    first = world.asker.knows(held.access)["jti"]
    assert world.asker.knows(held.access)["jti"] == first
    assert world.asker.knows(other.access)["jti"] != first


def test_a_name_changed_later_is_told_as_it_is_now(world: World, chatgpt: App, held: Tokens) -> None:
    Client.objects.filter(client_id=chatgpt.client_id).update(name="ChatGPT Enterprise")
    assert world.asker.knows(held.access)["client_name"] == "ChatGPT Enterprise"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_hint_changes_nothing(world: World, held: Tokens, hint: str) -> None:
    form = {"token": held.access, "token_type_hint": hint}
    assert ask(basic(f"{world.asker.id}:{world.asker.secret}"), form).json()["active"] is True


# --- What it costs


def test_a_question_is_one_statement(world: World, held: Tokens, django_assert_num_queries: Any) -> None:
    world.asker.knows(held.access)
    for token in (held.access, "mcpv1_" + "0" * 49, "junk"):
        with django_assert_num_queries(1):
            world.asker.knows(token)


def test_a_stranger_costs_one_statement_at_most(world: World, held: Tokens, django_assert_num_queries: Any) -> None:
    wrong = Asker(world.asker.id, "wrong")
    with django_assert_num_queries(1):
        wrong.ask(held.access)
    with django_assert_num_queries(0):
        Asker("platform", "wrong").ask(held.access)
        ask({}, {"token": held.access})


def test_use_is_noted_once_in_five_minutes_and_the_first_of_each_credential(
    world: World, held: Tokens, time_machine: Any, django_assert_num_queries: Any
) -> None:
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    assert Connection.objects.get().last_used_at is None
    with django_assert_num_queries(4):  # to write the refresh token's, the credential's and the connection's
        world.asker.knows(held.access)
    assert Connection.objects.get().last_used_at == start
    time_machine.move_to(start + timedelta(minutes=5), tick=False)
    with django_assert_num_queries(1):
        world.asker.knows(held.access)
    time_machine.move_to(start + timedelta(minutes=5, seconds=1), tick=False)
    with django_assert_num_queries(2):
        world.asker.knows(held.access)
    assert Connection.objects.get().last_used_at == start + timedelta(minutes=5, seconds=1)


def test_a_refused_question_is_no_use(world: World, held: Tokens) -> None:
    world.other_asker.knows(held.access)
    Asker(world.asker.id, "wrong").ask(held.access)
    assert Connection.objects.get().last_used_at is None
