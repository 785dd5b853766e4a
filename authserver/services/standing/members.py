"""Members of a handle: added, given another role, removed.

Owners manage everybody; admins manage members. Whoever holds a seat may give it up or lower it. A handle keeps one
owner who can sign in. Every act locks the handle first, so that two owners cannot leave at the same moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver.models import Connection, Event, PersonalAccessToken
from authserver.protocol.errors import Refusal
from authserver.services import connections, events, personal_tokens, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from handles import access
from handles.models import Handle, Membership
from handles.roles import RANK, Role, at_least

NOT_YOURS = Refusal("access_denied", gettext_noop("Your role does not reach so far."), "member:role_too_low")
LAST_OWNER = Refusal("conflict", gettext_noop("A handle keeps at least one owner."), "member:last_owner")
IS_MEMBER = Refusal("conflict", gettext_noop("This person is a member already."), "member:exists")
NO_MEMBER = Refusal("not_found", gettext_noop("This person is not a member."), "member:unknown")


@dataclass(frozen=True)
class _Act:
    """One decision under the handle's lock. `acting` is the role of the person who decides."""

    handle: Handle
    user: User
    by: User
    acting: Role | None
    seat: Membership | None

    @property
    def is_own(self) -> bool:
        return self.user.pk == self.by.pk


def find(email: str) -> User | None:
    """Return the person of this address who can be added: active, the address proven to be theirs; otherwise None.

    An address that nobody has proven is nobody's: whoever signed up with it may not be who reads its mail.
    """
    address = User.objects.normalize_email(email)
    proven = {"emailaddress__email__iexact": address, "emailaddress__verified": True}
    return User.objects.filter(email=address, is_active=True, **proven).first()


@transaction.atomic
def add(handle: Handle, user: User, role: Role, *, by: User, now: datetime) -> Membership | Refusal:
    """Make a person a member in this role, at once and without asking them. Records member:added.

    Refuses: access_denied, reason member:role_too_low; conflict, reason member:exists.
    """
    act = _begin(handle, user, by)
    if not reaches(act.acting, (role,)):
        return NOT_YOURS
    if act.seat:
        return IS_MEMBER
    seat = Membership.objects.create(handle=handle, user=user, role=role, created_at=now)
    _tell(act, Tag.MEMBER_ADDED, now=now, role=role.value)
    return seat


@transaction.atomic
def set_role(handle: Handle, user: User, role: Role, *, by: User, now: datetime) -> Membership | Refusal:
    """Give a member another role; what their connections and tokens are worth changes with it, from the next question
    on. Records member:role_changed, unless it was so before.

    Refuses: access_denied, reason member:role_too_low; conflict, reason member:last_owner; not_found, reason
             member:unknown.
    """
    act = _begin(handle, user, by)
    refusal = _refusal(act, after=role)
    if refusal or act.seat is None:
        return refusal or NO_MEMBER
    seat, before = act.seat, act.seat.role
    if before != role:
        seat.role = role
        seat.save(update_fields=["role"])
        _tell(act, Tag.MEMBER_ROLE_CHANGED, now=now, role=role.value, before=before)
    return seat


@transaction.atomic
def remove(handle: Handle, user: User, *, by: User, now: datetime) -> Refusal | None:
    """Take a person's seat, and end their connections and personal tokens at this handle. Records member:removed, and
    what ending those records.

    Refuses: as `set_role`.
    """
    act = _begin(handle, user, by)
    refusal = _refusal(act, after=None)
    if refusal or act.seat is None:
        return refusal or NO_MEMBER
    act.seat.delete()
    _tell(act, Tag.MEMBER_REMOVED, now=now, before=act.seat.role)
    end_access(handle, user, by=by, now=now)
    return None


def end_access(handle: Handle, user: User, *, by: User, now: datetime) -> None:
    """End what a person who lost their seat had connected or made at this handle."""
    held = Connection.objects.filter(handle=handle, user=user, ended_at=None).order_by("pk")
    connections.revoke_all(held, reason=Connection.EndReason.MEMBER_REMOVED, now=now, by=by)
    tokens = PersonalAccessToken.objects.filter(handle=handle, user=user, ended_at=None).order_by("pk")
    personal_tokens.revoke_all(tokens.select_related("user", "handle"), by=by, now=now)


def _begin(handle: Handle, user: User, by: User) -> _Act:
    """Lock the handle, then the seat, which a token that is being made locks too; and ask again who decides."""
    locked = Handle.objects.select_for_update(no_key=True).get(pk=handle.pk)
    seat = Membership.objects.select_for_update(of=("self",)).filter(handle=locked, user=user).first()
    return _Act(locked, user, by, access.role_in(locked, by), seat)


def _refusal(act: _Act, *, after: Role | None) -> Refusal | None:
    """Return why a seat may not become another (None: no seat at all), or None."""
    if act.seat is None:
        return NO_MEMBER if reaches(act.acting, ()) else NOT_YOURS
    lowers_own = act.is_own and act.acting is not None and (after is None or RANK[after] <= RANK[act.acting])
    if not lowers_own and not reaches(act.acting, (act.seat.role, *((after,) if after else ()))):
        return NOT_YOURS
    if act.seat.role == Role.OWNER and after != Role.OWNER and not _other_owners(act):
        return LAST_OWNER
    return None


def reaches(acting: Role | None, roles: Iterable[str]) -> bool:
    """Tell whether somebody in the role `acting` may give and take all of these roles."""
    if acting is None or not at_least(acting, Role.ADMIN) or Role.PUBLIC in roles:
        return False
    return acting == Role.OWNER or all(role == Role.MEMBER for role in roles)


def _other_owners(act: _Act) -> bool:
    others = Membership.objects.filter(handle=act.handle, role=Role.OWNER, user__is_active=True)
    return others.exclude(user=act.user).exists()


def _tell(act: _Act, tag: Event.Tag, *, now: datetime, role: str = "", before: str = "") -> None:
    """Record the act, `role` being the one held after it and `before` the one until now; empty for none."""
    event = events.record(
        tag,
        actor=Actor.PERSON,
        by=act.by,
        person_id=act.user.pk,
        handle=act.handle.slug,
        role=role,
        before=before,
    )
    receipts.claims_changed(Subject(person=act.user, handle=act.handle), event=event, now=now)
