"""The client that the doctor is where it walks without registering: so a night over many handles makes no row for each,
finds its way where registration is closed, and is told from people's attempts."""

from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, transaction

from authserver import policy
from authserver.models import Client
from authserver.protocol.client_metadata import ClientMetadata
from authserver.services import events, registration
from authserver.services.events import Actor, Tag

CALLBACK = "http://localhost:8765/callback"  # nobody listens there, and no code is ever sent to it
METADATA = ClientMetadata(
    name="Gatehouse doctor",
    redirect_uris=(CALLBACK,),
    auth_method="none",
    may_refresh=True,
    scope="",
    website_url="",
    policy_url="",
    terms_url="",
    software_id="gatehouse-doctor",
    software_version="1",
)


def client_id(*, now: datetime) -> str:
    """Return its id. The first time, make the row and record client:registered."""
    if not Client.objects.filter(client_id=policy.DOCTOR_CLIENT_ID).exists():
        with suppress(IntegrityError):  # another process made it meanwhile
            _make(now)
    return policy.DOCTOR_CLIENT_ID


@transaction.atomic
def _make(now: datetime) -> None:
    source = Client.RegistrationSource.MANUAL  # it does not expire though nobody connects as it
    client = Client(client_id=policy.DOCTOR_CLIENT_ID, registration_source=source, created=now, updated=now)
    registration.apply(client, METADATA)
    client.save()
    events.record(Tag.CLIENT_REGISTERED, actor=Actor.SYSTEM, client=client, source=str(source))
