"""The registration endpoint (RFC 7591): refused, negotiated, told. Its management is walked in flows/test_repair.py."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import Client, Event
from tests.people import CALLBACK

pytestmark = pytest.mark.django_db

PATH = "/oauth/register"
MINIMAL = {"redirect_uris": [CALLBACK]}


def post(body: Any, **headers: str) -> Any:
    """Register with this body: raw where it is text or bytes, else as JSON."""
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return Http().post(PATH, raw, content_type="application/json", headers=headers)


def refused(answer: Any, error: str) -> bool:
    """Tell whether this is the RFC's error, and registered nothing."""
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description", "error_uri"}
    return answer.json()["error"] == error and not Client.objects.exists()


# --- No


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        "redirect_uris=https://a.example/",
        "[]",
        '"text"',
        "null",
        "42",
        b"\xff\xfe",
        "[" * 20_000,
        '{"redirect_uris": ' + "[" * 5_000,
        json.dumps(MINIMAL | {"client_name": "x" * policy.REGISTRATION_BODY_BYTES_MAX}),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_object_is_refused(body: Any) -> None:
    assert refused(post(body), "invalid_client_metadata")


@pytest.mark.parametrize("body", ["", "{}", " "])
def test_a_body_that_says_nothing_is_refused(body: str) -> None:
    answer = post(body)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")
    assert not Client.objects.exists()


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "https://a.example/cb",
        [1],
        [None],
        [""],
        ["nonsense"],
        ["/relative"],
        ["http://evil.example/cb"],
        ["https://a.example/cb#fragment"],
        ["https://user@a.example/cb"],
        ["https://a.example/cb https://evil.example/cb"],
        ["https://a.example:*/cb"],
        ["https://*.example/cb"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["evil-scheme://x"],
        ["https:///cb"],
        ["https://a.example/\x00"],
        ["https://ex\u00e4mple.com/cb"],
        [f"https://a.example/{'x' * policy.REDIRECT_URI_LENGTH_MAX}"],
        [f"https://a.example/{number}" for number in range(policy.REDIRECT_URIS_MAX + 1)],
    ],
    ids=lambda uris: repr(uris)[:40],
)
def test_redirect_uris_that_cannot_be_used_are_refused(uris: Any) -> None:
    assert refused(post({"client_name": "X", "redirect_uris": uris}), "invalid_redirect_uri")


@pytest.mark.parametrize(
    "member",
    [
        {"client_name": 1},
        {"client_name": {}},
        {"client_name": "a\x00b"},
        {"client_name": "\ud800"},
        {"scope": ["links.read"]},
        {"grant_types": "authorization_code"},
        {"grant_types": [1]},
        {"grant_types": ["client_credentials"]},
        {"grant_types": ["implicit", "refresh_token"]},
        {"grant_types": []},
        {"response_types": ["token"]},
        {"response_types": []},
        {"response_types": {"code": True}},
        {"token_endpoint_auth_method": 1},
        {"client_uri": 1},
        {"software_id": {}},
    ],
    ids=str,
)
def test_a_member_of_a_wrong_form_is_refused(member: dict[str, Any]) -> None:
    assert refused(post(MINIMAL | member), "invalid_client_metadata")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_refused_in_json(method: str) -> None:
    answer = getattr(Http(enforce_csrf_checks=True), method)(PATH)
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert answer.json()["error"] == "invalid_request"


def test_an_error_never_repeats_what_was_sent() -> None:
    answer = post({"redirect_uris": ["http://evil.example/<script>"], "client_name": "<b>"})
    assert "evil.example" not in answer.content.decode()


def test_sixty_registrations_a_minute_pass_and_the_next_waits() -> None:
    statuses = [post(MINIMAL).status_code for _ in range(60)]
    assert statuses == [201] * 60
    answer = post(MINIMAL)
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in answer["Access-Control-Expose-Headers"]
    assert answer.json()["error"] == "too_many_requests"
    assert Client.objects.count() == 1


