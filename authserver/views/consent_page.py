"""The consent page, as data: who asks, where the answer goes, for which handle, what is asked. Built here, drawn in
`templates/authorize/consent.html`; what a row may do is decided by `protocol.scopes`, not by this page."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from accounts.models import User
from authserver import policy
from authserver.forms import Choice
from authserver.models import Client, Connection, Scope
from authserver.protocol import client_ids, redirects
from authserver.protocol.governance import BLOCKED, UNLISTED, UNVERIFIED, Outcome, Verdict
from authserver.protocol.redirects import Destination
from authserver.toolkit.endpoints import AuthorizationRequest
from authserver.views.consent.standing import Standing
from handles.access import Seat
from handles.roles import Role, at_least

NOT_LET_IN = {
    BLOCKED: "Blocked by an admin of the handle.",
    UNVERIFIED: "Only verified apps may connect.",
    UNLISTED: "Only apps on the list of the handle may connect.",
}
WAITS_FIRST = "An admin of the handle lets new apps in: Allow sends the request to them."


@dataclass(frozen=True)
class ClientView:
    name: str
    monogram: str
    badge: str
    proof_host: str
    verified_note: str
    client_id: str
    website_url: str
    website_host: str
    policy_url: str
    policy_host: str
    terms_url: str
    terms_host: str
    is_changed: bool
    changed_from: str


@dataclass(frozen=True)
class HandleRow:
    slug: str
    display_name: str
    role: str
    role_label: str
    is_disabled: bool
    reason: str
    is_checked: bool


@dataclass(frozen=True)
class ScopeRow:
    name: str
    title: str
    description: str
    consequence: str
    group: str
    level: str
    level_label: str
    is_required: bool
    is_checked: bool
    is_disabled: bool
    disabled_reason: str
    role_needed: str
    is_new: bool
    withheld_at: str


@dataclass(frozen=True)
class ScopeGroup:
    title: str
    rows: tuple[ScopeRow, ...]


@dataclass(frozen=True)
class ConsentPage:
    client: ClientView
    destination: Destination
    person: User
    login_hint_other: str
    fixed_handle: HandleRow | None
    only_handle: HandleRow | None
    handles: tuple[HandleRow, ...]
    groups: tuple[ScopeGroup, ...]
    already: tuple[ScopeRow, ...]
    resumes: bool
    asked_nothing: bool
    lasts: str
    errors: tuple[str, ...]
    signed: str
    action: str
    next: str


@dataclass(frozen=True)
class Seats:
    """The handles that this page can be for: one fixed by the resource, or those to pick from; what each says of the
    client, by the handle's id; and the connections that stand already."""

    fixed: Seat | None
    offered: tuple[Seat, ...]
    verdicts: Mapping[UUID, Verdict] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)

    @property
    def usable(self) -> list[Seat]:
        return [seat for seat in self.offered if not self.obstacle(seat)]

    def obstacle(self, seat: Seat) -> str:
        """Return why this handle cannot be chosen, as a sentence, or nothing."""
        if not seat.is_usable:
            return "Suspended. Ask an owner of the handle."
        return NOT_LET_IN.get(self.verdicts[seat.handle.pk], "") or self.standing.obstacle(seat.handle)

    def waits(self, seat: Seat) -> bool:
        """Tell whether an admin of this handle has to let the client in first."""
        return self.verdicts[seat.handle.pk].outcome == Outcome.ASK

    @property
    def settled(self) -> Seat | None:
        """The one handle that is in question without asking, or None where the person has to choose."""
        if self.fixed:
            return self.fixed
        return self.usable[0] if len(self.offered) == len(self.usable) == 1 else None


def build(
    asked: AuthorizationRequest,
    *,
    user: User,
    seats: Seats,
    signed: str,
    query: str,
    choice: Choice | None = None,
    errors: tuple[str, ...] = (),
) -> ConsentPage:
    """Return the page for this request and person; `choice` is what was posted, where the page comes back."""
    settled = seats.settled
    chosen = choice.handle if choice and choice.handle else _used_before(asked, user)
    focus = settled or next((seat for seat in seats.usable if seat.handle.slug == chosen), None)
    mine = seats.standing.at(focus.handle) if focus else None
    client = client_view(asked.client, allowed=mine or latest_connection(asked.client, user))
    ticked = choice.ticked if choice else _ticked_first(asked, mine)
    rows = rows_of(asked, seats=seats, seat=settled, ticked=ticked)
    new, already = _step_up(rows, mine) if mine and not client.is_changed else (rows, ())
    return ConsentPage(
        client=client,
        destination=redirects.destination(asked.redirect_uri),
        person=user,
        login_hint_other=other_person(asked, user),
        fixed_handle=handle_row(seats, seats.fixed, checked=True) if seats.fixed else None,
        only_handle=handle_row(seats, settled, checked=True) if settled and not seats.fixed else None,
        handles=tuple(
            handle_row(seats, seat, checked=seat.handle.slug == chosen) for seat in _ordered(seats.offered, chosen)
        ),
        groups=tuple(ScopeGroup(title, tuple(each)) for title, each in groupby(new, key=lambda row: row.group)),
        already=already,
        resumes=bool(mine and mine.paused_by),
        asked_nothing=not asked.named_scopes,
        lasts=lasts(asked.client),
        errors=errors,
        signed=signed,
        action="/oauth/authorize",
        next=f"/oauth/authorize?{query}",
    )


def other_person(asked: AuthorizationRequest, user: User) -> str:
    """Return the address of the person the client expected, where that is somebody else, or nothing."""
    return asked.login_hint if "@" in asked.login_hint and asked.login_hint.lower() != user.email else ""


