"""Registrations that cannot rot or flood: equal ones are one, they end late, and who comes with a dead one is told."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import Client, Event, InitialAccessToken
from authserver.services import initial_access, registration
from tests.people import CALLBACK, GATEWAY, App, World, answer_of, tokens_of

pytestmark = pytest.mark.django_db


def post(headers: dict[str, str] | None = None, **members: Any) -> Any:
    body = {"client_name": "Claude", "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"]} | members
    return Http().post("/oauth/register", json.dumps(body), content_type="application/json", headers=headers or {})


def test_a_thousand_equal_registrations_are_one_row(settings: Any) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 2_000
    assert len({post().json()["client_id"] for _ in range(1_000)}) == 1
    assert Client.objects.count() == 1


def test_one_product_cannot_fill_the_table_from_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE", 3)
    secret = {"token_endpoint_auth_method": "client_secret_post"}
    assert [post(**secret).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = post(**secret)
    assert (refused.json()["error"], int(refused["Retry-After"]) > 0) == ("too_many_requests", True)
    assert post(client_name="Another", **secret).status_code == 201
    assert post().status_code == 201


def test_the_port_of_a_callback_on_this_computer_makes_no_difference_and_is_told_as_named() -> None:
    first = post(redirect_uris=["http://localhost:3334/oauth/callback"]).json()
    second = post(redirect_uris=["http://localhost:51000/oauth/callback"]).json()
    assert first["client_id"] == second["client_id"]
    assert second["redirect_uris"] == ["http://localhost:51000/oauth/callback"]


@pytest.mark.parametrize(
    "other",
    [
        {"client_name": "Claude 2"},
        {"redirect_uris": ["https://claude.com/api/mcp/auth_callback"]},
        {"client_uri": "https://claude.ai"},
        {"software_id": "x"},
        {"grant_types": ["authorization_code"]},
    ],
)
def test_who_says_something_else_of_himself_is_another_client(other: dict[str, Any]) -> None:
    assert post().json()["client_id"] != post(**other).json()["client_id"]


def test_whoever_registered_first_cannot_change_what_others_use() -> None:
    first = post().json()
    headers = {"Authorization": f"Bearer {first['registration_access_token']}"}
    assert Http().get(f"/oauth/register/{first['client_id']}", headers=headers).status_code == 200
    second = post().json()
    assert "registration_access_token" not in second
    assert Http().get(f"/oauth/register/{first['client_id']}", headers=headers).status_code == 401


def test_a_client_that_was_changed_is_joined_by_nobody() -> None:
    first = post().json()
    body = {"client_id": first["client_id"], "redirect_uris": ["https://evil.example/cb"], "client_name": "Claude"}
    headers = {"Authorization": f"Bearer {first['registration_access_token']}"}
    path = f"/oauth/register/{first['client_id']}"
    assert Http().put(path, json.dumps(body), content_type="application/json", headers=headers).status_code == 200
    assert post().json()["client_id"] != first["client_id"]


def test_a_blocked_client_stays_blocked_however_often_it_registers() -> None:
    first = post().json()
    Client.objects.update(is_active=False)
    assert post().json()["client_id"] == first["client_id"]
    assert not Client.objects.get().is_active


def test_a_client_idle_for_a_year_still_reconnects(world: World, time_machine: Any) -> None:
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")
    time_machine.move_to(timezone.now() + timedelta(days=365))
    registration.expire_unused(now=timezone.now())
    assert app.refresh(held.refresh).json()["error"] == "invalid_grant"
    again = world.connect(world.alice, app, handle="acme")
    assert world.asker.is_active(again.access)


def test_a_registration_that_nobody_used_ends_after_a_month_and_its_client_is_told(world: World) -> None:
    app = App.register()
    later = timezone.now() + timedelta(days=31)
    assert registration.expire_unused(now=later) == 1
    assert Event.objects.filter(tag="client:expired").count() == 1
    refused = app.exchange("x")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    page = world.alice.http.get(app.authorize_url())
    assert page.status_code == 400
    assert "It registers again by itself" in page.content.decode()
    assert App.register().client_id != app.client_id


def test_a_registration_with_a_live_connection_never_ends(world: World) -> None:
    app = App.register()
    world.connect(world.alice, app, handle="acme")
    assert registration.expire_unused(now=timezone.now() + timedelta(days=3_000)) == 0


def test_tombstones_of_what_nobody_used_go_in_the_end() -> None:
    post()
    registration.expire_unused(now=timezone.now() + timedelta(days=31))
    assert Client.objects.count() == 1
    registration.expire_unused(now=timezone.now() + timedelta(days=31 + 366))
    assert Client.objects.count() == 0


# --- Who may register


def test_with_initial_access_tokens_nobody_else_registers(settings: Any) -> None:
    settings.REGISTRATION = "token"
    token = InitialAccessToken(name="partner")
    secret = initial_access.renew_secret(token)
    refused = post()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert post({"Authorization": "Bearer mci_wrong"}).status_code == 401
    assert post({"Authorization": f"Bearer {secret}"}).status_code == 201


def test_an_initial_access_token_ends(settings: Any) -> None:
    settings.REGISTRATION = "token"
    secret = initial_access.renew_secret(InitialAccessToken(name="partner", expires_at=timezone.now()))
    assert post({"Authorization": f"Bearer {secret}"}).status_code == 401


def test_closed_registration_leaves_the_metadata(settings: Any) -> None:
    settings.REGISTRATION = "closed"
    assert post().status_code == 403
    assert "registration_endpoint" not in Http().get("/.well-known/oauth-authorization-server").json()


# --- Adoption


def test_an_unknown_id_is_not_taken_in(world: World) -> None:
    page = world.alice.sign_in().http.get(App("2f1d8f1e-old-id", redirect_uri=CALLBACK).authorize_url())
    assert page.status_code == 400
    assert not Client.objects.filter(client_id="2f1d8f1e-old-id").exists()


def test_an_unknown_id_of_a_named_callback_host_is_taken_in_and_connects(world: World, settings: Any) -> None:
    settings.ADOPT_UNKNOWN_CLIENTS_FROM = ["chatgpt.com"]
    held = world.connect(world.alice, App("2f1d8f1e-old-id"), handle="acme")
    assert world.asker.is_active(held.access)
    assert Event.objects.filter(tag="client:adopted").count() == 1


@pytest.mark.parametrize("callback", ["https://evil.example/cb", "https://chatgpt.com.evil.example/cb"])
def test_an_unknown_id_of_another_host_is_not_taken_in(world: World, settings: Any, callback: str) -> None:
    settings.ADOPT_UNKNOWN_CLIENTS_FROM = ["chatgpt.com"]
    page = world.alice.sign_in().http.get(App("2f1d8f1e-old-id", redirect_uri=callback).authorize_url())
    assert page.status_code == 400


def test_an_adopted_id_keeps_the_one_callback_it_came_with(world: World, settings: Any) -> None:
    settings.ADOPT_UNKNOWN_CLIENTS_FROM = ["chatgpt.com"]
    world.connect(world.alice, App("2f1d8f1e-old-id"), handle="acme")
    other = App("2f1d8f1e-old-id", redirect_uri="https://chatgpt.com/other")
    assert world.alice.http.get(other.authorize_url()).status_code == 400


# --- Names


@pytest.mark.parametrize(
    "name", ["Gatehouse", "(Gatehouse)", "Gatehouse Support", "G a t e h o u s e", "GΑTEHOUSE", "gatehouѕe", "Сlaude"]
)
def test_a_name_that_passes_for_somebody_else_is_refused(name: str) -> None:
    refused = post(client_name=name)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("name", ["Claude", "Claude Code (gatehouse)", "Клод", "クロード AI", "Çlaude ünd", "Mon Café"])
def test_a_name_in_any_one_script_is_fine(name: str) -> None:
    assert post(client_name=name).json()["client_name"] == name


# --- By hand


def test_a_client_registered_by_hand_connects_and_its_old_secret_overlaps(
    world: World, capsys: Any, time_machine: Any
) -> None:
    call_command(
        "client", "create", "--name", "Partner", "--redirect-uri", CALLBACK, "--auth-method", "client_secret_post"
    )
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    app = App(said["client_id"], said["client_secret"])
    held = world.connect(world.alice, app, resource=GATEWAY, handle="acme")
    call_command("client", "secret", app.client_id)
    new = App(app.client_id, capsys.readouterr().out.strip().removeprefix("client_secret: "))
    held = tokens_of(app.refresh(held.refresh))
    held = tokens_of(new.refresh(held.refresh))
    time_machine.move_to(timezone.now() + timedelta(days=8))
    assert app.refresh(held.refresh).status_code == 401
    assert new.refresh(held.refresh).status_code == 200


@pytest.mark.parametrize("uri", ["http://evil.example/cb", "javascript:alert(1)"])
def test_the_command_refuses_what_registration_refuses(uri: str) -> None:
    with pytest.raises(CommandError):
        call_command("client", "create", "--name", "X", "--redirect-uri", uri)


def test_cancelled_consent_counts_as_no_use(world: World) -> None:
    app = App.register()
    answer_of(world.alice.decide(world.alice.open(app.authorize_url()), "cancel"))
    assert Client.objects.get().last_used_at is None


def test_a_registration_that_was_picked_for_its_end_and_used_since_stays(db: None) -> None:
    app = App.register()
    later = timezone.now() + timedelta(days=31)
    picked = registration._unused(later)["created"].filter(client_id=app.client_id)
    assert picked.exists()
    Client.objects.update(last_used_at=later)
    assert not registration._expire(picked, now=later)
    assert Client.objects.get().expired_at is None
