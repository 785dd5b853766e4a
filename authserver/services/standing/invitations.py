"""Invitations to a handle: made, accepted, declined, revoked.

One by mail is for one address: only a person who has proven that it is theirs finds it, so the mail holds no secret.
One by link is for whoever holds it. Either is worth what its maker may give at the moment it is accepted. Nothing here
tells whether an address has an account. Every act locks the handle first, as acts on members do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver import policy
from authserver.models import Event, Notice
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal
from authserver.services import batches, events, notices, receipts
from authserver.services.batches import Pace
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing import members
from handles import access, roles
from handles.models import Handle, Invitation, Membership
from handles.roles import Role

DAY = timedelta(days=1)
PREFIX = policy.INVITATION_PREFIX


def _no(description: str, reason: str, *, code: str = "invalid_request") -> Refusal:
    return Refusal(code, description, f"invitation:{reason}")


LIFETIME = _no(gettext_noop("Choose how long the invitation is open."), "lifetime")
USES = _no(gettext_noop("A link works for 1 to 500 people, or for as many as come."), "uses")
TOO_MANY = _no(
    gettext_noop("This handle has sent as many invitations as it may for now. Revoke some, or wait until tomorrow."),
    "too_many",
    code="conflict",
)
LATELY = _no(
    gettext_noop("This address has an open invitation, or was invited a short while ago."), "lately", code="conflict"
)
# One answer for what never was, has ended or expired, is for somebody else, or whose maker may no longer give it.
NOT_OPEN = _no(gettext_noop("This invitation is not open any more, or is not for you."), "not_open", code="not_found")


@dataclass(frozen=True)
class Offer:
    """What is offered, as an admin typed it: to one address, or with none to whoever holds the link."""

    role: Role
    lifetime: timedelta
    email: str = ""
    uses_max: int | None = 1


@dataclass(frozen=True)
class Made:
    """An invitation just made; the secret of its link is here and nowhere else."""

    row: Invitation
    secret: str = ""

    def __repr__(self) -> str:
        return f"Made({self.row.pk})"


# --- Made


@transaction.atomic
def create(handle: Handle, offer: Offer, *, by: User, now: datetime) -> Made | Refusal:
    """Invite somebody: owes the mail, or returns the secret of the link. Records invitation:created.

    Refuses: access_denied, reason member:role_too_low; invalid_request, reason invitation:lifetime or :uses; conflict,
             reason member:exists, invitation:lately or :too_many.
    """
    locked = _lock(handle)
    email = User.objects.normalize_email(offer.email)
    refusal = _refusal(locked, offer, email, by, now)
    if refusal or locked is None:
        return refusal or members.NOT_YOURS
    secret = "" if email else credentials.generate(PREFIX)
    row = Invitation.objects.create(
        handle=locked,
        role=offer.role,
        email=email,
        digest=credentials.digest(secret) if secret else None,
        uses_max=1 if email else offer.uses_max,
        made_by=by,
        created_at=now,
        expires_at=now + offer.lifetime,
    )
    if email:
        _owe_mail(row, now)
    _tell(Tag.INVITATION_CREATED, row, by=by, role=row.role, kind="mail" if email else "link")
    return Made(row, secret)


def _refusal(handle: Handle | None, offer: Offer, email: str, by: User, now: datetime) -> Refusal | None:
    if handle is None or not members.reaches(access.role_in(handle, by), (offer.role,)):
        return members.NOT_YOURS
    if offer.lifetime not in policy.INVITATION_LIFETIMES:
        return LIFETIME
    if not email and offer.uses_max is not None and not 0 < offer.uses_max <= policy.INVITATION_USES_MAX:
        return USES
    if email and Membership.objects.filter(handle=handle, user__email=email).exists():
        return members.IS_MEMBER
    if email and _invited_lately(handle, email, now):
        return LATELY
    made = Invitation.objects.filter(handle=handle, created_at__gt=now - DAY).count()
    is_full = is_open(now).filter(handle=handle).count() >= policy.INVITATIONS_OPEN_MAX
    return TOO_MANY if is_full or made >= policy.INVITATIONS_PER_HANDLE_AND_DAY else None


def _invited_lately(handle: Handle, email: str, now: datetime) -> bool:
    """Tell whether another letter would be one too many: nobody is written to again and again, least of all who
    declined."""
    before = Invitation.objects.filter(handle=handle, email=email)
    declined = Q(ending=Invitation.Ending.DECLINED, ended_at__gt=now - policy.DECLINED_INVITATION_REST)
    still = Q(ended_at=None, expires_at__gt=now)
    return before.filter(still | declined | Q(created_at__gt=now - policy.INVITATION_REST)).exists()


def _owe_mail(row: Invitation, now: datetime) -> None:
    notices.owe(
        Notice.Kind.INVITATION,
        None,
        email=row.email,
        now=now,
        handle=row.handle.slug,
        role=row.role,
        by=row.made_by.email,
        invitation=str(row.pk),
        days=(row.expires_at - row.created_at).days,
    )


# --- Found


def is_open(now: datetime) -> QuerySet[Invitation]:
    """Return the invitations that somebody may still accept, as far as they themselves tell."""
    left = Q(uses_max=None) | Q(uses__lt=F("uses_max"))
    return Invitation.objects.filter(left, ended_at=None, expires_at__gt=now).select_related("handle", "made_by")


def by_secret(secret: str, *, now: datetime) -> Invitation | None:
    """Return the open invitation that this link is for, or None."""
    if not credentials.is_well_formed(secret, PREFIX):
        return None
    return is_open(now).filter(digest=credentials.digest(secret)).first()


def proven_addresses(user: User) -> list[str]:
    """Return the addresses that this person has shown to be theirs, in small letters."""
    rows = user.emailaddress_set.filter(verified=True)  # type: ignore[attr-defined]
    return [User.objects.normalize_email(email) for email in rows.values_list("email", flat=True)]


def for_person(user: User, *, held: Iterable[UUID], now: datetime) -> list[Invitation]:
    """Return what waits for this person: sent to an address of theirs, or opened by its link in this browser (`held`);
    not where they are a member already."""
    return [row for row in _sent_to(user, held, now) if is_worth_something(row)]


def find(pk: UUID, *, user: User, held: Iterable[UUID], now: datetime) -> Invitation | None:
    """Return one invitation that waits for this person, as `for_person` says, or None."""
    row = _sent_to(user, held, now).filter(pk=pk).first()
    return row if row and is_worth_something(row) else None


def _sent_to(user: User, held: Iterable[UUID], now: datetime) -> QuerySet[Invitation]:
    mine = Q(email__in=proven_addresses(user)) & ~Q(email="")
    return is_open(now).filter(mine | Q(email="", pk__in=list(held))).exclude(handle__memberships__user=user)


def is_worth_something(row: Invitation) -> bool:
    """Tell whether the one who made it may still give this role."""
    role = roles.known(row.role)
    return role is not None and members.reaches(access.role_in(row.handle, row.made_by), (role,))


def worth_something(rows: Iterable[Invitation], *, at: Handle) -> set[UUID]:
    """Return the ids of those of one handle's invitations whose makers may still give their role; one query for all."""
    found = list(rows)
    held = access.roles_of(at, (row.made_by for row in found))
    return {row.pk for row in found if members.reaches(held.get(row.made_by_id), (row.role,))}