def latest_connection(client: Client, user: User) -> Connection | None:
    """Return the live connection of this person that this client was last allowed for."""
    live = Connection.objects.filter(user=user, client=client, ended_at=None)
    return live.select_related("handle").order_by("-approved_at").first()


def badge_of(client: Client) -> str:
    """Return who vouches for a client: an administrator, the host of its id, or nobody."""
    if client.is_verified:
        return "verified"
    return "document" if client.has_document else "unverified"


def client_view(client: Client, *, allowed: Connection | None = None) -> ClientView:
    """Return what is told of a client; `allowed` is the connection that shows what it was when it was allowed last."""
    known = allowed.client_metadata_digest if allowed else ""
    return ClientView(
        name=client.name,
        monogram=next((letter for letter in client.name if letter.isalnum()), "?").upper(),
        badge=badge_of(client),
        proof_host=client_ids.host_of(client.client_id) if client.has_document else "",
        verified_note="Checked by the people who run this server." if client.is_verified else "",
        client_id=client.client_id,
        website_url=client.website_url,
        website_host=urlsplit(client.website_url).netloc,
        policy_url=client.policy_url,
        policy_host=urlsplit(client.policy_url).netloc,
        terms_url=client.terms_url,
        terms_host=urlsplit(client.terms_url).netloc,
        is_changed=bool(known) and known != client.metadata_digest,
        changed_from=allowed.client_name if allowed and allowed.client_name != client.name else "",
    )


def handle_row(seats: Seats, seat: Seat, *, checked: bool) -> HandleRow:
    obstacle = seats.obstacle(seat)
    return HandleRow(
        slug=seat.handle.slug,
        display_name=seat.handle.display_name,
        role=seat.role.value,
        role_label=str(seat.role.label),
        is_disabled=bool(obstacle),
        reason=obstacle or (WAITS_FIRST if seats.waits(seat) else ""),
        is_checked=checked and not obstacle,
    )


def _used_before(asked: AuthorizationRequest, user: User) -> str:
    """Return the handle of this person's latest live connection of this client, or nothing: a first connection
    preselects none, so that nobody grants for the wrong handle by pressing on."""
    latest = latest_connection(asked.client, user)
    return latest.handle.slug if latest else ""


def _ordered(seats: tuple[Seat, ...], first: str) -> list[Seat]:
    return sorted(seats, key=lambda seat: seat.handle.slug != first)


def _ticked_first(asked: AuthorizationRequest, mine: Connection | None) -> frozenset[str]:
    """Return what is ticked before anybody chose: all but Manage, and what this connection already has."""
    manage = set(Scope.objects.filter(pk__in=asked.wanted, level=Scope.Level.MANAGE).values_list("pk", flat=True))
    return frozenset(set(asked.wanted) - manage | set(mine.scope_list if mine else ()))


def _step_up(rows: tuple[ScopeRow, ...], mine: Connection) -> tuple[tuple[ScopeRow, ...], tuple[ScopeRow, ...]]:
    """Return what is new to a connection, and what it has already. All of one kind needs no telling apart."""
    held = set(mine.scope_list)
    already = tuple(row for row in rows if row.name in held)
    new = tuple(replace(row, is_new=True) for row in rows if row.name not in held)
    return (new, already) if new and already else (rows, ())


def rows_of(
    asked: AuthorizationRequest, *, seats: Seats, seat: Seat | None, ticked: frozenset[str]
) -> tuple[ScopeRow, ...]:
    """Return the scopes of a request as the page shows them, for the handle in question or for one still open."""
    order = {name: place for place, name in enumerate(asked.wanted)}
    shown = sorted(Scope.objects.filter(pk__in=asked.wanted, is_shown=True), key=lambda scope: order[scope.name])
    return tuple(_scope_row(scope, seats=seats, seat=seat, ticked=scope.name in ticked) for scope in shown)


def _scope_row(scope: Scope, *, seats: Seats, seat: Seat | None, ticked: bool) -> ScopeRow:
    reason = _reason_not(scope, seats=seats, seat=seat)
    return ScopeRow(
        name=scope.name,
        title=scope.title,
        description=scope.description,
        consequence=scope.consequence,
        group=scope.group,
        level=scope.level,
        level_label=str(Scope.Level(scope.level).label),
        is_required=scope.is_required,
        is_checked=(ticked or scope.is_required) and not reason,
        is_disabled=bool(reason) or scope.is_required,
        disabled_reason=reason,
        role_needed=scope.role,
        is_new=False,
        withheld_at=seats.standing.withheld_at(scope.name),
    )


def _reason_not(scope: Scope, *, seats: Seats, seat: Seat | None) -> str:
    """Return why a scope cannot be allowed at this handle, as a sentence, or nothing."""
    if seat is None:
        return ""
    if not at_least(seat.role, scope.role):
        return f"Needs the role {Role(scope.role).label.lower()}."
    if scope.name in seats.standing.withheld(seat.handle):
        return f"Withheld by an admin of @{seat.handle.slug}."
    return ""


def lasts(client: Client) -> str:
    minutes = max(1, round(settings.ACCESS_TOKEN_LIFETIME_SECONDS / 60))
    key = f"Each key lives {minutes} minute{'s' if minutes != 1 else ''}."
    if not client.may_refresh:
        return f"{key} Then the app has to ask again."
    return (
        f"Until you disconnect it. Unused for {policy.REFRESH_TOKEN_IDLE_LIFETIME.days} days, it ends by itself. {key}"
    )
