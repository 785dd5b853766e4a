"""A personal access token made, and ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from authserver import policy
from authserver.models import Notice, PersonalAccessToken
from authserver.protocol import credentials, names
from authserver.protocol import scopes as algebra
from authserver.protocol.errors import Refusal
from authserver.services import events, notices, receipts
from authserver.services.events import Actor, Tag
from authserver.services.personal_tokens.standing import live, offered
from authserver.services.receipts import Subject
from handles import access
from handles.models import Handle, Membership
from handles.roles import Role

Made = tuple[PersonalAccessToken, str]


def _no(description: str, reason: str, *, code: str = "invalid_request") -> Refusal:
    return Refusal(code, description, f"personal_token:{reason}")


NO_MEMBER = _no("Only members of a handle have tokens there.", "no_member", code="access_denied")
NAME = _no(f"Give the token a name of 1 to {policy.TOKEN_NAME_LENGTH_MAX} characters.", "name")
DAYS = ", ".join(str(each.days) for each in policy.PERSONAL_TOKEN_LIFETIMES)
LIFETIME = _no(f"A token lives one of these numbers of days: {DAYS}.", "lifetime")
NO_SCOPE = _no("Choose at least one thing that the token may do.", "no_scope")
SCOPE = _no("One of these scopes does not exist, or is beyond your role at this handle.", "scope")
MAX = policy.PERSONAL_TOKENS_MAX
TOO_MANY = _no(f"You have {MAX} tokens at this handle. Revoke one that you no longer need first.", "too_many")
FORM_USED = _no("This form was sent before: it made one token, and its secret was shown then.", "form_used")


@dataclass(frozen=True)
class _Order:
    """A token as somebody asks for it, its name made fit to be shown."""

    user: User
    handle: Handle
    name: str
    scopes: tuple[str, ...]
    lifetime: timedelta
    form_id: UUID | None


def create(
    user: User,
    handle: Handle,
    *,
    name: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    now: datetime,
    form_id: UUID | None = None,
) -> Made | Refusal:
    """Make a token for this person at this handle; return it and its secret, which nobody can be shown again.

    `form_id` names the form that asks for it: one form, one token, however often it is sent. Records
    personal_token:created and owes the person mail about it.

    Refuses: access_denied, reason personal_token:no_member (guests too); invalid_request, reason personal_token:name,
             :lifetime, :no_scope, :scope (unknown, or beyond the role), :too_many or :form_used.
    """
    order = _Order(user, handle, names.plain(name), tuple(dict.fromkeys(scopes)), lifetime, form_id)
    with transaction.atomic():
        # The membership is locked, so that a change of role or a request beside this one comes before it or after.
        # Itself alone: its order would join the handle and lock that after it; acts on members lock it before.
        Membership.objects.select_for_update(of=("self",)).order_by().filter(handle=handle, user=user).first()
        return _refusal(order, now) or _store(order, now)


def _refusal(order: _Order, now: datetime) -> Refusal | None:
    role = access.role_in(order.handle, order.user)
    if role in (None, Role.PUBLIC):
        return NO_MEMBER
    if not 0 < len(order.name) <= policy.TOKEN_NAME_LENGTH_MAX:
        return NAME
    if order.lifetime not in policy.PERSONAL_TOKEN_LIFETIMES:
        return LIFETIME
    if not order.scopes:
        return NO_SCOPE
    if set(order.scopes) - set(algebra.allowed_to(role, order.scopes, offered())):
        return SCOPE
    many = live(now).filter(user=order.user, handle=order.handle).count() >= policy.PERSONAL_TOKENS_MAX
    return TOO_MANY if many else None


def _store(order: _Order, now: datetime) -> Made | Refusal:
    token = credentials.generate(policy.PERSONAL_ACCESS_TOKEN_PREFIX)
    try:
        with transaction.atomic():
            row = PersonalAccessToken.objects.create(
                user=order.user,
                handle=order.handle,
                name=order.name,
                scopes=" ".join(algebra.ordered(order.scopes, offered())),
                digest=credentials.digest(token),
                hint=token[-4:],
                form_id=order.form_id,
                created_at=now,
                expires_at=now + order.lifetime,
            )
    except IntegrityError:
        return FORM_USED
    _tell(row, now)
    return row, token


def _tell(row: PersonalAccessToken, now: datetime) -> None:
    slug, token = row.handle.slug, str(row.pk)
    events.record(
        Tag.PERSONAL_TOKEN_CREATED,
        actor=Actor.PERSON,
        by=row.user,
        person_id=row.user_id,
        handle=slug,
        token=token,
        scopes=row.scopes,
        expires_at=row.expires_at.isoformat(),
    )
    kind = Notice.Kind.TOKEN_CREATED
    notices.owe(kind, row.user, name=row.name, handle=slug, scopes=row.scope_list, token=token, now=now)


@transaction.atomic
def revoke(row: PersonalAccessToken, *, by: User | None, now: datetime) -> bool:
    """End a token: it is refused from the next request on. Return False if it had ended. Whether `by` may is asked
    by who calls; None is a command. Records personal_token:revoked."""
    ended = PersonalAccessToken.objects.filter(pk=row.pk, ended_at=None).update(ended_at=now)
    if not ended:
        return False
    row.ended_at = now
    own = by is not None and (not by.is_staff or by.pk == row.user_id)
    actor = Actor.SYSTEM if by is None else Actor.PERSON if own else Actor.ADMINISTRATOR
    event = events.record(
        Tag.PERSONAL_TOKEN_REVOKED,
        actor=actor,
        by=by,
        person_id=row.user_id,
        handle=row.handle.slug,
        token=str(row.pk),
    )
    receipts.claims_changed(Subject(person=row.user, handle=row.handle), event=event, now=now)
    return True


def revoke_all(rows: Iterable[PersonalAccessToken], *, by: User | None, now: datetime) -> int:
    """End each of these tokens in a transaction of its own; return how many had not ended before."""
    return sum(revoke(row, by=by, now=now) for row in rows)
