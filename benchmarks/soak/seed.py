"""Fill an empty database with connections, made by the services as Allow and the exchange make them. Prints JSON."""

from __future__ import annotations

import json
import sys
import uuid

import django

django.setup()

from django.db import transaction  # noqa: E402  (models cannot be imported before the set-up)
from django.utils import timezone  # noqa: E402

from authserver.models import AuthorizationCode, Client  # noqa: E402
from authserver.services import catalog, connections  # noqa: E402
from handles import access  # noqa: E402
from tests.people import CALLBACK, GATEWAY, READS, App, World, make_world  # noqa: E402


def main(count: int) -> None:
    world = make_world()
    made = [connect(world, number) for number in range(count)]
    asker = {"id": world.asker.id, "secret": world.asker.secret}
    json.dump({"connections": made, "asker": asker}, sys.stdout)


def connect(world: World, number: int) -> dict[str, str]:
    """Connect one more client of alice's to acme, and return what it holds."""
    app = App.register(f"Client {number}")
    client = Client.objects.get(client_id=app.client_id)
    target, handle = catalog.target_of(GATEWAY), access.find("acme")
    assert target
    assert handle
    scopes = tuple(READS.split())
    approval = connections.Approval(
        world.alice.user, client, handle, target, scopes, scopes, CALLBACK, app.challenge, uuid.uuid4()
    )
    code = connections.approve(approval, now=timezone.now())
    assert isinstance(code, str)
    with transaction.atomic():
        taken = connections.take_code(code, client=client, now=timezone.now())
        assert isinstance(taken, AuthorizationCode)
        pair = connections.redeem(taken, now=timezone.now())
    return {
        "client_id": app.client_id,
        "connection": str(taken.connection.pk),
        "access": pair.access_token,
        "refresh": pair.refresh_token or "",
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
