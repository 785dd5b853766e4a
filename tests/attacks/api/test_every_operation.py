"""Every operation of the control-plane API, taken from its description and tried by people who may not: another
handle's owner, somebody without a handle, an administrator of the server, a program of another handle, nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Http
from django.utils import timezone

from authserver.api.examples import EXAMPLES
from authserver.api.openapi import described
from authserver.models import ClientPolicy, ClientRule, Connection, PersonalAccessToken, ScopeRequest, TraceStep
from authserver.services import connections, personal_tokens
from authserver.services.standing import invitations, joining
from authserver.services.standing.invitations import Made, Offer
from authserver.services.trace import notes
from handles.models import Handle, Invitation, JoinRequest, Membership
from handles.roles import Role
from tests.people import App, World, make_person

PUBLIC = ("/api/v1/openapi.json", "/api/v1/problems")
OPERATIONS = [
    (method.upper(), path, operation)
    for path, found in described()["paths"].items()
    for method, operation in found.items()
    if path not in PUBLIC
]
OF_A_HANDLE = [each for each in OPERATIONS if "{handle}" in each[1]]
OWN_ROWS = [each for each in OPERATIONS if "/me/connections/{" in each[1]]
SHORT = ("handle", "wish_id", "join_request_id")  # found in any text
Sender = Callable[[str, str, Any], Any]


def named(operations: list[Any]) -> list[str]:
    return [operation["operationId"] for _, _, operation in operations]


def body_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The example of this operation's body, which is good: what is refused is the caller."""
    if "requestBody" not in operation:
        return None
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return EXAMPLES[reference.rpartition("/")[2]]


@pytest.fixture
def rows(world: World, chatgpt: App) -> dict[str, str]:
    """Everything of alice's at acme that a path can name."""
    world.connect(world.alice, chatgpt, handle="acme")
    row = Connection.objects.get()
    connections.wish(row.pk, "links.write", tool="create_link", now=timezone.now())
    return {
        "handle": "acme",
        "connection_id": str(row.pk),
        "person_id": str(world.alice.user.pk),
        "token_id": str(token_of(world, "alice", "acme")[0].pk),
        "wish_id": str(ScopeRequest.objects.get().pk),
        "attempt_id": attempt_of(row),
        **people_wanted(world),
    }


def attempt_of(connection: Connection) -> str:
    """Return the id under which the attempt of this connection is found."""
    notes.flush()
    return TraceStep.objects.filter(connection_id=connection.pk).latest("pk").request_id


def people_wanted(world: World) -> dict[str, str]:
    """Return the ids of an open invitation to acme, and of somebody's wish to join."""
    acme, now, dave = Handle.objects.get(slug="acme"), timezone.now(), make_person("dave@example.com")
    made = invitations.create(acme, Offer(Role.MEMBER, timedelta(days=7)), by=world.alice.user, now=now)
    asked = joining.ask(acme, by=dave.user, now=now)
    assert isinstance(made, Made)
    assert isinstance(asked, JoinRequest)
    return {"invitation_id": str(made.row.pk), "join_request_id": str(asked.pk)}


def token_of(world: World, name: str, handle: str) -> tuple[PersonalAccessToken, str]:
    person, at = getattr(world, name).user, Handle.objects.get(slug=handle)
    scopes = [each for each in personal_tokens.offered() if "." in each]
    made = personal_tokens.create(
        person, at, name="All", scopes=scopes, lifetime=timedelta(days=30), now=timezone.now()
    )
    assert isinstance(made, tuple), made
    return made


def as_person(world: World, name: str) -> Sender:
    http = Http()  # their CSRF token is good: what is refused is the person
    http.force_login(getattr(world, name).user)
    return lambda method, path, body: http.generic(method, path, *encoded(body))


def as_program(secret: str) -> Sender:
    http, headers = Http(), {"Authorization": f"Bearer {secret}"}
    return lambda method, path, body: http.generic(method, path, *encoded(body), headers=headers)


def encoded(body: Any) -> tuple[bytes, str]:
    return json.dumps(body).encode() if body is not None else b"", "application/json"


def state() -> list[Any]:
    """Everything that the operations could change."""
    about_apps = (Connection, PersonalAccessToken, ScopeRequest, TraceStep, ClientRule, ClientPolicy)
    tables = (*about_apps, Handle, Membership, Invitation, JoinRequest)
    return [sorted(table.objects.exclude(pk=None).values_list(*fields_of(table)), key=str) for table in tables]


def fields_of(table: Any) -> list[str]:
    return [field.attname for field in table._meta.concrete_fields if field.attname != "last_used_at"]


def refused(send: Sender, operations: list[Any], rows: dict[str, str]) -> dict[str, int]:
    """Try operations; return the status of each. The rows are made once, for none of the refusals may change them."""
    before, statuses = state(), {}
    for method, path, described_as in operations:
        cache.clear()  # it counts the tries
        told = send(method, path.format(**rows), body_of(described_as))
        name = described_as["operationId"]
        assert told["Content-Type"] == "application/problem+json", (name, told.content)
        assert not any(value in told.content.decode() for key, value in rows.items() if key not in SHORT), name
        assert state() == before, name
        statuses[name] = told.status_code
    return statuses


def all_with(status: int, operations: list[Any]) -> dict[str, int]:
    return dict.fromkeys(named(operations), status)


def test_nobody_is_let_in(world: World, rows: dict[str, str]) -> None:
    told = refused(lambda *asked: Http().generic(*asked[:2], *encoded(asked[2])), OPERATIONS, rows)
    assert told == all_with(401, OPERATIONS)


@pytest.mark.parametrize("name", ["bob", "carol", "admin"])
def test_outsiders_find_nothing(world: World, rows: dict[str, str], name: str) -> None:
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).delete()
    Handle.objects.update(visibility="public")
    assert refused(as_person(world, name), OF_A_HANDLE, rows) == all_with(404, OF_A_HANDLE)


def test_a_program_of_another_handle_finds_nothing(world: World, rows: dict[str, str]) -> None:
    # Lists of its own are tested where they are.
    own = ("/api/v1/me", "/api/v1/handles", "/api/v1/me/connections")
    others = [operation for operation in OPERATIONS if operation[1] not in own]
    told = refused(as_program(token_of(world, "alice", "globex")[1]), others, rows)
    assert len(told) > 30
    assert {name: status for name, status in told.items() if status not in (403, 404)} == {}


@pytest.mark.parametrize("name", ["bob", "carol", "admin"])
def test_a_connection_is_reached_by_its_person_only(world: World, rows: dict[str, str], name: str) -> None:
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).update(role="owner")
    assert refused(as_person(world, name), OWN_ROWS, rows) == all_with(404, OWN_ROWS)


def test_rows_of_one_handle_are_not_reached_through_another(world: World, rows: dict[str, str]) -> None:
    Membership.objects.filter(handle__slug="initech").update(role="owner")
    of_a_row = [operation for operation in OF_A_HANDLE if operation[1].count("{") >= 2]
    told = refused(as_person(world, "bob"), of_a_row, rows | {"handle": "initech"})
    assert told == all_with(404, of_a_row)


def test_a_bridge_credential_reaches_nothing(world: World, rows: dict[str, str]) -> None:
    held = world.connect(world.bob, App.register("Other"), handle="acme")
    assert refused(as_program(held.access), OF_A_HANDLE, rows) == all_with(401, OF_A_HANDLE)
    assert refused(as_program(held.refresh or ""), OF_A_HANDLE, rows) == all_with(401, OF_A_HANDLE)
