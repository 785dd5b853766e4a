"""Who calls the API in these tests: people with a browser, and programs with a personal access token."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Connection, PersonalAccessToken
from authserver.protocol.control.scopes import ControlScope
from authserver.services import personal_tokens
from handles.models import Handle, Membership
from handles.roles import Role, at_least
from tests.people import App, Person, Tokens, World

API = "/api/v1"
ACME = f"{API}/handles/acme"
EVERY_SCOPE = tuple(ControlScope.values)


@dataclass
class Caller:
    """Somebody who sends JSON. `headers` go with every request."""

    http: Http
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        raw = body if isinstance(body, str | bytes) else b"" if body is None else json.dumps(body)
        content = {"content_type": "application/json"} if body is not None else {}
        return self.http.generic(method, path, raw, headers=self.headers | headers, **content)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)


def signed_in(person: Person) -> Caller:
    """A person on our pages: a session, and what proves that a request comes from there."""
    http = Http(enforce_csrf_checks=True)
    http.force_login(person.user)
    token = http.get(f"{API}/me").json()["csrf_token"]
    return Caller(http, {"X-CSRFToken": token})


@dataclass
class Program(Caller):
    """A program with a personal access token."""

    row: PersonalAccessToken = field(default_factory=PersonalAccessToken)
    secret: str = field(default="", repr=False)


def program(person: Person, *scopes: str, handle: str = "acme", days: int = 30) -> Program:
    """Give this person a token at this handle; without scopes, with all that their role reaches."""
    at = Handle.objects.get(slug=handle)
    offered = personal_tokens.offered()
    role = Membership.objects.get(handle=at, user=person.user).role
    wanted = scopes or [name for name in EVERY_SCOPE if at_least(Role(role), offered[name].role)]
    made = personal_tokens.create(
        person.user, at, name="A program", scopes=wanted, lifetime=timedelta(days=days), now=timezone.now()
    )
    assert isinstance(made, tuple), made
    return Program(Http(), {"Authorization": f"Bearer {made[1]}"}, *made)


@pytest.fixture
def alice(world: World) -> Caller:
    """The owner of acme and globex, signed in."""
    return signed_in(world.alice)


@pytest.fixture
def bob(world: World) -> Caller:
    """A member of acme and owner of initech, signed in."""
    return signed_in(world.bob)


@pytest.fixture
def carol(world: World) -> Caller:
    """Somebody with an account and no handle, signed in."""
    return signed_in(world.carol)


@dataclass
class Connected:
    """A person's live connection, and what its client holds."""

    row: Connection
    held: Tokens
    app: App

    @property
    def path(self) -> str:
        return f"{API}/handles/{self.row.handle.slug}/connections/{self.row.pk}"

    @property
    def own_path(self) -> str:
        return f"{API}/me/connections/{self.row.pk}"

    def now(self) -> Connection:
        return Connection.objects.get(pk=self.row.pk)


Connecting = Callable[..., Connected]


@pytest.fixture
def connect(world: World, chatgpt: App) -> Connecting:
    """Connect ChatGPT, or another client, over HTTP."""

    def make(person: Person, handle: str = "acme", app: App = chatgpt) -> Connected:
        held = world.connect(person, app, handle=handle)
        row = Connection.objects.filter(user=person.user, handle__slug=handle).latest("created_at")
        return Connected(row, held, app)

    return make


def problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    """Return the problem that an answer holds; fail where it is another, or none."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["type"].endswith(f"/api/v1/problems#{kind}"), body
    assert (body["status"], body["instance"]) == (status, answer["X-Request-Id"])
    assert body["title"]
    assert body["detail"]
    return body


def ok(answer: Any, status: int = 200) -> Any:
    """Return the JSON of an answer; fail where it is a problem."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert answer["Cache-Control"] == "no-store"
    return answer.json() if answer.content else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each driven operation an id of its own. (schemathesis 4.32 loses it under pytest 9.2, and two workers take
    tests of one id for one test.)"""
    for item in items:
        label = getattr(item, "operation_label", None)
        if label and label not in item.nodeid:
            item._id = type(item.id).parse(f"{item.nodeid}[{label}]")
