"""What happens to people, handles, clients and the catalog while clients are connected; and small things that stories
share."""

from __future__ import annotations

import re
from typing import Any

from accounts.models import User
from authserver.models import Client, Connection, ProtectedResource, Scope
from authserver.services import catalog
from handles.models import Handle, Membership
from tests.people import App, Person, answer_of

PRESELECTED = re.compile(r'<input type="radio" name="handle" value="([^"]*)"[^>]*\schecked')
OFFERED = re.compile(r'<input type="radio" name="handle" value="([^"]*)"')


def ask_for_code(person: Person, app: App, resource: str, **choice: Any) -> str:
    """Take a client up to its authorization code."""
    page = person.open(app.authorize_url(resource, scope="mcp.connect links.read"))
    return answer_of(person.decide(page, **choice))["code"]


def preselected_on(page: Any) -> list[str]:
    return PRESELECTED.findall(page.content.decode())


def offered_on(page: Any) -> list[str]:
    return OFFERED.findall(page.content.decode())


def live_connections() -> int:
    return Connection.objects.filter(ended_at=None).count()


def leave(person: Person, handle: str) -> None:
    Membership.objects.get(user=person.user, handle__slug=handle).delete()


def join(person: Person, handle: str, role: str = "member") -> None:
    Membership.objects.create(user=person.user, handle=Handle.objects.get(slug=handle), role=role)


def set_role(person: Person, handle: str, role: str) -> None:
    Membership.objects.filter(user=person.user, handle__slug=handle).update(role=role)


def set_handle(handle: str, **fields: Any) -> None:
    Handle.objects.filter(slug=handle).update(**fields)


def set_person(person: Person, **fields: Any) -> None:
    User.objects.filter(email=person.email).update(**fields)


def set_client(app: App, **fields: Any) -> None:
    Client.objects.filter(client_id=app.client_id).update(**fields)


def set_endpoint(kind: str, **fields: Any) -> None:
    ProtectedResource.objects.filter(kind=kind).update(**fields)


def set_scope(name: str, **fields: Any) -> None:
    """Change a scope of the catalog as the admin does."""
    catalog.current()  # tests roll versions back: whoever reads next must not take this change for an older one
    Scope.objects.filter(name=name).update(**fields)
    catalog.touch()
