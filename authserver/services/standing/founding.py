"""A handle that a person makes for themselves: which names are free, and how many one person may have."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver import policy
from authserver.protocol import names
from authserver.protocol.errors import Refusal
from authserver.services import events
from authserver.services.events import Actor, Tag
from handles import slugs
from handles.models import Handle, Membership, RetiredName
from handles.roles import Role

DISPLAY_NAME_LENGTH_MAX = 80


def _no(description: str, reason: str, *, code: str = "invalid_request") -> Refusal:
    return Refusal(code, description, f"handle:{reason}")


NAME_FORM = _no(
    gettext_noop("Use 1 to 40 small letters, digits and hyphens, beginning and ending with a letter or digit."),
    "name_form",
)
NAME_RESERVED = _no(gettext_noop("This name is reserved. Choose another one."), "name_reserved")
# One answer for a name that somebody has and one that nobody may have yet.
NAME_TAKEN = _no(gettext_noop("This name is taken. Choose another one."), "name_taken", code="conflict")
DISPLAY_NAME = _no(gettext_noop("Give the handle a display name of 1 to 80 characters."), "display_name")
TOO_MANY = _no(gettext_noop("You own as many handles as one person may."), "too_many", code="access_denied")
CLOSED = _no(
    gettext_noop("Only the people who run this server create handles here."), "creation_closed", code="access_denied"
)


@dataclass(frozen=True)
class Wish:
    """A handle as a person asks for it, as it was typed."""

    slug: str
    display_name: str
    visibility: Handle.Visibility = Handle.Visibility.PRIVATE


def may_create(user: User) -> bool:
    """Tell whether this person may create handles at all (settings.HANDLE_CREATION)."""
    return user.is_active and (settings.HANDLE_CREATION == "anyone" or user.is_staff)


def problem_with(typed: str, *, by: User, now: datetime) -> Refusal | None:
    """Return why this person cannot have a handle of this name now, or None.

    Refuses: invalid_request, reason handle:name_form or handle:name_reserved; conflict, reason handle:name_taken.
    """
    slug = slugs.parse(typed)
    if slug is None:
        return NAME_FORM
    if slugs.is_reserved(slug):
        return NAME_RESERVED
    rests = RetiredName.objects.filter(slug=slug, retired_at__gt=now - policy.HANDLE_NAME_REST).exclude(owner=by)
    return NAME_TAKEN if Handle.objects.filter(slug=slug).exists() or rests.exists() else None


def create(wish: Wish, *, by: User, now: datetime) -> Handle | Refusal:
    """Make a handle, owned by this person. Two people who ask for one name at the same moment: one of them gets it.
    Records handle:created.

    Refuses: as `problem_with`; invalid_request, reason handle:display_name; access_denied, reason
             handle:creation_closed or handle:too_many.
    """
    try:
        with transaction.atomic():
            # The person is locked, so that two requests of theirs are counted one after the other.
            User.objects.select_for_update(no_key=True).get(pk=by.pk)
            return _refusal(wish, by, now) or _store(wish, by, now)
    except IntegrityError:
        return NAME_TAKEN


def _refusal(wish: Wish, by: User, now: datetime) -> Refusal | None:
    if not may_create(by):
        return CLOSED
    problem = problem_with(wish.slug, by=by, now=now)
    if problem:
        return problem
    if not 0 < len(names.plain(wish.display_name)) <= DISPLAY_NAME_LENGTH_MAX:
        return DISPLAY_NAME
    return TOO_MANY if _held(by, slug=slugs.parse(wish.slug) or "", now=now) >= policy.HANDLES_OWNED_MAX else None


def _held(by: User, *, slug: str, now: datetime) -> int:
    """Count the names that this person has or keeps from others: whoever makes and removes handles in turn must not
    use up names for everybody. The one that they take up again does not count twice."""
    retired = RetiredName.objects.filter(owner=by, retired_at__gt=now - policy.HANDLE_NAME_REST).exclude(slug=slug)
    return Membership.objects.filter(user=by, role=Role.OWNER).count() + retired.count()


def _store(wish: Wish, by: User, now: datetime) -> Handle:
    slug = slugs.parse(wish.slug)
    assert slug is not None
    name = names.plain(wish.display_name)
    handle = Handle.objects.create(slug=slug, display_name=name, visibility=wish.visibility, created_at=now)
    Membership.objects.create(handle=handle, user=by, role=Role.OWNER, created_at=now)
    RetiredName.objects.filter(slug=slug).delete()
    events.record(
        Tag.HANDLE_CREATED,
        actor=Actor.PERSON,
        by=by,
        person_id=by.pk,
        handle=slug,
        fields=["display_name", "visibility"],
        states={"visibility": [None, handle.visibility]},
    )
    return handle
