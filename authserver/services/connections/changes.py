"""A connection changed while it lives: narrowed, widened again, paused, resumed. Its credentials stay; the next call
obeys."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.models import Connection, Event, Notice
from authserver.protocol import scopes
from authserver.protocol.scopes import Catalog
from authserver.services import catalog, events, notices, receipts
from authserver.services.connections.standing import lock
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.rehearsals import ending
from handles import access

PausedBy = Connection.PausedBy
RANK = list(PausedBy.values)  # from least to most
PAUSE = ("paused_at", "paused_by", "also_paused_by")
# Whose pauses each may end: an administrator those of a handle's admins too.
ENDS: dict[str, set[str]] = {who: {who} for who in PausedBy.values} | {
    PausedBy.ADMINISTRATOR.value: {PausedBy.ADMINISTRATOR.value, PausedBy.HANDLE_ADMIN.value}
}


@transaction.atomic
def allow_scopes(connection: Connection, ticked: Iterable[str], *, by: User, now: datetime) -> bool:
    """Set what the person allows, among what they allowed or declined before; return whether anything changed.

    Required scopes and those that no page shows stay. What was never asked for here is not added: that is asked on the
    consent page, or answered where it waits (`allow_wish`). What was declined is added only within the person's role.
    Records connection:narrowed or connection:widened.
    """
    locked = lock(connection.pk)
    ending.call_off(locked, by=by, now=now)
    known, marks = catalog.current(), set(ticked)
    before = locked.scopes.split()
    fixed = {name for name in before if name in known and (known[name].is_required or not known[name].is_shown)}
    chosen = [name for name in locked.approved_scopes.split() if name in marks or name in fixed]
    later = _declined_until_now(locked, marks - set(chosen), known)
    if not _set_scopes(locked, "scopes", [*chosen, *later], by=by, now=now):
        return False
    if later:
        locked.approved_scopes = " ".join([*locked.approved_scopes.split(), *later])
        locked.declined_scopes = " ".join(name for name in locked.declined_scopes.split() if name not in later)
        locked.save(update_fields=["approved_scopes", "declined_scopes"])
        notices.owe(Notice.Kind.CONNECTION_WIDENED, locked.user, connection=locked, scopes=later, now=now)
    return True


def _declined_until_now(locked: Connection, ticked: set[str], known: Catalog) -> list[str]:
    """Return what the person left unticked when it was asked for, ticks now, and may allow."""
    role = access.role_in(locked.handle, locked.user)
    return scopes.allowed_to(role, ticked & set(locked.declined_scopes.split()), known)


@transaction.atomic
def withhold(connection: Connection, names: Iterable[str], *, by: User, now: datetime) -> bool:
    """Set what an admin of the handle withholds from a connection, whatever its person allows; return whether anything
    changed. Required scopes are not withheld: pause or end it instead. Records connection:narrowed or :widened."""
    locked = lock(connection.pk)
    ending.call_off(locked, by=by, now=now)  # what it withholds for a while must not be taken for theirs
    known, marks = catalog.current(), set(names)
    chosen = [name for name in known if name in marks and known[name].is_shown and not known[name].is_required]
    return _set_scopes(locked, "withheld_scopes", chosen, by=by, now=now)


def _set_scopes(locked: Connection, field: str, chosen: list[str], *, by: User, now: datetime) -> bool:
    before = set(locked.scope_list)
    if not locked.is_live or set(getattr(locked, field).split()) == set(chosen):
        return False
    setattr(locked, field, " ".join(chosen))
    locked.save(update_fields=[field])
    after = set(locked.scope_list)
    tag = Tag.CONNECTION_WIDENED if after - before else Tag.CONNECTION_NARROWED
    lost, gained = sorted(before - after), sorted(after - before)
    event = events.record(
        tag, actor=Actor.PERSON, by=by, connection=locked, field=field, lost=lost, gained=gained, scopes=locked.scopes
    )
    receipts.claims_changed(Subject(connection=locked), event=event, now=now)
    return True


@transaction.atomic
def pause(connection: Connection, *, who: Connection.PausedBy, by: User, now: datetime, note: str = "") -> bool:
    """Pause a connection: its credentials are worth nothing until it is resumed, and are kept. Return False where it
    has ended, or `who` paused it already. Records connection:paused."""
    locked = lock(connection.pk)
    if not locked.is_live or who in locked.pauses:
        return False
    set_pauses(locked, [*locked.pauses, who], now=now)
    return _paused(locked, Tag.CONNECTION_PAUSED, who=who, by=by, now=now, note=note)


@transaction.atomic
def resume(connection: Connection, *, who: Connection.PausedBy, by: User, now: datetime, note: str = "") -> bool:
    """End the pause that is `who`'s to end; return False where there is none. A person's pause is nobody else's to end,
    and where another one remains the connection stays paused. Records connection:resumed."""
    locked = lock(connection.pk)
    left = [each for each in locked.pauses if each not in ENDS[who]]
    if not locked.is_live or left == locked.pauses:
        return False
    set_pauses(locked, left, now=now)
    return _paused(locked, Tag.CONNECTION_RESUMED, who=who, by=by, now=now, note=note)


def set_pauses(locked: Connection, pauses: list[str], *, now: datetime) -> None:
    """Write into the row, without saving it, whose pauses hold."""
    highest, *others = [*sorted(pauses, key=RANK.index, reverse=True), ""]
    locked.paused_by, locked.also_paused_by = highest, " ".join(others).strip()
    locked.paused_at = (locked.paused_at or now) if pauses else None


def _paused(
    locked: Connection, tag: Event.Tag, *, who: Connection.PausedBy, by: User, now: datetime, note: str
) -> bool:
    locked.save(update_fields=PAUSE)
    actor = Actor.ADMINISTRATOR if who == PausedBy.ADMINISTRATOR else Actor.PERSON
    event = events.record(tag, actor=actor, by=by, connection=locked, who=who, note=note[:500])
    receipts.claims_changed(Subject(connection=locked), event=event, now=now)
    return True
