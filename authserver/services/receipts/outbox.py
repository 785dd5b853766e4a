"""What is owed to streams: written in the transaction of the act that it tells of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import User
from authserver import policy
from authserver.models import Client, Connection, Event, EventStream, ProtectedResource, SecurityEvent
from authserver.services import background
from handles.models import Handle

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
SESSION_REVOKED = f"{CAEP}session-revoked"
TOKEN_CLAIMS_CHANGE = f"{CAEP}token-claims-change"


@dataclass(frozen=True)
class Subject:
    """Whose remembered answers an event is about: those that match all that is set. Nothing set: all of them."""

    connection: Connection | None = None
    person: User | None = None
    handle: Handle | None = None
    client: Client | None = None
    resource: ProtectedResource | None = None

    def claim(self, issuer: str) -> dict[str, Any]:
        """Return the `sub_id` claim (RFC 9493 §3.2.8, complex subjects of CAEP). A subject of everything is the
        issuer itself, by the name that the stream has for it."""
        if self.connection:
            return {"format": "complex", "session": {"format": "opaque", "id": str(self.connection.pk)}}
        parts: dict[str, Any] = {"format": "complex"}
        if self.person:
            parts["user"] = {"format": "iss_sub", "iss": issuer, "sub": str(self.person.pk)}
        if self.handle:
            parts["tenant"] = {"format": "opaque", "id": self.handle.slug}
        if self.client:
            parts["application"] = {"format": "opaque", "id": self.client.client_id}
        return parts if len(parts) > 1 else {"format": "uri", "uri": issuer}

    def streams(self) -> Any:
        """Return the streams that have to hear of it: of servers that may ask about the resource in question."""
        found = EventStream.objects.filter(resource_server__is_active=True, status=EventStream.Status.ENABLED)
        resource_id = self.connection.protected_resource_id if self.connection else None
        resource_id = self.resource.pk if self.resource else resource_id
        return found.filter(resource_server__resources=resource_id) if resource_id else found


def session_revoked(subject: Subject, *, event: Event, now: datetime) -> None:
    """Owe every stream concerned the news that this subject's access ended. Call it in the act's transaction."""
    _owe(SESSION_REVOKED, subject, event=event, now=now, content={})


def claims_changed(subject: Subject, *, event: Event, now: datetime) -> None:
    """Owe every stream concerned the news that answers about this subject are different now."""
    content = {"claims": {"scope": " ".join(subject.connection.scope_list)}} if subject.connection else {"claims": {}}
    _owe(TOKEN_CLAIMS_CHANGE, subject, event=event, now=now, content=content)


def _owe(kind: str, subject: Subject, *, event: Event, now: datetime, content: dict[str, Any]) -> None:
    told = {"event_timestamp": int(now.timestamp()), "initiating_entity": _initiator(event)} | content
    claims = {"txn": event.request_id, "events": {kind: told}}
    streams = list(subject.streams())
    due = now - policy.NODE_CLOCK_SKEW  # at once, also for a worker whose clock is behind
    SecurityEvent.objects.bulk_create(
        SecurityEvent(
            stream=stream,
            event_id=event.pk,
            claims=claims | {"sub_id": subject.claim(stream.issuer or settings.ISSUER)},
            created_at=now,
            next_attempt_at=due,
        )
        for stream in streams
    )
    if any(stream.method == EventStream.Method.PUSH for stream in streams):
        background.soon("authserver.tasks.push_security_events")


def _initiator(event: Event) -> str:
    """Return who began it, in CAEP's words (§2)."""
    return {Event.Actor.PERSON: "user", Event.Actor.ADMINISTRATOR: "admin", Event.Actor.SYSTEM: "system"}.get(
        Event.Actor(event.actor), "policy"
    )
