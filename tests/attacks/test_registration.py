"""Registering is open to everybody: so it gives nobody anything but a name, and an address to be answered at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import AccessToken, Client, Connection, Event
from tests.people import CALLBACK, App, World, answer_of, post_form


def register(**members: Any) -> Any:
    body = {"client_name": "ChatGPT", "redirect_uris": [CALLBACK]} | members
    return Http().post("/oauth/register", json.dumps(body), content_type="application/json")


# --- No grant but the code


@pytest.mark.covers("C1")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize(
    "grant",
    [
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "openid",
    ],
)
def test_no_client_gets_a_token_without_a_person(world: World, method: str, grant: str) -> None:
    app = App.register(grant_types=["authorization_code", grant], token_endpoint_auth_method=method)
    assert grant not in app.registration["grant_types"]
    form = {"grant_type": grant, "scope": "mcp.connect", "username": "alice@example.com", "password": "x"}
    for basic in (False, True) if app.secret else (False,):
        answer = app.token(basic=basic, **form)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert AccessToken.objects.count() == 0


@pytest.mark.covers("C1", "H7")
@pytest.mark.parametrize("grants", [["client_credentials"], ["refresh_token"], [], ["implicit", "password"]])
def test_a_client_without_the_code_grant_is_refused(db: None, grants: list[str]) -> None:
    answer = register(grant_types=grants)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert Client.objects.count() == 0


@pytest.mark.covers("C1")
def test_the_implicit_flow_does_not_exist(world: World) -> None:
    app = App.register(response_types=["code", "token"], grant_types=["authorization_code", "implicit"])
    assert app.registration["response_types"] == ["code"]
    for kind in ("token", "id_token", "code token", "none", "code id_token token"):
        answer = answer_of(world.alice.http.get(app.authorize_url(response_type=kind)))
        assert answer["error"] in ("unsupported_response_type", "unauthorized_client")


@pytest.mark.covers("C1", "M-registration")
def test_a_client_cannot_register_its_own_id_secret_or_standing(world: World) -> None:
    told = register(
        client_id="chosen",
        client_secret="chosen",
        is_verified=True,
        is_active=True,
        skip_authorization=True,
        registration_access_token="chosen",
        token_endpoint_auth_method="client_secret_basic",
        client_secret_expires_at=1,
    ).json()
    client = Client.objects.get()
    assert told["client_id"] == client.client_id != "chosen"
    assert told["client_secret"].startswith(policy.CLIENT_SECRET_PREFIX)
    assert "chosen" not in (told["client_secret"], told["registration_access_token"])
    assert not client.is_verified


@pytest.mark.covers("M-own-clients")
@pytest.mark.parametrize("path", ["applications/", "applications/register/", "o/applications/", "authorized_tokens/"])
def test_the_toolkits_own_pages_are_not_mounted(world: World, path: str) -> None:
    assert world.alice.sign_in().http.get(f"/oauth/{path}").status_code == 404
    assert world.alice.http.get(f"/{path}").status_code == 404


# --- Redirect URIs


@pytest.mark.covers("H8", "AS-08")
@pytest.mark.parametrize(
    "uri",
    [
        "http://evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://2130706433/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://127.0.0.1@evil.example/cb",
        "https://user@evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://a.example/x",
        "about:blank",
        "ftp://a.example/x",
        "myapp://callback",
        "com.example.app:/cb",
        "//evil.example/cb",
        "/cb",
        "cb",
        "",
        " ",
        "https://",
        "https:///cb",
        "https:evil.example",
    ],
)
def test_a_redirect_uri_that_leads_astray_is_not_registered(db: None, uri: str) -> None:
    answer = register(redirect_uris=[uri])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
    assert Client.objects.count() == 0


@pytest.mark.covers("H8", "M-uri-port")
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:*/cb",
        "https://a.example:*/cb",
        "https://a.example:65536/cb",
        "https://a.example:x/cb",
        "https://*.example/cb",
        "https://*/cb",
        "https://a,b/cb",
        "https://a.example;sandbox/cb",
        "https://a.example'/cb",
        "https://a%20b.example/cb",
        "https://a..example/cb",
        "https://-/cb",
        "https://a.example/cb#",
        "https://a.example/cb#x",
        "https://a.example/ https://evil.example/",
        "https://a.example/\thttps://evil.example/",
        "https://a.example/\r\nSet-Cookie: x=1",
        'https://a.example/"onload="',
        "https://a.example/<script>",
        "https://a.example\\@evil.example/",
        "https://[::1/cb",
        "https://[x]/cb",
        "https://ex\u00e4mple.example/cb",
        "https://a.example/%",
        "https://a.example/%zz",
        "https://a.example/\u202ecb",
        "https://a.example/\x00",
        "https://a.example/\ud800",
        "https://a.example/" + "x" * policy.REDIRECT_URI_LENGTH_MAX,
    ],
)
def test_a_malformed_redirect_uri_is_not_registered(db: None, uri: str) -> None:
    answer = register(redirect_uris=[uri])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
    assert Client.objects.count() == 0


@pytest.mark.covers("M-uri-port")
@pytest.mark.parametrize(
    "uris", [None, "https://a.example/cb", {}, [], [None], [1], [["https://a.example/cb"]], "x" * 9]
)
def test_redirect_uris_of_another_type_are_refused(db: None, uris: Any) -> None:
    answer = register(redirect_uris=uris)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.covers("M-registration", "DC-13")
def test_thousands_of_redirect_uris_are_refused(db: None) -> None:
    few = [f"https://a.example/{number}" for number in range(policy.REDIRECT_URIS_MAX)]
    assert register(redirect_uris=few).status_code == 201
    answer = register(redirect_uris=[*few, "https://a.example/more"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.covers("AS-08", "T16")
def test_of_mixed_redirect_uris_the_usable_ones_are_kept_and_told(db: None) -> None:
    good = ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"]
    told = register(redirect_uris=["myapp://x", *good, "http://evil.example/cb"]).json()
    assert told["redirect_uris"] == good
    assert Client.objects.get().redirect_uri_list == good


# --- The registration access token


def manage(app: App, method: str, body: object = None, *, token: str | None = None) -> Any:
    bearer = token if token is not None else app.registration["registration_access_token"]
    return Http().generic(
        method,
        f"/oauth/register/{app.client_id}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
    )


@pytest.mark.covers("DC-11")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_the_clients_own_registration_token_manages_it(world: World, method: str) -> None:
    app, other = App.register("Mine", token_endpoint_auth_method="client_secret_basic"), App.register("Other")
    held = world.connect(world.alice, app, handle="acme")
    wrong = ["", "mcr_x", app.secret or "", held.access, held.refresh or "", world.asker.secret]
    for token in [*wrong, other.registration["registration_access_token"]]:
        answer = manage(
            app, method, {"client_id": app.client_id, "redirect_uris": ["https://evil.example/"]}, token=token
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert Client.objects.get(client_id=app.client_id).redirect_uri_list == [CALLBACK]
    assert world.asker.is_active(held.access)


@pytest.mark.covers("DC-11")
@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"registration_access_token": "x"},
        {"registration_client_uri": "https://a.example"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
        {"client_secret": "wrong"},
        {"client_secret": 5},
        {"redirect_uris": ["http://evil.example/"]},
    ],
)
def test_an_update_cannot_touch_what_the_server_owns(db: None, change: dict[str, Any]) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    good = {"client_id": app.client_id, "redirect_uris": [CALLBACK], "client_name": "Changed"}
    body = {name: value for name, value in (good | change).items() if value is not None}
    answer = manage(app, "PUT", body)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")
    assert Client.objects.get().name == "ChatGPT"


@pytest.mark.covers("DC-11", "DC-12")
def test_a_removed_client_is_gone_for_good(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    held = world.connect(world.alice, app, handle="acme")
    assert manage(app, "DELETE").status_code == 204
    assert world.asker.knows(held.access) == {"active": False}
    assert (app.refresh(held.refresh).status_code, app.refresh(held.refresh).json()["error"]) == (401, "invalid_client")
    assert world.alice.http.get(app.authorize_url()).status_code == 400
    assert manage(app, "GET").status_code == 401
    assert not Connection.objects.filter(ended_at=None).exists()
    assert Event.objects.filter(tag="client:deleted").exists()


@pytest.mark.covers("M-introspection")
def test_a_registration_token_is_no_credential_anywhere(world: World, chatgpt: App) -> None:
    token = chatgpt.registration["registration_access_token"]
    assert world.asker.knows(token) == {"active": False}
    assert chatgpt.refresh(token).json()["error"] == "invalid_grant"
    assert chatgpt.exchange(token).json()["error"] == "invalid_grant"
    answer = Http().get("/connections", headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
    assert answer.status_code == 302


# --- Many of them, and names that lie


@pytest.mark.covers("DC-09", "M-rate")
def test_one_address_cannot_register_without_end(db: None, settings: Any) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 3
    statuses = [register().status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
    refused = register()
    assert int(refused["Retry-After"]) > 0
    assert set(refused.json()) == {"error", "error_description", "error_uri"}


@pytest.mark.covers("DC-10", "M-registration")
@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ settings.SECRET_KEY }}{% debug %}",
        "Cha\u202etGPT\u2066",
        "A\u0000B",
        "\u200b\u200b",
        "x" * 5000,
        "Ｇａｔｅｈｏｕｓｅ",
    ],
)
def test_a_name_is_shown_as_plain_text_without_tricks(world: World, name: str) -> None:
    answer = register(client_name=name)
    if answer.status_code == 400:
        assert answer.json()["error"] == "invalid_client_metadata"
        return
    app = App(answer.json()["client_id"])
    html = world.alice.open(app.authorize_url()).content.decode()
    assert "wants to connect" in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    shown = answer.json()["client_name"]
    assert len(shown) <= policy.CLIENT_NAME_LENGTH_MAX
    assert not {"\u202e", "\u2066", "\u200b", "\x00"} & set(shown)


@pytest.mark.covers("M-registration")
@pytest.mark.parametrize("member", ["client_uri", "policy_uri", "tos_uri"])
@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://a.example", "https://a@b.example", "data:x", "//x"])
def test_a_link_of_another_kind_is_left_out(db: None, member: str, address: str) -> None:
    answer = register(**{member: address})
    assert answer.status_code == 201
    assert member not in answer.json()


@pytest.mark.covers("C1")
def test_a_public_client_does_not_pass_with_a_secret_and_a_confidential_one_not_without(world: World) -> None:
    public, confidential = App.register(), App.register(token_endpoint_auth_method="client_secret_post")
    for app, secret in ((public, "mcs_x"), (confidential, ""), (confidential, "mcs_x"), (confidential, "x" * 4000)):
        form = {
            "grant_type": "refresh_token",
            "refresh_token": "x",
            "client_id": app.client_id,
            "client_secret": secret,
        }
        answer = post_form(Http(), "/oauth/token", form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
