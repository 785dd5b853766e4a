"""What is done about keys and secrets, and the events of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.test import override_settings

from authserver.models import Client, InitialAccessToken, ResourceServer
from authserver.services import clients, resource_servers
from authserver.services.registration import initial_access
from authserver.services.rotation import use
from tests.authserver.services.conftest import NOW
from tests.tampering import forget_events


def take_up_another_key(stage: Any) -> None:
    use.take_up(now=NOW)
    with override_settings(SECRET_KEY="the one that comes next", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        use.take_up(now=NOW)
        use.take_up(now=NOW)  # by another node


def end_secret_of_server(stage: Any) -> bool:
    server = ResourceServer.objects.get(pk=stage.world.asker.id)
    resource_servers.renew_secret(server)
    forget_events()
    return resource_servers.end_former_secret(server, by=stage.root, now=NOW)


def end_secret_of_client(stage: Any) -> bool:
    client = Client.objects.get(pk=stage.client.pk)
    client.auth_method, client.secret_digest = Client.AuthMethod.POST, b"x" * 32
    client.save()
    clients.rotate_secret(client, by=None, now=NOW)
    forget_events()
    return clients.end_former_secret(client, now=NOW)


def end_secret_of_registrant(stage: Any) -> bool:
    token = InitialAccessToken(name="one")
    for _ in range(2):
        initial_access.renew_secret(token)
    forget_events()
    return initial_access.end_former_secret(token, now=NOW)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "another SECRET_KEY is taken up": (take_up_another_key, [("secret_key:changed", "system")]),
    "a resource server gets a new secret": (
        lambda s: resource_servers.renew_secret(ResourceServer.objects.get(pk=s.world.asker.id), by=s.root),
        [("resource_server:rotated", "administrator")],
    ),
    "its former secret ends": (end_secret_of_server, [("resource_server:rotated", "administrator")]),
    "the former secret of a client ends": (end_secret_of_client, [("client:updated", "system")]),
    "that of a registrant ends": (end_secret_of_registrant, [("initial_access_token:changed", "system")]),
}
