"""`manage.py demo`: create the demo world, and write its passwords and secrets for `./dev up`."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from authserver.models import ProtectedResource, ResourceServer
from authserver.services import resource_servers
from handles.models import Handle, Membership

PEOPLE = [
    ("alice@example.com", "Alice Adams", {"acme": "owner", "globex": "owner"}),
    ("bob@example.com", "Bob Brown", {"acme": "member", "initech": "owner"}),
    ("carol@example.com", "Carol Clark", {}),
]
HANDLES = {"acme": "Acme Inc.", "globex": "Globex", "initech": "Initech"}
ADMINISTRATOR = "admin@example.com"
PLATFORM = ("gateway", "hosted", "compatibility")
PLATFORM_NAMES = ["gateway", "hosted", "compat"]


class Command(BaseCommand):
    help = "Create the demo world (DEMO=1 only) and write DATA_DIR/demo.json, readable by its owner alone."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO or settings.PRODUCTION:
            raise CommandError("The demo world needs DEMO=1 and is refused in production.")
        path = Path(settings.DATA_DIR) / "demo.json"
        if path.exists() and self._is_current(json.loads(path.read_text())):
            return
        with transaction.atomic():
            world = self._create()
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(world, file, indent=1)

    def _is_current(self, world: dict[str, Any]) -> bool:
        """Tell whether this file speaks of this database; a fresh database gets a fresh file."""
        ids = [server["id"] for server in world["resource_servers"]]
        same_place = world["other_resource_url"] == settings.OTHER_RESOURCE_URL
        return same_place and ResourceServer.objects.filter(pk__in=ids).count() == len(ids)

    def _create(self) -> dict[str, Any]:
        for slug, name in HANDLES.items():
            Handle.objects.get_or_create(slug=slug, defaults={"display_name": name})
        people = [self._person(email, name, seats) for email, name, seats in PEOPLE]
        administrator = self._person(ADMINISTRATOR, "Administrator", {}, is_staff=True, is_superuser=True)
        return {
            "people": people,
            "administrator": {
                "email": ADMINISTRATOR,
                "password": administrator["password"],
                "url": f"{settings.ISSUER}/admin/",
            },
            "resource_servers": self._resource_servers(),
            "other_resource_url": settings.OTHER_RESOURCE_URL,
        }

    def _person(self, email: str, name: str, seats: dict[str, str], **flags: bool) -> dict[str, Any]:
        password = secrets.token_urlsafe(12)
        user = User.objects.filter(email=email).first() or User.objects.create_user(email, None, name=name, **flags)
        user.set_password(password)
        user.save()
        EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
        for slug, role in seats.items():
            Membership.objects.update_or_create(
                user=user, handle=Handle.objects.get(slug=slug), defaults={"role": role}
            )
        return {"email": email, "password": password, "handles": seats}

    def _resource_servers(self) -> list[dict[str, Any]]:
        other, _ = ProtectedResource.objects.get_or_create(
            kind=ProtectedResource.Kind.OTHER, name="Other", defaults={"address": settings.OTHER_RESOURCE_URL}
        )
        ProtectedResource.objects.filter(pk=other.pk).update(address=settings.OTHER_RESOURCE_URL)
        ResourceServer.objects.filter(name__startswith="Demo ").delete()
        platform = ProtectedResource.objects.filter(kind__in=PLATFORM)
        first, first_secret = resource_servers.create("Demo resource server", platform)
        second, second_secret = resource_servers.create("Demo other resource server", [other])
        return [
            {"id": str(first.pk), "secret": first_secret, "resources": PLATFORM_NAMES},
            {"id": str(second.pk), "secret": second_secret, "resources": ["other"]},
        ]
