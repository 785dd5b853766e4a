"""What was handed out once is nowhere else: not in a row, a log line, an event, a page, or the text of an object."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.door import http
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken, ResourceServer
from authserver.protocol import client_metadata, credentials, parameters
from authserver.protocol.connections.token_requests import CodeRequest, Proof, RefreshRequest
from authserver.services import connections as acts
from authserver.services import registration, resource_servers
from authserver.services.connections import sealing
from authserver.services.events import NO_REQUEST
from authserver.services.introspection import Question
from tests.people import PASSWORD, App, World, answer_of, tokens_of

pytestmark = pytest.mark.covers("RS-24", "M-secrets")


class Recorder(Http):
    """A browser or program that remembers every answer it got: path, headers and body."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[tuple[str, str]] = []

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        text = f"{dict(answer.headers)} {answer.content.decode()}"
        self.seen.append((f"{request['REQUEST_METHOD']} {request['PATH_INFO']}", text))
        return answer


@dataclass
class Story:
    """A whole life of two connections, with every refusal that takes a secret on its way; and every secret in it."""

    secrets: dict[str, str] = field(default_factory=dict)
    person: Recorder = field(default_factory=lambda: Recorder(headers={"accept": "text/html"}))
    program: Recorder = field(default_factory=Recorder)

    def keep(self, **named: str | None) -> None:
        self.secrets |= {name: value for name, value in named.items() if value}

    def found_in(self, text: str) -> list[str]:
        return [name for name, value in self.secrets.items() if value in text or quote(value, safe="") in text]


def tell(world: World) -> Story:
    story = Story()
    world.alice.http = story.person
    world.asker.http = story.program
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    app.http = story.program
    story.keep(client_secret=app.secret, registration=app.registration["registration_access_token"])
    story.keep(resource_server=world.asker.secret, password=PASSWORD, verifier=app.verifier)
    page = world.alice.open(app.authorize_url())
    code = answer_of(world.alice.decide(page, handle="acme"))["code"]
    held = tokens_of(app.exchange(code))
    successor = tokens_of(app.refresh(held.refresh))
    story.keep(code=code, access=held.access, refresh=held.refresh)
    story.keep(next_access=successor.access, next_refresh=successor.refresh)
    world.asker.ask(successor.access)
    world.alice.http.get("/connections")
    misuse(world, app, story)
    app.exchange(code)  # the replay ends the connection
    assert world.asker.knows(successor.access) == {"active": False}
    world.alice.http.post(f"/connections/{Connection.objects.get().pk}/disconnect", {"confirm": "yes"})
    return story


def misuse(world: World, app: App, story: Story) -> None:
    """Put every secret where it does not belong."""
    for secret in list(story.secrets.values()):
        world.asker.ask(secret)
        app.refresh(secret)
        app.exchange(secret)
        app.token(grant_type=secret, username=secret, password=secret)
        App(app.client_id, secret, http=story.program).revoke(secret)
        story.program.post(f"/oauth/token?code={quote(secret)}", secret, content_type="text/plain")
        for name in (
            "client_id",
            "redirect_uri",
            "scope",
            "resource",
            "code_challenge",
            "response_type",
        ):
            story.person.get(app.authorize_url(**{name: secret}))
        story.program.get("/connections", headers={"Authorization": f"Bearer {secret}"})
        headers = {"Authorization": f"Bearer {secret}", "X-Request-Id": secret[:36].replace("_", "-"), "Cookie": secret}
        path = f"/oauth/register/{app.client_id}"
        if secret != story.secrets["registration"]:
            story.program.put(path, {"client_secret": secret}, content_type="application/json", headers=headers)
            story.program.delete(path, headers=headers)


@pytest.fixture
def story(world: World) -> Story:
    return tell(world)


def cells() -> Iterator[tuple[str, str]]:
    """Return every value in every table, as text, with where it stands."""
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            columns = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    raw = isinstance(value, bytes | memoryview | bytearray)
                    yield f"{table}.{column}", bytes(value).decode("latin-1") if raw else str(value)


def test_no_secret_stands_in_any_column_of_any_table(story: Story) -> None:
    cells_seen = list(cells())
    assert any(place.endswith("secret_digest") for place, _ in cells_seen)
    assert {(place, *story.found_in(value)) for place, value in cells_seen if story.found_in(value)} == set()
    for session in Session.objects.all():
        assert story.found_in(str(session.get_decoded())) == []


