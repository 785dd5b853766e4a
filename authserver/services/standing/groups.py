"""Groups of administrators, and what their members may do in the admin."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from authserver.services import events
from authserver.services.events import Actor, Tag


@transaction.atomic
def save(group: Group, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store a group as an administrator typed it; `changed` names the fields. Records group:changed."""
    group.save()
    _tell(group, by=by, fields=sorted(changed))


@transaction.atomic
def remove(group: Group, *, by: User, now: datetime) -> None:
    """Delete a group: its members lose what it allowed them. Records group:changed."""
    _tell(group, by=by, is_removed=True)
    group.delete()


def _tell(group: Group, *, by: User, fields: list[str] | None = None, is_removed: bool = False) -> None:
    events.record(
        Tag.GROUP_CHANGED,
        actor=Actor.ADMINISTRATOR,
        by=by,
        group=str(group.pk),
        fields=fields or [],
        is_removed=is_removed,
    )
