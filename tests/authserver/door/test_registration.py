"""Registration at the door: what it takes, and what several get together. What one is told: views/test_register.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.door import desks, registration
from authserver.door.http import Request, Response
from authserver.door.lines import Unavailable
from authserver.models import Client, Event
from tests.people import CALLBACK

pytestmark = pytest.mark.django_db

PATH = "/oauth/register"
BODY = {"client_name": "ChatGPT", "redirect_uris": [CALLBACK]}


def request(body: object = BODY, *, method: str = "POST", address: str = "203.0.113.7", **headers: str) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request(method, PATH, named, address, "the-request", raw)


def answers(*requests: Request) -> list[Response]:
    """Answer these together."""
    asked = [registration.read(each) for each in requests]
    outcomes = registration.act([each for each in asked if each])
    return [registration.told(each, outcome) for each, outcome in zip(requests, outcomes, strict=True)]


def told(response: Response) -> Any:
    return json.loads(response.body)


# --- Django's to answer


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE"])
def test_other_methods_are_left_to_django(method: str) -> None:
    assert registration.read(request(method=method)) is None


@pytest.mark.parametrize("size", [0, policy.REGISTRATION_BODY_BYTES_MAX + 1])
def test_no_body_and_one_that_is_too_large_are_left_to_django(size: int) -> None:
    assert registration.read(request(b" " * size)) is None


@pytest.mark.parametrize("who", ["token", "closed"])
def test_where_not_anybody_may_register_it_is_left_to_django(settings: Any, who: str) -> None:
    settings.REGISTRATION = who
    assert registration.read(request(authorization="Bearer mci_x")) is None


# --- No


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"[" * 20_000, b'{"redirect_uris": ["http://x.example/"]}'])
def test_a_bad_body_is_refused_as_the_view_refuses_it_and_the_others_register(body: bytes, settings: Any) -> None:
    alone = Http().post(PATH, body, content_type="application/json")
    good, bad, other = answers(request(), request(body), request(BODY | {"client_name": "Other"}))
    said = alone.json() | {"error_uri": f"{settings.ISSUER}/attempts/the-request"}
    assert (bad.status, told(bad)) == (alone.status_code, said)
    assert (good.status, other.status) == (201, 201)
    assert Client.objects.count() == 2


def test_beyond_the_limit_of_its_address_nobody_registers_and_others_do(settings: Any) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 2
    crowd = [request(BODY | {"client_name": f"{number}"}) for number in range(4)]
    told_all = answers(*crowd, request(address="203.0.113.8"))
    assert [each.status for each in told_all] == [201, 201, 429, 429, 201]
    assert b"retry-after: 60\r\n" in told_all[2].headers or b"retry-after: 59\r\n" in told_all[2].headers
    assert told(told_all[2])["error"] == "too_many_requests"
    assert Client.objects.count() == 3


def test_door_and_view_count_together(settings: Any) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 2
    assert Http(REMOTE_ADDR="203.0.113.7").post(PATH, BODY, content_type="application/json").status_code == 201
    assert [each.status for each in answers(request(), request())] == [201, 429]
    assert Http(REMOTE_ADDR="203.0.113.7").post(PATH, BODY, content_type="application/json").status_code == 429


def test_one_product_s_secrets_have_a_limit_that_all_addresses_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE", 1)
    secret = BODY | {"token_endpoint_auth_method": "client_secret_post"}
    found = answers(*[request(secret, address=f"203.0.113.{number}") for number in range(3)], request())
    assert [each.status for each in found] == [201, 429, 429, 201]


def test_an_invented_forwarding_header_makes_no_new_address(settings: Any) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 1
    found = answers(*[request(x_forwarded_for=f"198.51.100.{number}") for number in range(2)])
    assert [each.status for each in found] == [201, 429]


def test_a_database_that_is_away_is_said_so_to_scripts_of_any_origin_too(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Response] = []
    monkeypatch.setattr(registration.line, "ask", lambda asked, tell: tell(Unavailable("registration:database")))
    assert desks.ask(request(), lambda response, request_id: heard.append(response))
    assert heard[0].status == 503
    assert b"retry-after: 1\r\n" in heard[0].headers
    assert b"access-control-allow-origin: *\r\n" in heard[0].headers


# --- Yes


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_what_is_told_is_what_the_view_tells(method: str) -> None:
    body = BODY | {
        "token_endpoint_auth_method": method,
        "scope": "links.read nonsense",
        "client_uri": "https://a.example",
    }
    seen = Http().post(PATH, body, content_type="application/json").json()
    (answer,) = answers(request(body | {"client_name": "Other"}))
    own = {"client_id", "client_id_issued_at", "client_secret", "registration_access_token", "registration_client_uri"}
    shown = told(answer)
    assert answer.status == 201
    assert shown.keys() == seen.keys()
    assert {**shown, "client_name": "ChatGPT", **{name: seen[name] for name in own & seen.keys()}} == seen


def test_events_carry_the_address_behind_our_proxies_and_the_id_of_the_request(settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers(request(address="10.0.0.1", x_forwarded_for="8.8.8.8, 203.0.113.9"))
    event = Event.objects.get()
    assert (event.address, event.request_id) == ("203.0.113.9", "the-request")


def test_no_secret_shows_in_what_waits_and_what_is_answered() -> None:
    sent = request(BODY | {"token_endpoint_auth_method": "client_secret_post", "software_id": "s3cret"})
    (answer,) = answers(sent)
    assert "s3cret" not in repr(registration.read(sent)) + repr(sent)
    assert told(answer)["client_secret"] not in repr(answer)
