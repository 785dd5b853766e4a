"""Dead ends: a page for people, JSON for programs, each with the id of the request; never a stack trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client as Http
from django.test import RequestFactory
from django.urls import path

from accounts.sessions import SessionStore
from authserver.views import errors
from tests.authserver.views.test_consent_page import words
from tests.people import World

JSON = {"accept": "application/json"}
HTML = {"accept": "text/html"}

HANDLERS: list[Any] = [
    (errors.bad_request, 400, "invalid_request"),
    (errors.forbidden, 403, "forbidden"),
    (errors.not_found, 404, "not_found"),
    (errors.too_many, 429, "too_many_requests"),
    (errors.server_error, 500, "server_error"),
    (errors.csrf_failure, 403, "expired"),
]


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret is mcs_0000")


urlpatterns = [path("broken", broken)]
handler500 = "authserver.views.errors.server_error"


def request_for(accept: str) -> HttpRequest:
    request = RequestFactory().get("/x", headers={"accept": accept})
    request.request_id = "the-id-of-this-request"  # type: ignore[attr-defined]
    return request


@pytest.mark.parametrize(("handler", "status", "code"), HANDLERS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_each_dead_end_is_a_page_with_cause_next_step_code_and_id(
    db: None, handler: Callable[..., HttpResponse], status: int, code: str
) -> None:
    page = handler(request_for("text/html"))
    said = words(page)
    assert page.status_code == status
    assert "What you can do" in said
    assert f"Code {code}" in said
    assert "Request ID the-id-of-this-request" in said
    assert page["Cache-Control"] == "no-store"
    assert page["X-Robots-Tag"] == "noindex"
    assert page.content.decode().count("<h1") == 1


@pytest.mark.parametrize(("handler", "status", "code"), HANDLERS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_each_dead_end_is_json_for_a_program(
    db: None, handler: Callable[..., HttpResponse], status: int, code: str
) -> None:
    answer = handler(request_for("application/json"))
    body = json.loads(answer.content)
    assert answer.status_code == status
    assert (body["error"], body["request_id"]) == (code, "the-id-of-this-request")
    assert set(body) == {"error", "error_description", "error_uri", "request_id"}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html", "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("application/json;q=0.9, text/html", "text/html"),
        ("application/problem+json", "text/html"),
    ],
)
def test_what_is_accepted_decides_page_or_json(db: None, accept: str, kind: str) -> None:
    assert Http().get("/nowhere", headers={"accept": accept})["Content-Type"].startswith(kind)


def test_too_many_says_when_to_come_back(db: None) -> None:
    assert errors.too_many(request_for("text/html"))["Retry-After"] == "60"


@pytest.mark.parametrize(
    "address", ["/nowhere", "/oauth", "/oauth/", "/oauth/token/", "/oauth/register/", "/admin.php"]
)
def test_an_unknown_address_is_not_found_and_never_redirected(db: None, address: str) -> None:
    for method in ("get", "post"):
        answer = getattr(Http(), method)(address, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert answer.json()["request_id"] == answer["X-Request-Id"]


def test_an_address_with_strange_characters_is_not_repeated(db: None) -> None:
    answer = Http().get("/%3Cscript%3Ealert(1)%3C/script%3E", headers=HTML)
    assert answer.status_code == 404
    assert b"alert(1)" not in answer.content


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("headers", [JSON, HTML])
def test_what_breaks_tells_the_caller_nothing_but_the_id(
    db: None, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "django.request")
    answer = Http(raise_request_exception=False).get("/broken", headers=headers)
    text = answer.content.decode()
    assert answer.status_code == 500
    assert answer["X-Request-Id"] in text
    for hidden in ("mcs_0000", "RuntimeError", "Traceback", "authserver/", ".py"):
        assert hidden not in text


@pytest.mark.parametrize("headers", [JSON, HTML])
def test_a_database_that_is_gone_still_gets_a_designed_page(
    world: World, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(self: SessionStore) -> None:
        raise OperationalError("connection to server at 10.0.0.1 failed")

    caplog.set_level(logging.CRITICAL, "django.request")
    browser = Http(raise_request_exception=False, headers=headers)
    browser.cookies = world.alice.sign_in().http.cookies
    monkeypatch.setattr(SessionStore, "load", gone)
    answer = browser.get("/connections")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "10.0.0.1" not in answer.content.decode()
    assert answer["X-Request-Id"] in answer.content.decode()


def test_a_host_that_is_not_ours_is_refused_without_a_trace(db: None) -> None:
    answer = Http().get("/", headers={"host": "evil.example", "accept": "application/json"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()
    assert "ALLOWED_HOSTS" not in answer.content.decode()


def test_a_form_without_its_token_is_a_designed_page(world: World) -> None:
    strict = Http(enforce_csrf_checks=True, headers=HTML)
    strict.cookies = world.alice.sign_in().http.cookies
    page = strict.post("/connections/all/disconnect", {"confirm": "yes"})
    assert page.status_code == 403
    assert "This page was open too long" in words(page)
    assert page["X-Request-Id"] in page.content.decode()


def test_every_answer_carries_an_id_of_its_own(db: None) -> None:
    paths = ["/", "/livez", "/nowhere", "/.well-known/x", "/oauth/token", "/accounts/login/"]
    ids = [Http().get(each)["X-Request-Id"] for each in paths]
    assert len(set(ids)) == len(paths)
