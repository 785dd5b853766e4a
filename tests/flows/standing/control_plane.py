"""The pages on which admins of a handle see and end its connections, as a person with a browser uses them; and the
streams of resource servers that remember answers."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.utils import timezone

from authserver.models import Connection, Event, EventStream, ResourceServer, SecurityEvent
from tests.flows.governance.control_plane import words_of
from tests.people import Person, World

CONNECTIONS = "/handles/acme/connections"
CARD = re.compile(r'<li class="card connection" aria-label="([^"]*)"')
FORM = re.compile(r"<form.*?</form>", re.DOTALL)


def listed(person: Person, query: str = "") -> list[str]:
    """The names of the connections on a page of the list, in its order."""
    return names_on(person.http.get(f"{CONNECTIONS}?{query}"))


def names_on(page: Any) -> list[str]:
    assert page.status_code == 200, page.status_code
    return [unescape(name) for name in CARD.findall(page.content.decode())]


def press(person: Person, name: str, page: Any = None, **changes: str) -> Any:
    """Press the button of this accessible name, or of this text, on a page; the list where none is given."""
    page = page or person.http.get(CONNECTIONS)
    for form in FORM.findall(page.content.decode()):
        button = re.search(r'<button[^>]*?(?: aria-label="([^"]*)")?>([^<]*)</button>', form)
        if button and name in (unescape(button[1] or ""), unescape(button[2])):
            fields: dict[str, Any] = {}
            for key, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
                fields.setdefault(key, []).append(unescape(value))
            ticked = re.findall(r'<input type="checkbox" name="scope" value="([^"]*)" checked', form)
            sent = fields | ({"scope": ticked} if "shown" in fields else {}) | changes
            return person.http.post(re.findall(r'action="([^"]*)"', form)[0], sent, follow=True)
    raise AssertionError(f"no button {name!r}: {words_of(page)}")


def has_button(person: Person, name: str) -> bool:
    return f'aria-label="{name}"' in unescape(person.http.get(CONNECTIONS).content.decode())


def of(world: World, access: str) -> Connection:
    return Connection.objects.get(pk=world.asker.knows(access)["connection_id"])


def make_stream(asker_id: str) -> EventStream:
    """A resource server that remembers answers and polls for what changes."""
    now = timezone.now()
    return EventStream.objects.create(
        resource_server=ResourceServer.objects.get(pk=asker_id), method=EventStream.Method.POLL, created_at=now
    )


def owed(stream: EventStream, tag: str) -> list[dict[str, Any]]:
    """What this stream is owed about the events of one tag: the `sub_id` of each."""
    ids = Event.objects.filter(tag=tag).values_list("pk", flat=True)
    rows = SecurityEvent.objects.filter(stream=stream, event_id__in=list(ids)).order_by("created_at")
    return [row.claims["sub_id"] for row in rows]