def test_the_minute_passes(time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    for _ in range(61):
        answer = post(MINIMAL)
    assert answer.status_code == 429
    time_machine.shift(int(answer["Retry-After"]))
    assert post(MINIMAL).status_code == 201


def test_an_invented_forwarding_header_does_not_make_a_new_address() -> None:
    for number in range(60):
        post(MINIMAL, **{"x-forwarded-for": f"203.0.113.{number}"})
    assert post(MINIMAL, **{"x-forwarded-for": "198.51.100.7"}).status_code == 429


def test_behind_a_proxy_each_address_has_its_own_minute(settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for _ in range(60):
        post(MINIMAL, **{"x-forwarded-for": "203.0.113.9"})
    assert post(MINIMAL, **{"x-forwarded-for": "203.0.113.9"}).status_code == 429
    assert post(MINIMAL, **{"x-forwarded-for": "203.0.113.10"}).status_code == 201


# --- Negotiated


def test_a_client_that_names_only_callbacks_is_registered_and_told_everything() -> None:
    answer = post(MINIMAL)
    told = answer.json()
    assert answer.status_code == 201
    assert str(UUID(told.pop("client_id"))) == Client.objects.get().client_id
    assert told.pop("client_id_issued_at") == int(Client.objects.get().created.timestamp())
    assert told.pop("registration_access_token").startswith("mcr_")
    assert told.pop("registration_client_uri").endswith(f"/oauth/register/{Client.objects.get().client_id}")
    assert "links.read" in told.pop("scope").split()
    assert told == {
        "client_name": "Unnamed client",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }


def test_a_registration_is_json_that_nobody_keeps_and_any_origin_may_read() -> None:
    answer = post(MINIMAL)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
def test_the_content_type_is_not_held_against_a_client(kind: str) -> None:
    assert Http().post(PATH, json.dumps(MINIMAL), content_type=kind).status_code == 201


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_confidential_client_is_told_its_secret_and_that_it_never_runs_out(method: str) -> None:
    told = post(MINIMAL | {"token_endpoint_auth_method": method}).json()
    assert told["client_secret"].startswith("mcs_")
    assert told["client_secret_expires_at"] == 0
    assert told["token_endpoint_auth_method"] == method


@pytest.mark.parametrize("method", [None, "none", "private_key_jwt", "tls_client_auth", "magic"])
def test_a_method_that_is_not_served_becomes_none_and_is_told(method: str | None) -> None:
    told = post(MINIMAL | {"token_endpoint_auth_method": method}).json()
    assert told["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in told
    assert "client_secret_expires_at" not in told


def test_grants_that_are_not_served_fall_away() -> None:
    vscode = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    assert post(MINIMAL | {"grant_types": vscode}).json()["grant_types"] == ["authorization_code", "refresh_token"]
    assert post(MINIMAL | {"grant_types": ["authorization_code"]}).json()["grant_types"] == ["authorization_code"]


def test_callbacks_that_cannot_be_used_fall_away_while_one_can() -> None:
    told = post({"redirect_uris": ["http://evil.example/cb", CALLBACK, CALLBACK, "gemini://x"]}).json()
    assert told["redirect_uris"] == [CALLBACK]


@pytest.mark.parametrize("scope", ["", None, "never.heard.of"])
def test_a_client_that_names_no_known_scope_is_told_the_default_ones(scope: str | None) -> None:
    told = post(MINIMAL | {"scope": scope}).json()["scope"].split()
    assert "mcp.connect" in told
    assert "offline_access" not in told


def test_the_scope_told_is_the_known_part_of_what_was_named() -> None:
    told = post(MINIMAL | {"scope": "links.read openid offline_access"}).json()
    assert told["scope"] == "mcp.connect links.read offline_access"


def test_unknown_members_are_ignored_and_nulls_count_as_left_out() -> None:
    extra = {"application_type": "native", "logo_uri": "https://x.example/l.png", "contacts": None, "x": {"y": [1]}}
    answer = post(MINIMAL | extra | {"client_name": None, "grant_types": None, "client_uri": None})
    assert answer.status_code == 201
    assert set(extra) & set(answer.json()) == set()


@pytest.mark.parametrize(
    "uri", ["http://x.example/", "javascript:alert(1)", "https://u@x.example/", "x", "https://[x/"]
)
def test_an_address_that_could_not_be_a_link_is_left_out(uri: str) -> None:
    told = post(MINIMAL | {"client_uri": uri, "policy_uri": uri, "tos_uri": uri}).json()
    assert {"client_uri", "policy_uri", "tos_uri"} & set(told) == set()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  Chat\n\tGPT  ", "Chat GPT"),
        ("Chat\u202eGPT", "Chat GPT"),
        ("\uff23\uff28\uff21\uff34", "CHAT"),
        ("\u200b", "Unnamed client"),
        ("x" * 500, "x" * 80),
        ("<b>Bold</b>", "<b>Bold</b>"),
    ],
)
def test_a_name_is_cleaned_for_showing(sent: str, kept: str) -> None:
    assert post(MINIMAL | {"client_name": sent}).json()["client_name"] == kept


def test_no_secret_of_a_registration_is_kept_or_recorded() -> None:
    told = post(MINIMAL | {"token_endpoint_auth_method": "client_secret_basic"}).json()
    row = {name: str(value) for name, value in vars(Client.objects.get()).items()}
    event = {name: str(value) for name, value in vars(Event.objects.get()).items()}
    for secret in (told["client_secret"], told["registration_access_token"]):
        assert [name for name, value in (row | event).items() if secret in value] == []


def test_equal_public_registrations_are_one_client_and_one_event() -> None:
    assert post(MINIMAL).json()["client_id"] == post(MINIMAL).json()["client_id"]
    assert Event.objects.filter(tag="client:registered").count() == 1


def test_registrations_with_a_secret_are_each_a_client_of_their_own() -> None:
    body = MINIMAL | {"token_endpoint_auth_method": "client_secret_post"}
    assert post(body).json()["client_id"] != post(body).json()["client_id"]


def test_a_preflight_of_registration_is_answered() -> None:
    answer = Http().options(PATH, headers={"origin": "https://inspector.example"})
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "Content-Type" in answer["Access-Control-Allow-Headers"]


def test_a_preflight_of_management_is_answered() -> None:
    answer = Http().options(f"{PATH}/some-client", headers={"origin": "https://inspector.example"})
    assert answer["Access-Control-Allow-Methods"] == "GET, PUT, DELETE, OPTIONS"
    assert "Authorization" in answer["Access-Control-Allow-Headers"]
