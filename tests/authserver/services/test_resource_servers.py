"""Resource servers: created and given new secrets, which are shown once and kept as digests."""

from __future__ import annotations

import pytest

from authserver import policy
from authserver.models import Event, ProtectedResource, ResourceServer
from authserver.protocol import credentials
from authserver.services import introspection, resource_servers
from authserver.services.connections import Issued
from tests.authserver.services.conftest import NOW, reason
from tests.people import World
from tests.tampering import forget_events

pytestmark = pytest.mark.django_db


def describe(server: ResourceServer, secret: str, token: str = "x"):
    return introspection.describe(token, asker_id=str(server.pk), asker_secret=secret, now=NOW)


def test_a_secret_is_well_formed_and_only_its_digest_is_kept() -> None:
    server, secret = resource_servers.create("one", [])
    assert credentials.is_well_formed(secret, policy.RESOURCE_SERVER_SECRET_PREFIX)
    assert bytes(ResourceServer.objects.get().secret_digest) == credentials.digest(secret)
    assert secret not in repr(server) + str(vars(server))


def test_a_resource_server_asks_about_its_own_resources_only(world: World, pair: Issued) -> None:
    nothing, secret = resource_servers.create("nothing", [])
    assert describe(nothing, secret, pair.access_token) == {"active": False}
    gateway, secret = resource_servers.create("gateway", ProtectedResource.objects.filter(kind="gateway"))
    assert describe(gateway, secret, pair.access_token)["active"] is True
    hosted, secret = resource_servers.create("hosted", ProtectedResource.objects.filter(kind="hosted"))
    assert describe(hosted, secret, pair.access_token) == {"active": False}


def test_two_resource_servers_never_share_a_secret() -> None:
    assert resource_servers.create("one", [])[1] != resource_servers.create("one", [])[1]


def test_a_resource_server_without_a_secret_lets_nobody_in() -> None:
    server = ResourceServer.objects.create(name="typed by hand")
    for secret in ("", "x"):
        assert reason(describe(server, secret)) == "resource_server:secret_wrong"


def test_the_first_secret_is_the_creation_and_the_next_a_rotation(world: World) -> None:
    server = ResourceServer.objects.create(name="typed by hand")
    forget_events()
    for _ in range(2):
        resource_servers.renew_secret(server, by=world.admin.user)
    events = Event.objects.order_by("id")
    assert [event.tag for event in events] == ["resource_server:created", "resource_server:rotated"]
    assert {event.detail["resource_server"] for event in events} == {str(server.pk)}
    assert {event.actor_id for event in events} == {str(world.admin.user.pk)}
