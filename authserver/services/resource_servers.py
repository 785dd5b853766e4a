"""Resource servers: created, given a new secret, recognized. The secret is shown once and kept as a digest; the one
before it works on for policy.SECRET_OVERLAP."""

import hmac
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import ProtectedResource, ResourceServer
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import events
from authserver.services.events import Actor, Tag
from authserver.services.rotation import overlap


def create(name: str, resources: Iterable[ProtectedResource], *, by: User | None = None) -> tuple[ResourceServer, str]:
    """Create a resource server that may ask about these resources; return it and its secret."""
    with transaction.atomic():
        server = ResourceServer.objects.create(name=name)
        server.resources.set(resources)
        return server, renew_secret(server, by=by)


@transaction.atomic
def renew_secret(server: ResourceServer, *, by: User | None = None) -> str:
    """Give a resource server its first or a new secret and return it. The old one works on for policy.SECRET_OVERLAP;
    one before that is void at once. Records resource_server:created or resource_server:rotated."""
    server.refresh_from_db(from_queryset=ResourceServer.objects.select_for_update())
    tag = Tag.RESOURCE_SERVER_ROTATED if server.secret_digest else Tag.RESOURCE_SERVER_CREATED
    secret = credentials.generate(policy.RESOURCE_SERVER_SECRET_PREFIX)
    overlap.begin(server, credentials.digest(secret), now=timezone.now())
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(tag, actor=actor, by=by, resource_server=str(server.pk))
    return secret


@transaction.atomic
def end_former_secret(server: ResourceServer, *, by: User | None = None, now: datetime) -> bool:
    """Let the secret before this one work no longer; return whether there was one that did. Records
    resource_server:rotated."""
    server.refresh_from_db(from_queryset=ResourceServer.objects.select_for_update())
    if not overlap.end(server, now=now):
        return False
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    key, change = str(server.pk), "former_secret_ended"
    events.record(Tag.RESOURCE_SERVER_ROTATED, actor=actor, by=by, resource_server=key, change=change)
    return True


def authenticate(server_id: str, secret: str) -> ResourceServer | Refusal:
    """Return the resource server of this id and secret, or invalid_client."""
    key = parse_id(server_id)
    found = ResourceServer.objects.filter(pk=key).first() if key else None
    if found is None:
        return invalid_client("resource_server:unknown")
    former = overlap.former_of(found, now=timezone.now())
    return refusal_of(secret, digest=bytes(found.secret_digest), former=former, is_active=found.is_active) or found


@lru_cache(maxsize=1024)  # the same few ask all day
def parse_id(server_id: str) -> UUID | None:
    """Return the id of a resource server, or None where this is no id."""
    try:
        return UUID(server_id)
    except ValueError:
        return None


def refusal_of(secret: str, *, digest: bytes, former: bytes | None, is_active: bool) -> Refusal | None:
    """Return why a resource server that was found is refused, or None: it is active and the secret is its own, or the
    one before while that still works."""
    if not is_active:
        return invalid_client("resource_server:unknown")
    given = credentials.digest(secret)
    if hmac.compare_digest(digest, given) or (former and hmac.compare_digest(former, given)):
        return None
    return invalid_client("resource_server:secret_wrong")
