"""Registrations as real clients send them, and what they are told."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client as Http

from tests.people import CALLBACK, App, World

# What clients were seen to send, besides their redirect URIs.
BODIES: dict[str, dict[str, Any]] = {
    "typescript sdk 1.20": {
        "client_name": "SDK",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    },
    "typescript sdk 2.4": {
        "client_name": "SDK",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
        "scope": "mcp.connect offline_access",
    },
    "python sdk 2.3": {
        "client_name": "Python",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
        "scope": "mcp.connect skills.read offline_access",
    },
    "gemini cli": {"client_name": "Gemini CLI MCP Client", "token_endpoint_auth_method": "none", "scope": ""},
    "vs code": {
        "client_name": "Visual Studio Code",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "client_uri": "https://code.visualstudio.com",
    },
    "claude": {
        "client_name": "Claude",
        "token_endpoint_auth_method": "client_secret_post",
        "logo_uri": "https://x.example/l",
    },
    "a bare one": {},
}


def register(**members: Any) -> Any:
    body = {"redirect_uris": [CALLBACK]} | members
    return Http().post("/oauth/register", json.dumps(body), content_type="application/json")


@pytest.mark.covers("DC-01", "DC-03", "DC-05", "DC-06", "T07", "T08", "Q11", "AS-51", "M-registration")
@pytest.mark.parametrize("who", BODIES)
def test_every_client_is_registered_and_told_every_member(db: None, who: str) -> None:
    answer = register(**BODIES[who])
    told = answer.json()
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        201,
        "application/json",
        "no-store",
    )
    needed = "client_id client_id_issued_at client_name redirect_uris grant_types response_types scope"
    assert {*needed.split(), "token_endpoint_auth_method"} <= told.keys()
    assert told["token_endpoint_auth_method"] == BODIES[who].get("token_endpoint_auth_method", "none")
    assert ("client_secret" in told) == (told["token_endpoint_auth_method"] != "none")
    assert told.get("client_secret_expires_at", 0) == 0
    assert ("client_secret_expires_at" in told) == ("client_secret" in told)
    assert set(told["grant_types"]) <= {"authorization_code", "refresh_token"}
    assert None not in told.values()


@pytest.mark.covers("req:C1", "Q10", "AS-01")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_ids_are_uuids_and_every_method_works(world: World, method: str) -> None:
    app = App.register(token_endpoint_auth_method=method)
    assert str(uuid.UUID(app.client_id)) == app.client_id
    held = world.connect(world.alice, app, handle="acme")
    for basic in (False, True) if app.secret else (False,):
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh or ""}
        assert app.token(basic=basic, **form).status_code == 200


@pytest.mark.covers("DC-04", "DC-07", "Q11")
@pytest.mark.parametrize("method", ["private_key_jwt", "tls_client_auth", "made_up", None])
def test_a_method_that_is_not_served_is_replaced_and_told(db: None, method: str | None) -> None:
    told = register(token_endpoint_auth_method=method).json()
    assert told["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in told


@pytest.mark.covers("DC-11", "RF-19", "req:C3")
def test_a_registration_is_read_and_repaired_with_its_token(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    headers = {"Authorization": f"Bearer {app.registration['registration_access_token']}"}
    path = app.registration["registration_client_uri"].removeprefix("http://127.0.0.1:8000")
    read = Http().get(path, headers=headers)
    assert (read.status_code, read["Cache-Control"], read.json()["redirect_uris"]) == (200, "no-store", [CALLBACK])
    held = world.connect(world.alice, app, handle="acme")
    body = {"client_id": app.client_id, "client_name": "ChatGPT", "redirect_uris": [CALLBACK, "https://new.example/cb"]}
    body |= {"token_endpoint_auth_method": "client_secret_basic"}
    told = Http().put(path, json.dumps(body), content_type="application/json", headers=headers)
    assert (told.status_code, told.json()["redirect_uris"]) == (200, body["redirect_uris"])
    app.redirect_uri = "https://new.example/cb"
    assert world.alice.http.get(app.authorize_url()).status_code == 200
    assert world.asker.is_active(held.access)


@pytest.mark.covers("DC-08", "M-registration")
@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/"]}, "invalid_redirect_uri"),
        ({"client_name": 5}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
    ],
)
def test_errors_are_the_rfcs(db: None, members: dict[str, Any], error: str) -> None:
    answer = register(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.covers("T22", "DC-04")
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
def test_programs_are_registered_whatever_they_call_themselves(db: None, content_type: str) -> None:
    for agent in ("", "node", "undici", "python-httpx/0.28.1", "Codex"):
        body = json.dumps({"redirect_uris": [CALLBACK], "client_name": agent})
        answer = Http().generic(
            "POST", "/oauth/register", body, content_type=content_type, headers={"User-Agent": agent}
        )
        assert answer.status_code == 201
