"""Who may register: anybody, holders of an initial access token, or administrators only; and under which names."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Client, InitialAccessToken
from authserver.services.registration import initial_access
from tests.people import CALLBACK, World

pytestmark = pytest.mark.django_db

PATH = "/oauth/register"
DOCUMENT = "/.well-known/oauth-authorization-server"


def register(token: str | None = None, **members: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    body = {"client_name": "ChatGPT", "redirect_uris": [CALLBACK]} | members
    return Http().post(PATH, json.dumps(body), content_type="application/json", headers=headers)


@pytest.fixture
def token(settings: Any) -> str:
    """An initial access token, where nobody registers without one."""
    settings.REGISTRATION = "token"
    return initial_access.renew_secret(InitialAccessToken(name="For the pipeline"))


# --- No


def test_where_registration_is_closed_nobody_registers_and_nothing_advertises_it(settings: Any, token: str) -> None:
    settings.REGISTRATION = "closed"
    for given in (None, "x", token):
        answer = register(given)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert not Client.objects.exists()
    assert "registration_endpoint" not in Http().get(DOCUMENT).json()


@pytest.mark.parametrize("given", [None, "", "x", "mci_" + "0" * 49, "mcr_" + "0" * 49, "\u00e9"])
def test_where_a_token_is_needed_nobody_registers_without(token: str, given: str | None) -> None:
    answer = register(given)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert not Client.objects.exists()


def test_a_token_that_ran_out_admits_nobody(token: str) -> None:
    InitialAccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert register(token).status_code == 401


def test_a_token_that_was_replaced_and_ended_admits_nobody(token: str) -> None:
    row = InitialAccessToken.objects.get()
    fresh = initial_access.renew_secret(row)
    assert register(token).status_code == 201
    initial_access.end_former_secret(row, now=timezone.now())
    assert register(token).status_code == 401
    assert register(fresh).status_code == 201


def test_a_client_s_own_token_registers_no_others(token: str) -> None:
    own = register(token).json()["registration_access_token"]
    assert register(own).status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "Gatehouse",
        "gatehouse",
        "GATE HOUSE",
        "G.a.t.e.h.o.u.s.e",
        "Gatehouse Security Team",
        "\uff27atehouse",
        "G\u0430tehouse",
        "Gateh0use",
        "Ch\u0430tGPT",
        "\u0421laude",
        "Cl\u03b1ude",
    ],
)
def test_a_name_that_passes_for_us_or_for_another_is_refused(name: str) -> None:
    answer = register(client_name=name)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert not Client.objects.exists()


# --- Yes


def test_where_a_token_is_needed_its_holder_registers_as_often_as_they_like(token: str) -> None:
    assert [register(token, client_name=f"Client {number}").status_code for number in range(3)] == [201] * 3
    assert "registration_endpoint" in Http().get(DOCUMENT).json()


def test_a_registered_client_works_however_registration_is_set(world: World, chatgpt: Any, settings: Any) -> None:
    settings.REGISTRATION = "closed"
    assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)


@pytest.mark.parametrize("name", ["Чат бот", "Κλοντ", "聊天", "Müller & Söhne", "Claude (Анна)", "Notion 3.0"])
def test_an_honest_name_in_any_script_is_taken(name: str) -> None:
    assert register(client_name=name).json()["client_name"] == name
