"""Asking to become a member: one question per person and handle, answered by its admins and owners."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver import policy
from authserver.models import Notice
from authserver.protocol.errors import Refusal
from authserver.services import events, notices
from authserver.services.events import Actor, Tag
from authserver.services.standing import members
from handles import access
from handles.models import Handle, JoinRequest, Membership
from handles.roles import Role

DAY = timedelta(days=1)
ASKED = Refusal("conflict", gettext_noop("You have asked already. An answer comes by mail."), "join:asked_already")
TOO_MANY = Refusal(
    "conflict", gettext_noop("Too many people wait for an answer there. Ask an owner in person."), "join:too_many"
)
TOO_OFTEN = Refusal(
    "too_many_requests", gettext_noop("You have asked many handles today. Go on tomorrow."), "join:too_often"
)
CLOSED = Refusal("not_found", gettext_noop("Nobody can be asked there at the moment."), "join:closed")
GONE = Refusal("not_found", gettext_noop("This request has been answered already."), "join:unknown")


def waiting_at(handle: Handle) -> list[JoinRequest]:
    """Return who waits for an answer, who asked first first."""
    return list(JoinRequest.objects.filter(handle=handle, declined_at=None).select_related("user"))


def has_asked(handle: Handle, user: User, *, now: datetime) -> bool:
    """Tell whether this person waits for an answer, or was declined a short while ago: they are not told which."""
    row = JoinRequest.objects.filter(handle=handle, user=user).first()
    return row is not None and not _may_ask_again(row, now)


def _may_ask_again(row: JoinRequest, now: datetime) -> bool:
    return row.declined_at is not None and row.declined_at < now - policy.DECLINED_JOIN_REST


@transaction.atomic
def ask(handle: Handle, *, by: User, now: datetime) -> JoinRequest | Refusal:
    """Ask the owners and admins of a handle for a seat; owes each of them mail. Records join:asked.

    Refuses: not_found, reason join:closed; conflict, reason member:exists, join:asked_already or join:too_many;
             too_many_requests, reason join:too_often.
    """
    locked = Handle.objects.select_for_update(no_key=True).filter(pk=handle.pk, status=Handle.Status.ACTIVE).first()
    if locked is None or not by.is_active:
        return CLOSED
    refusal = _refusal(locked, by, now)
    if refusal:
        return refusal
    row, _ = JoinRequest.objects.update_or_create(
        handle=locked, user=by, defaults={"asked_at": now, "declined_at": None}
    )
    events.record(Tag.JOIN_ASKED, actor=Actor.PERSON, by=by, person_id=by.pk, handle=locked.slug)
    seats = Membership.objects.filter(handle=locked, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    for seat in seats.select_related("user"):
        notices.owe(Notice.Kind.JOIN_ASKED, seat.user, now=now, handle=locked.slug, by=by.email)
    return row


def _refusal(handle: Handle, by: User, now: datetime) -> Refusal | None:
    if Membership.objects.filter(handle=handle, user=by).exists():
        return members.IS_MEMBER
    if has_asked(handle, by, now=now):
        return ASKED
    if JoinRequest.objects.filter(user=by, asked_at__gt=now - DAY).count() >= policy.JOIN_REQUESTS_PER_PERSON_AND_DAY:
        return TOO_OFTEN
    waiting = JoinRequest.objects.filter(handle=handle, declined_at=None).count()
    return TOO_MANY if waiting >= policy.JOIN_REQUESTS_MAX else None


@transaction.atomic
def accept(row: JoinRequest, *, by: User, now: datetime) -> Membership | Refusal:
    """Make the person who asked a member; owes them mail. Records member:added.

    Refuses: as `members.add`; not_found, reason join:unknown.
    """
    locked = _lock(row)
    if locked is None or not locked.user.is_active:
        return GONE
    added = members.add(locked.handle, locked.user, Role.MEMBER, by=by, now=now)
    if isinstance(added, Refusal) and added != members.IS_MEMBER:
        return added
    locked.delete()
    if not isinstance(added, Refusal):
        notices.owe(Notice.Kind.JOIN_ACCEPTED, locked.user, now=now, handle=locked.handle.slug)
    return added


@transaction.atomic
def decline(row: JoinRequest, *, by: User, now: datetime) -> Refusal | None:
    """Say no; the person is not told, and may ask again after policy.DECLINED_JOIN_REST. Records join:declined.

    Refuses: access_denied, reason member:role_too_low; not_found, reason join:unknown.
    """
    locked = _lock(row)
    if locked is None:
        return GONE
    if not members.reaches(access.role_in(locked.handle, by), ()):
        return members.NOT_YOURS
    locked.declined_at = now
    locked.save(update_fields=["declined_at"])
    events.record(Tag.JOIN_DECLINED, actor=Actor.PERSON, by=by, person_id=locked.user_id, handle=locked.handle.slug)
    return None


def _lock(row: JoinRequest) -> JoinRequest | None:
    """Lock the handle, then the request, if it still waits."""
    Handle.objects.select_for_update(no_key=True).filter(pk=row.handle_id).first()
    rows = JoinRequest.objects.select_for_update(of=("self",)).order_by().select_related("handle", "user")
    return rows.filter(pk=row.pk, declined_at=None).first()
