"""The page of personal access tokens, as data: what may be asked for, what was typed, which tokens there are."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver import policy
from authserver.languages.catalog import catalog_text
from authserver.models import PersonalAccessToken, Scope
from authserver.protocol import scopes
from authserver.protocol.control.scopes import ControlScope
from authserver.services import catalog, personal_tokens
from authserver.views.consent.scope_rows import ScopeGroup, ScopeRow, grouped, needs_role
from handles import roles
from handles.access import Seat
from handles.models import Handle, Membership
from handles.roles import Role, at_least

SALT = "authserver.personal_token"
CONTROL_GROUP = gettext_noop("This handle's control plane (API)")
LIFETIME_DEFAULT = timedelta(days=30)
PER_PAGE = 25


@dataclass(frozen=True)
class Lifetime:
    days: int
    ends_at: datetime
    is_checked: bool


@dataclass(frozen=True)
class ScopeLine:
    """A scope of a token; `works` says whether its person's role reaches it now."""

    name: str
    title: str
    works: bool


@dataclass(frozen=True)
class TokenCard:
    row: PersonalAccessToken
    scopes: tuple[ScopeLine, ...]
    is_expired: bool
    obstacle: str


@dataclass(frozen=True)
class Made:
    """A token just made. Here its secret is shown, and nowhere else."""

    card: TokenCard
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Typed:
    """The form as a person sent it; the empty one before. `form_id` is None where we did not sign it for them."""

    name: str = ""
    scopes: tuple[str, ...] = ()
    lifetime: timedelta = LIFETIME_DEFAULT
    form_id: uuid.UUID | None = None


@dataclass(frozen=True)
class TokensPage:
    seat: Seat
    typed: Typed
    signed: str
    groups: tuple[ScopeGroup, ...]
    lifetimes: tuple[Lifetime, ...]
    mine: tuple[TokenCard, ...]
    others: tuple[TokenCard, ...]
    others_page: Page | None
    made: Made | None
    errors: tuple[str, ...]

    @property
    def has_lists(self) -> bool:
        return bool(self.mine or self.others)


def sign(user: User, handle: Handle) -> str:
    """Return the hidden field of a new form: for this person and handle, good for one token."""
    return signing.dumps({"u": str(user.pk), "h": str(handle.pk), "f": str(uuid.uuid4())}, salt=SALT)


def read(form: QueryDict, user: User, handle: Handle) -> Typed:
    """Return what a person typed. What is no lifetime of ours becomes one that the service refuses."""
    days = form.get("days", "")
    return Typed(
        name=form.get("name", ""),
        scopes=tuple(form.getlist("scope")),
        lifetime=timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0),
        form_id=_form_id(form.get("form", ""), user, handle),
    )


def _form_id(text: str, user: User, handle: Handle) -> uuid.UUID | None:
    try:
        content: dict[str, Any] = signing.loads(text, salt=SALT, max_age=policy.CONSENT_FORM_LIFETIME)
    except signing.BadSignature:
        return None
    return uuid.UUID(content["f"]) if (content["u"], content["h"]) == (str(user.pk), str(handle.pk)) else None


def build(
    seat: Seat,
    user: User,
    *,
    now: datetime,
    number: str = "",
    typed: Typed | None = None,
    made: Made | None = None,
    errors: tuple[str, ...] = (),
) -> TokensPage:
    """Return the page of one handle for this person; `number` is the page of other members' tokens."""
    rows = PersonalAccessToken.objects.filter(handle=seat.handle, ended_at=None).select_related("user", "handle")
    kept = rows.filter(expires_at__gt=now - policy.EXPIRED_TOKENS_SHOWN)
    others = Paginator(kept.exclude(user=user), PER_PAGE).get_page(number) if is_admin(seat) else None
    typed = typed or Typed()
    return TokensPage(
        seat=seat,
        typed=typed,
        signed=sign(user, seat.handle),
        groups=_groups(seat.role, typed),
        lifetimes=tuple(_lifetime(each, typed, now) for each in policy.PERSONAL_TOKEN_LIFETIMES),
        mine=cards(kept.filter(user=user), now),
        others=cards(list(others), now) if others else (),
        others_page=others,
        made=made,
        errors=errors,
    )


def is_admin(seat: Seat) -> bool:
    return at_least(seat.role, Role.ADMIN)


def _lifetime(span: timedelta, typed: Typed, now: datetime) -> Lifetime:
    return Lifetime(days=span.days, ends_at=now + span, is_checked=span == typed.lifetime)


def _groups(role: Role, typed: Typed) -> tuple[ScopeGroup, ...]:
    offered = personal_tokens.offered()
    content = {row.name: row for row in Scope.objects.filter(pk__in=offered)}
    return grouped(_row(rule, content.get(name), role, name in typed.scopes) for name, rule in offered.items())


def _row(rule: scopes.Rule, entry: Scope | None, role: Role, is_checked: bool) -> ScopeRow:
    """Return one scope to tick: of the catalog, or else of the control plane."""
    beyond = not at_least(role, rule.role)
    return ScopeRow(
        name=rule.name,
        title=catalog_text(entry.title) if entry else str(ControlScope(rule.name).label),
        description=catalog_text(entry.description) if entry else "",
        consequence=catalog_text(entry.consequence) if entry else "",
        group=catalog_text(entry.group) if entry else _(CONTROL_GROUP),
        level=rule.level,
        level_label=str(Scope.Level(rule.level).label),
        role_needed=rule.role,
        is_checked=is_checked and not beyond,
        disabled_reason=needs_role(rule.role) if beyond else "",
    )


def cards(rows: Collection[PersonalAccessToken], now: datetime) -> tuple[TokenCard, ...]:
    """Return these tokens as the page shows them, each with what it is worth in the role its person holds now."""
    handles = {row.handle_id for row in rows}
    found = Membership.objects.filter(handle__in=handles, user__in={row.user_id for row in rows})
    held = {(handle, user): role for handle, user, role in found.values_list("handle", "user", "role")}
    offered = personal_tokens.offered()
    titles = catalog.titles()
    return tuple(
        _card(row, roles.known(held.get((row.handle_id, row.user_id))), offered=offered, titles=titles, now=now)
        for row in rows
    )


def _card(
    row: PersonalAccessToken, role: Role | None, *, offered: scopes.Catalog, titles: dict[str, str], now: datetime
) -> TokenCard:
    reached = set(scopes.allowed_to(role, row.scope_list, offered))
    lines = tuple(ScopeLine(name, titles.get(name, name), name in reached) for name in row.scope_list)
    obstacle = ""
    if not row.user.is_active:
        obstacle = _("Its person is deactivated, so it does not work.")
    elif role is None:
        obstacle = _("Its person is no longer a member, so it does not work.")
    return TokenCard(row, lines, is_expired=row.expires_at <= now, obstacle=obstacle)
