"""Permissions as pages offer them to be ticked; what a row may do is decided by `protocol.scopes`, not here."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from django.utils.translation import gettext as _

from authserver.languages.catalog import catalog_text, in_sentence
from authserver.models import Connection, Scope
from authserver.toolkit.endpoints import AuthorizationRequest
from authserver.views.consent.seats import Seats
from handles.access import Seat
from handles.roles import Role, at_least


@dataclass(frozen=True)
class ScopeRow:
    """One permission with its box, drawn in `templates/authorize/_scope.html`."""

    name: str
    title: str
    description: str
    consequence: str
    group: str
    level: str
    level_label: str
    role_needed: str
    is_checked: bool
    disabled_reason: str
    is_required: bool = False
    is_new: bool = False
    withheld_at: str = ""

    @property
    def is_disabled(self) -> bool:
        return bool(self.disabled_reason) or self.is_required

    @property
    def withheld_handles(self) -> str:
        return ", ".join(f"@{slug}" for slug in self.withheld_at.split())


@dataclass(frozen=True)
class ScopeGroup:
    title: str
    rows: tuple[ScopeRow, ...]


def grouped(rows: Iterable[ScopeRow]) -> tuple[ScopeGroup, ...]:
    """Return these rows under the titles of their areas, in order."""
    return tuple(ScopeGroup(title, tuple(each)) for title, each in groupby(rows, key=lambda row: row.group))


def scopes_of(asked: AuthorizationRequest) -> list[Scope]:
    """Return the scopes of a request that a page shows, in order."""
    order = {name: place for place, name in enumerate(asked.wanted)}
    return sorted(Scope.objects.filter(pk__in=asked.wanted, is_shown=True), key=lambda scope: order[scope.name])


def rows_of(shown: Iterable[Scope], *, seats: Seats, seat: Seat | None, ticked: frozenset[str]) -> tuple[ScopeRow, ...]:
    """Return scopes as the page shows them, for the handle in question or for one still open."""
    return tuple(_row(scope, seats=seats, seat=seat, is_ticked=scope.name in ticked) for scope in shown)


def step_up(rows: tuple[ScopeRow, ...], mine: Connection) -> tuple[tuple[ScopeRow, ...], tuple[ScopeRow, ...]]:
    """Return what is new to a connection, and what it has already. All of one kind needs no telling apart."""
    held = set(mine.scope_list)
    already = tuple(row for row in rows if row.name in held)
    new = tuple(replace(row, is_new=True) for row in rows if row.name not in held)
    return (new, already) if new and already else (rows, ())


def needs_role(role: str) -> str:
    return _("Needs the role %(role)s.") % {"role": in_sentence(Role(role).label)}


def _row(scope: Scope, *, seats: Seats, seat: Seat | None, is_ticked: bool) -> ScopeRow:
    reason = _reason_not(scope, seats=seats, seat=seat)
    return ScopeRow(
        name=scope.name,
        title=catalog_text(scope.title),
        description=catalog_text(scope.description),
        consequence=catalog_text(scope.consequence),
        group=catalog_text(scope.group),
        level=scope.level,
        level_label=str(Scope.Level(scope.level).label),
        role_needed=scope.role,
        is_checked=(is_ticked or scope.is_required) and not reason,
        disabled_reason=reason,
        is_required=scope.is_required,
        withheld_at=seats.standing.withheld_at(scope.name),
    )


def _reason_not(scope: Scope, *, seats: Seats, seat: Seat | None) -> str:
    """Return why a scope cannot be allowed at this handle, as a sentence, or nothing."""
    if seat is None:
        return ""
    if not at_least(seat.role, scope.role):
        return needs_role(scope.role)
    if scope.name in seats.standing.withheld(seat.handle):
        return _("Withheld by an admin of @%(handle)s.") % {"handle": seat.handle.slug}
    return ""
