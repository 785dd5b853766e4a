"""Errors told to Sentry: what broke and where; nothing of what was sent, and by whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import DatabaseError
from django.test import Client as Http
from django.test import RequestFactory
from sentry_sdk.transport import Transport

from accounts.sessions import SessionStore
from authserver.protocol import credentials
from authserver.telemetry import faults
from tests.people import World

pytestmark = pytest.mark.covers("OPS-4")


class Kept(Transport):
    """In place of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events += [event for item in envelope.items if (event := item.get_event())]


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    faults.start("https://key@errors.example.com/1", transport=transport)
    yield transport
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_an_error_is_told_without_bodies_cookies_queries_people_locals_and_what_the_database_said(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = credentials.generate("mcprt_")

    def broken(self: Any) -> None:
        of_the_frame = secret  # noqa: F841
        raise DatabaseError(f"duplicate key: (alice@example.com, {secret[:20]})")

    session = world.alice.sign_in().http.cookies[settings.SESSION_COOKIE_NAME].value
    monkeypatch.setattr(SessionStore, "load", broken)
    request = RequestFactory().post(
        f"/connections?token={secret}",
        {"code": secret, "email": "alice@example.com"},
        headers={
            "Authorization": f"Bearer {secret}",
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}",
            "X-Forwarded-For": "203.0.113.7",
            "X-Request-Id": "request-1",
        },
    )
    statuses: list[str] = []
    WSGIHandler()(request.environ, lambda status, headers: statuses.append(status))
    assert statuses == ["500 Internal Server Error"]
    [event] = kept.events
    [error] = event["exception"]["values"][-1:]
    assert (error["type"], error["value"]) == ("DatabaseError", "(not told)")
    assert error["stacktrace"]["frames"][-1]["function"] == "broken"
    assert event["request"]["headers"]["X-Request-Id"] == "request-1"
    assert event["request"]["url"].endswith("/connections")
    assert event["tags"]["request_id"] == "request-1"
    assert event["transaction"] == "/connections"
    told = json.dumps(event)
    for hidden in (secret[:20], "alice@", "203.0.113.7", session):
        assert hidden not in told, hidden
    assert {name.lower() for name in event["request"]["headers"]} <= faults.KEPT_HEADERS
    assert set(event["request"]) == {"url", "method", "headers"}


def test_what_is_logged_as_an_error_is_told_with_what_looks_like_a_secret_or_a_mailbox_hidden() -> None:
    secret = credentials.generate("rss_")
    event = faults.scrubbed(
        {"logentry": {"message": f"{secret} of a@example.com", "params": [secret]}, "user": {"id": 1}}
    )
    assert event["logentry"] == {"message": "rss_[hidden] of [hidden]", "params": ["rss_[hidden]"]}
    assert "user" not in event


def test_without_an_address_nobody_is_told() -> None:
    faults.start("")
    assert not sentry_sdk.get_client().is_active()
    assert Http().get("/livez").status_code == 200
