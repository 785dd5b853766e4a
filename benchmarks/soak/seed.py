"""Fill an empty database with connections, made by the services as Allow and the exchange make them. Prints JSON."""

from __future__ import annotations

import json
import sys
import uuid

import django

django.setup()

from django.utils import timezone  # noqa: E402  (models cannot be imported before the set-up)

from authserver.models import Client, Connection  # noqa: E402
from authserver.protocol.connections.token_requests import CodeRequest, Proof  # noqa: E402
from authserver.services import catalog, connections  # noqa: E402
from authserver.services.connections import Arrived, Issued  # noqa: E402
from authserver.services.events import NO_REQUEST  # noqa: E402
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
    approved = connections.approve(approval, now=timezone.now())
    assert isinstance(approved, connections.Approved)
    asked = CodeRequest(Proof(app.client_id), approved.code, app.verifier, CALLBACK, ())
    pair = connections.exchange(Arrived(asked, NO_REQUEST), now=timezone.now())
    assert isinstance(pair, Issued)
    return {
        "client_id": app.client_id,
        "connection": str(Connection.objects.get(client=client).pk),
        "access": pair.access_token,
        "refresh": pair.refresh_token or "",
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
