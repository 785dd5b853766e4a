"""Resource servers: created, given a new secret. The secret is shown once and kept as a digest."""

from collections.abc import Iterable

from django.db import transaction

from accounts.models import User
from authserver import policy
from authserver.models import ProtectedResource, ResourceServer
from authserver.protocol import credentials
from authserver.services import events
from authserver.services.events import Actor, Tag


@transaction.atomic
def create(name: str, resources: Iterable[ProtectedResource], *, by: User | None = None) -> tuple[ResourceServer, str]:
    """Create a resource server that may ask about these resources; return it and its secret."""
    server = ResourceServer.objects.create(name=name)
    server.resources.set(resources)
    secret = _renew(server)
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(Tag.RESOURCE_SERVER_CREATED, actor=actor, by=by, resource_server=str(server.pk))
    return server, secret


@transaction.atomic
def rotate_secret(server: ResourceServer, *, by: User | None = None) -> str:
    """Give a resource server a new secret, the old one void at once, and return it."""
    secret = _renew(server)
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(Tag.RESOURCE_SERVER_ROTATED, actor=actor, by=by, resource_server=str(server.pk))
    return secret


def _renew(server: ResourceServer) -> str:
    secret = credentials.generate(policy.RESOURCE_SERVER_SECRET_PREFIX)
    server.secret_digest = credentials.digest(secret)
    server.save(update_fields=["secret_digest"])
    return secret