# --- Answered


@transaction.atomic
def accept(row: Invitation, *, by: User, held: Iterable[UUID], now: datetime) -> Membership | Refusal:
    """Make this person a member. Of two who come for the last use, one gets it. Records invitation:accepted and
    member:added.

    Refuses: not_found, reason invitation:not_open; conflict, reason member:exists.
    """
    locked = _taken(row, by, held, now)
    if locked is None:
        is_member = Membership.objects.filter(handle=row.handle_id, user=by).exists()
        return members.IS_MEMBER if is_member else NOT_OPEN
    seat = Membership.objects.create(handle=locked.handle, user=by, role=locked.role, created_at=now)
    locked.uses += 1
    if locked.uses_max is not None and locked.uses >= locked.uses_max:
        locked.ended_at, locked.ending = now, Invitation.Ending.USED
    locked.save(update_fields=["uses", "ended_at", "ending"])
    _tell(Tag.INVITATION_ACCEPTED, locked, by=by, role=locked.role)
    event = _tell(Tag.MEMBER_ADDED, locked, by=by, role=locked.role)
    receipts.claims_changed(Subject(person=by, handle=locked.handle), event=event, now=now)
    return seat


@transaction.atomic
def decline(row: Invitation, *, by: User, held: Iterable[UUID], now: datetime) -> bool:
    """End an invitation that was sent to this person; return whether it was open. One by link is others' too, and
    stays as it is. Records invitation:declined."""
    locked = _taken(row, by, held, now)
    if locked is None or not locked.email:
        return False
    return _end(locked, Invitation.Ending.DECLINED, Tag.INVITATION_DECLINED, by=by, now=now)


@transaction.atomic
def revoke(row: Invitation, *, by: User, now: datetime, actor: Actor = Actor.PERSON) -> bool:
    """End an open invitation; return whether it was. Whether `by` may is asked by who calls. Records
    invitation:revoked."""
    if _lock(row.handle) is None:
        return False
    locked = Invitation.objects.select_for_update(of=("self",)).filter(pk=row.pk, ended_at=None).first()
    if locked is None:
        return False
    return _end(locked, Invitation.Ending.REVOKED, Tag.INVITATION_REVOKED, by=by, now=now, actor=actor)


def _end(
    row: Invitation, ending: Invitation.Ending, tag: Event.Tag, *, by: User, now: datetime, actor: Actor = Actor.PERSON
) -> bool:
    row.ended_at, row.ending = now, ending
    row.save(update_fields=["ended_at", "ending"])
    _tell(tag, row, by=by, actor=actor)
    return True


def _taken(row: Invitation, by: User, held: Iterable[UUID], now: datetime) -> Invitation | None:
    """Lock the handle, then the invitation; return it if it still waits for this person, read under the lock."""
    if _lock(row.handle) is None:
        return None
    Invitation.objects.select_for_update(of=("self",)).order_by().filter(pk=row.pk).first()
    return find(row.pk, user=by, held=held, now=now)


def _lock(handle: Handle) -> Handle | None:
    return Handle.objects.select_for_update(no_key=True).filter(pk=handle.pk).first()


def _tell(tag: Event.Tag, row: Invitation, *, by: User, actor: Actor = Actor.PERSON, **detail: str) -> Event:
    person = by.pk if tag in (Tag.INVITATION_ACCEPTED, Tag.INVITATION_DECLINED, Tag.MEMBER_ADDED) else None
    return events.record(
        tag,
        actor=actor,
        by=by,
        person_id=person,
        handle=row.handle.slug,
        invitation=str(row.pk),
        **detail,  # type: ignore[arg-type]
    )


def forget_old(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove invitations that expired longer ago than policy.INVITATION_RETENTION, with the addresses in them; return
    how many."""
    old = Invitation.objects.filter(expires_at__lt=now - policy.INVITATION_RETENTION)
    return batches.remove(old, by="expires_at", pace=pace or Pace(policy.PURGE_RUN))
