"""Every operation, driven by its own description (schemathesis): good input is taken, bad input refused, every answer
has the form that the description gives it, and nothing fails."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.checks import ignored_auth
from schemathesis.config import SchemathesisConfig

from authserver.api.openapi import described
from authserver.models import Client, Connection, ProtectedResource, ScopeRequest
from authserver.protocol.control import cursors
from authserver.services import connections
from authserver.services.standing import invitations, joining
from authserver.services.standing.invitations import Made, Offer
from handles.models import Handle, JoinRequest
from handles.roles import Role
from tests.api.conftest import program, signed_in
from tests.people import GATEWAY, READS, App, World

EXAMPLES = 5
# Which scopes exist is content, not form: a list of made-up ones is good JSON, and refused all the same. So are a name
# of blanks, and a number of uses for an invitation by mail.
HOLDS_CONTENT = ["create_token", "set_own_scopes", "set_withheld_scopes", "set_handle", "create_invitation"]
TAKES = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "403", "404", "409"]}}


def described_for(**phases: dict[str, bool]) -> Any:
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"deterministic": True, "database": "none", "with-security-parameters": False},
            "operations": [{"include-operation-id": HOLDS_CONTENT, "checks": TAKES}],
            "phases": phases,
        }
    )
    found = schemathesis.openapi.from_dict(described(), config=config)
    found.app = get_wsgi_application()
    return found


# One of the two goes through every boundary of every field; the other tries less, with the same checks.
every_boundary = described_for()
schema = described_for(coverage={"enabled": False})


def reconnect() -> None:
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def there(
    world: World, chatgpt: App, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> dict[str, Any]:
    """What exists, by the names of path parameters, so that the operations find something to work on."""
    for limit in ("API_REQUESTS_PER_MINUTE", "API_PUBLIC_REQUESTS_PER_MINUTE", "API_MEMBERS_ADDED_PER_MINUTE"):
        monkeypatch.setattr(f"authserver.policy.{limit}", 1_000_000)
    made = Connection.objects.create(
        user=world.alice.user,
        client=Client.objects.get(client_id=chatgpt.client_id),
        handle=Handle.objects.get(slug="acme"),
        protected_resource=ProtectedResource.objects.get(kind="gateway"),
        resource=GATEWAY,
        scopes=READS,
        approved_scopes=READS,
    )
    connections.wish(made.pk, "links.write", tool="create_link", now=timezone.now())
    caller = signed_in(world.alice)
    cookies = {name: morsel.value for name, morsel in caller.http.cookies.items()}
    found = {
        "handle": "acme",
        "connection_id": str(made.pk),
        "person_id": str(world.bob.user.pk),
        "token_id": str(program(world.bob).row.pk),
        "wish_id": ScopeRequest.objects.get().pk,
        **people_wanted(world),
        "session": {"headers": caller.headers, "cookies": cookies},
        "program": {"headers": program(world.alice).headers},
    }
    # As Django's own test client: a request must not close the connection that holds the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    request.addfinalizer(reconnect)
    return found


def people_wanted(world: World) -> dict[str, Any]:
    """Return the ids of an open invitation to acme, and of somebody's wish to join."""
    acme, now = Handle.objects.get(slug="acme"), timezone.now()
    made = invitations.create(acme, Offer(Role.MEMBER, timedelta(days=7)), by=world.alice.user, now=now)
    asked = joining.ask(acme, by=world.carol.user, now=now)
    assert isinstance(made, Made)
    assert isinstance(asked, JoinRequest)
    return {"invitation_id": str(made.row.pk), "join_request_id": asked.pk}


def is_good(name: str, value: Any) -> bool:
    """Tell whether a generated path parameter is of the form that the description asks for."""
    if name == "handle":
        return re.fullmatch(cursors.SLUG, str(value)) is not None
    if name in ("wish_id", "join_request_id"):
        return str(value).isdigit()
    try:
        return str(UUID(str(value))) == str(value)
    except ValueError:
        return False


def drive(case: Any, there: dict[str, Any], **caller: dict[str, str]) -> None:
    for name, value in (case.path_parameters or {}).items():
        if is_good(name, value):
            case.path_parameters[name] = there[name]
    # The check for ignored authentication takes the bearer away and leaves the cookie: a session it cannot judge.
    answer = case.call_and_validate(excluded_checks=[ignored_auth] if "cookies" in caller else [], **caller)
    assert answer.status_code != 401 or not case.operation.definition.raw.get("security")


@every_boundary.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_a_person_signed_in(case: Any, there: dict[str, Any]) -> None:
    drive(case, there, **there["session"])


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_a_program_with_a_token(case: Any, there: dict[str, Any]) -> None:
    drive(case, there, **there["program"])