def test_no_secret_stands_in_a_log_line_not_even_at_debug(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    story = tell(world)
    lines = [caplog.handler.format(record) for record in caplog.records]  # with tracebacks
    assert any("code:replayed" in line for line in lines)
    assert [line for line in lines if story.found_in(line)] == []


def test_every_secret_is_shown_by_the_one_answer_that_hands_it_out(story: Story) -> None:
    """What a person typed or a caller sent does not come back; what is issued appears once."""
    shown = {(path, name) for path, text in story.person.seen + story.program.seen for name in story.found_in(text)}
    assert {name for path, name in shown if path == "POST /oauth/token"} == {
        "access",
        "refresh",
        "next_access",
        "next_refresh",
    }
    assert {name for path, name in shown if path == "POST /oauth/authorize"} == {"code"}
    assert {path for path, _ in shown} <= {"POST /oauth/token", "POST /oauth/authorize"}


def test_a_secret_of_a_client_is_told_once(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    bearer = {"Authorization": f"Bearer {app.registration['registration_access_token']}"}
    again = Http().get(f"/oauth/register/{app.client_id}", headers=bearer)
    assert again.json()["client_id"] == app.client_id
    assert not {"client_secret", "registration_access_token"} & set(again.json())


# --- The text of objects, as a traceback or a debugger would show it


def everything_that_carries_a_secret(world: World) -> Iterator[tuple[object, list[str]]]:
    metadata = client_metadata.parse(
        {"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "client_secret_basic"}
    )
    assert isinstance(metadata, client_metadata.ClientMetadata)
    registered = registration.register(metadata)
    yield registered, [registered.secret or "", registered.registration_token or ""]
    pair = acts.Issued("mcpv1_x", "mcprt_x", ("mcp.connect",), timezone.now())
    yield pair, ["mcpv1_x", "mcprt_x"]
    yield http.no_store(pair.body(timezone.now())), ["mcpv1_x", "mcprt_x"]
    yield (
        http.Request("POST", "/", {b"authorization": b"Basic hidden"}, "", "id", b"token=secret"),
        ["hidden", "secret"],
    )
    yield Question("secret", "id", "hidden", "https://ai.example.com"), ["secret", "hidden"]
    proof = Proof("id", secret="hidden", assertion="signed")
    yield (
        acts.Arrived(CodeRequest(proof, "code-1", "verifier-1", None, ()), NO_REQUEST),
        ["hidden", "code-1", "verifier-1"],
    )
    yield acts.Arrived(RefreshRequest(proof, "mcprt_x", None, ()), NO_REQUEST), ["signed", "mcprt_x"]
    yield parameters.parse("code=secret&client_secret=hidden"), ["secret&", "hidden"]
    server, secret = resource_servers.create("third", [])
    yield server, [secret]


def test_the_text_of_an_object_never_holds_its_secret(world: World) -> None:
    for thing, secrets in everything_that_carries_a_secret(world):
        for secret in secrets:
            assert secret
            assert secret not in repr(thing) + str(thing) + format(thing), type(thing)


def test_rows_speak_of_themselves_by_id(story: Story) -> None:
    rows = [row for model in (AccessToken, AuthorizationCode, RefreshToken, Client, ResourceServer, Connection)
            for row in model.objects.all()]  # fmt: skip
    assert len(rows) >= 8
    for row in rows:
        assert story.found_in(repr(row) + str(row)) == []


# --- At rest


def test_the_sealed_pair_opens_with_its_own_token_only(story: Story) -> None:
    sealed = RefreshToken.objects.exclude(sealed_successor=None).get().sealed_successor or b""
    assert story.secrets["next_access"] in (sealing.unseal(story.secrets["refresh"], sealed) or "")
    for name, secret in story.secrets.items():
        if name != "refresh":
            assert sealing.unseal(secret, sealed) is None
    for place in (0, 12, len(sealed) // 2, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert sealing.unseal(story.secrets["refresh"], bytes(changed)) is None


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 12, b"x" * 200])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    assert sealing.unseal("mcprt_x", sealed) is None


def test_two_seals_of_the_same_text_differ() -> None:
    token = credentials.generate(policy.REFRESH_TOKEN_PREFIX)
    assert sealing.seal(token, "same") != sealing.seal(token, "same")
