"""Which SECRET_KEY is in use since when, as the nodes note it."""

from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from authserver import policy
from authserver.models import SecretKeyUse
from authserver.services import events
from authserver.services.events import Actor, Tag

PURPOSE = b"gatehouse name of a secret key"
NAME_BYTES = 5


def name_of(secret: str) -> str:
    """Return what tells one SECRET_KEY from another and does not say what it is."""
    return HKDF(algorithm=SHA256(), length=NAME_BYTES, salt=None, info=PURPOSE).derive(secret.encode()).hex()


def since() -> datetime | None:
    """Return since when today's SECRET_KEY is noted as in use, or None."""
    row = SecretKeyUse.objects.filter(name=name_of(settings.SECRET_KEY)).first()
    return row.taken_up_at if row else None


@transaction.atomic
def take_up(*, now: datetime, again: bool = False) -> None:
    """Note that today's SECRET_KEY is in use, once for all nodes; with `again` also where another was taken up after
    it, as on the way back. Records secret_key:changed where there was another before."""
    name = name_of(settings.SECRET_KEY)
    newest = SecretKeyUse.objects.first()
    if (newest and newest.name == name) or (not again and SecretKeyUse.objects.filter(name=name).exists()):
        return
    _, is_new = SecretKeyUse.objects.update_or_create(name=name, defaults={"taken_up_at": now})
    if newest and (is_new or again):
        events.record(Tag.SECRET_KEY_CHANGED, actor=Actor.SYSTEM, key=name, former=newest.name)


def is_settled(*, now: datetime) -> bool:
    """Tell whether every node should have today's SECRET_KEY by now: it is the one taken up last, for
    policy.RESEAL_AFTER. A node that does not know it yet could not open what is sealed under it."""
    newest = SecretKeyUse.objects.first()
    is_todays = newest is not None and newest.name == name_of(settings.SECRET_KEY)
    return is_todays and newest is not None and newest.taken_up_at <= now - policy.RESEAL_AFTER
