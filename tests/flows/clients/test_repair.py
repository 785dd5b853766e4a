"""A registration repaired instead of made anew: a callback added, used, taken away; the registration ended
(RFC 7592)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authserver.models import Event
from tests.flows.changes import ask_for_code, live_connections, set_client
from tests.people import CALLBACK, GATEWAY, READS, App, World, answer_of, hosted, tokens_of

ADDED = "https://chatgpt.com/connector/oauth/second"


def manage(app: App, method: str, body: dict[str, Any] | None = None, *, token: str | None = None) -> Any:
    """Call the client's own management address, as its registration answer gave it."""
    token = app.registration["registration_access_token"] if token is None else token
    path = app.registration["registration_client_uri"].removeprefix("http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {token}"}
    content = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    return getattr(app.http, method)(path, headers=headers, **content)


def told(app: App, **changes: Any) -> dict[str, Any]:
    """Return the registration as a client sends it back, without what the server owns."""
    owned = {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
    return {name: value for name, value in app.registration.items() if name not in owned} | changes


def with_second_callback(app: App) -> Any:
    return manage(app, "put", told(app, redirect_uris=[CALLBACK, ADDED]))


# --- No


@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize("token", ["", "wrong", "mcr_" + "0" * 49])
def test_nobody_manages_a_client_without_its_own_token(world: World, chatgpt: App, method: str, token: str) -> None:
    answer = manage(chatgpt, method, told(chatgpt, redirect_uris=[ADDED]) if method == "put" else None, token=token)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert answer.json()["error"] == "invalid_token"
    assert "code" in answer_of(world.alice.decide(world.alice.open(chatgpt.authorize_url(hosted("acme")))))


def test_the_token_of_one_client_does_not_manage_another(world: World, chatgpt: App) -> None:
    other = App.register("Other")
    answer = manage(chatgpt, "delete", token=other.registration["registration_access_token"])
    assert answer.status_code == 401
    assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)


def test_a_client_s_secret_does_not_manage_it(db: None) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    assert manage(app, "get", token=app.secret or "").status_code == 401


def test_a_blocked_client_cannot_repair_itself(chatgpt: App) -> None:
    set_client(chatgpt, is_active=False)
    assert manage(chatgpt, "get").status_code == 401
    assert with_second_callback(chatgpt).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": "another"},
        {"registration_access_token": "mcr_x"},
        {"registration_client_uri": "https://x.example/"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
        {"client_secret": "chosen by myself"},
        {"redirect_uris": []},
        {"redirect_uris": ["http://evil.example/cb"]},
        {"grant_types": ["client_credentials"]},
    ],
)
def test_an_update_that_says_what_it_may_not_changes_nothing(chatgpt: App, change: dict[str, Any]) -> None:
    before = manage(chatgpt, "get").json()
    answer = manage(chatgpt, "put", told(chatgpt, **change))
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")
    assert manage(chatgpt, "get").json() == before


def test_a_callback_that_was_not_added_is_still_refused(world: World, chatgpt: App) -> None:
    with_second_callback(chatgpt)
    page = world.alice.open(chatgpt.authorize_url(redirect_uri=f"{ADDED}/more"))
    assert page.status_code == 400
    assert "wants its answer somewhere else" in page.content.decode()


def test_a_callback_taken_away_is_refused_also_for_a_page_that_is_open(world: World, chatgpt: App) -> None:
    with_second_callback(chatgpt)
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), redirect_uri=ADDED))
    assert page.status_code == 200
    manage(chatgpt, "put", told(chatgpt))
    assert world.alice.decide(page).status_code == 400
    assert live_connections() == 0


# --- Yes


def test_a_callback_is_added_and_used_and_the_old_one_still_works(world: World, chatgpt: App) -> None:
    answer = with_second_callback(chatgpt)
    assert answer.status_code == 200
    assert answer.json()["redirect_uris"] == [CALLBACK, ADDED]
    assert answer.json()["client_id"] == chatgpt.client_id
    for callback in (ADDED, CALLBACK):
        chatgpt.redirect_uri = callback
        assert world.asker.is_active(world.connect(world.alice, chatgpt, resource=hosted("acme")).access)


def test_repairing_a_client_leaves_its_connections_and_its_token_alone(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    with_second_callback(chatgpt)
    assert world.asker.is_active(held.access)
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == READS
    assert manage(chatgpt, "get").status_code == 200


def test_a_confidential_client_keeps_its_secret_through_a_repair(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    answer = with_second_callback(app)
    assert answer.status_code == 200
    assert "client_secret" not in answer.json()
    assert world.asker.is_active(world.connect(world.alice, app, handle="acme").access)


def test_a_public_client_that_turns_confidential_gets_a_secret_and_needs_it(world: World, chatgpt: App) -> None:
    answer = manage(chatgpt, "put", told(chatgpt, token_endpoint_auth_method="client_secret_post")).json()
    assert answer["client_secret"].startswith("mcs_")
    assert answer["client_secret_expires_at"] == 0
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    assert chatgpt.exchange(code).status_code == 401
    chatgpt.secret = answer["client_secret"]
    assert chatgpt.exchange(code).status_code == 200


def test_a_confidential_client_that_turns_public_loses_its_secret(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    manage(app, "put", told(app, token_endpoint_auth_method="none", client_secret=app.secret))
    code = ask_for_code(world.alice, app, GATEWAY, handle="acme")
    assert app.exchange(code).status_code == 401
    app.secret = None
    assert app.exchange(code).status_code == 200


def test_what_an_update_leaves_out_is_gone(chatgpt: App) -> None:
    app = App.register(client_uri="https://chatgpt.com/", policy_uri="https://openai.com/policies")
    assert app.registration["client_uri"] == "https://chatgpt.com/"
    body = told(app)
    del body["client_uri"]
    answer = manage(app, "put", body).json()
    assert "client_uri" not in answer
    assert answer["policy_uri"] == "https://openai.com/policies"


# --- The end


def test_ending_a_registration_ends_its_connections_and_only_those(world: World, chatgpt: App) -> None:
    held = [world.connect(person, chatgpt, handle="acme") for person in (world.alice, world.bob)]
    other = world.connect(world.alice, App.register("Claude"), handle="acme")
    answer = manage(chatgpt, "delete")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [world.asker.is_active(each.access) for each in held] == [False, False]
    refreshed = chatgpt.refresh(held[0].refresh)
    assert (refreshed.status_code, refreshed.json()["error"]) == (401, "invalid_client")
    assert world.asker.is_active(other.access)
    assert "Disconnect ChatGPT" not in world.alice.http.get("/connections").content.decode()
    assert Event.objects.filter(tag="client:deleted").count() == 1


def test_a_client_whose_registration_ended_is_refused_everywhere_and_told_to_register_again(
    world: World, chatgpt: App
) -> None:
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    manage(chatgpt, "delete")
    assert manage(chatgpt, "get").status_code == 401
    assert manage(chatgpt, "delete").status_code == 401
    assert chatgpt.exchange(code).status_code == 401
    page = world.alice.open(chatgpt.authorize_url())
    assert page.status_code == 400
    assert "The registration of ChatGPT has ended" in page.content.decode()
    assert world.asker.is_active(world.connect(world.alice, App.register(), handle="acme").access)
