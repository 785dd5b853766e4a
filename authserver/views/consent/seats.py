"""The handles that a request can be about for this person, and what each says of the client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext, gettext_lazy

from accounts.models import User
from authserver.protocol.governance import BLOCKED, UNLISTED, UNVERIFIED, Outcome, Verdict
from authserver.services.governance import verdicts
from authserver.toolkit.endpoints import AuthorizationRequest
from authserver.views.consent import dead_ends, standing
from authserver.views.consent.standing import Standing
from authserver.views.errors import ErrorPage
from handles import access
from handles.access import Seat
from handles.models import Handle

NOT_LET_IN = {
    BLOCKED: gettext_lazy("Blocked by an admin of the handle."),
    UNVERIFIED: gettext_lazy("Only verified apps may connect."),
    UNLISTED: gettext_lazy("Only apps on the list of the handle may connect."),
}
WAITS_FIRST = gettext_lazy("An admin of the handle lets new apps in: Allow sends the request to them.")


@dataclass(frozen=True)
class HandleRow:
    """One handle. `has_page` tells whether its page is open to this person: there they find whom to ask."""

    slug: str
    display_name: str
    role: str
    role_label: str
    is_disabled: bool
    reason: str
    is_checked: bool
    has_page: bool


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
            return gettext("Suspended. Ask an owner of the handle.")
        return str(NOT_LET_IN.get(self.verdicts[seat.handle.pk], "")) or self.standing.obstacle(seat.handle)

    def waits(self, seat: Seat) -> bool:
        """Tell whether an admin of this handle has to let the client in first."""
        return self.verdicts[seat.handle.pk].outcome == Outcome.ASK

    @property
    def settled(self) -> Seat | None:
        """The one handle that is in question without asking, or None where the person has to choose."""
        if self.fixed:
            return self.fixed
        return self.usable[0] if len(self.offered) == len(self.usable) == 1 else None

    def chosen(self, slug: str) -> Seat | None:
        """Return the handle that an answer is for. One that is fixed by the resource is never taken from the form."""
        if self.fixed or not slug:
            return self.settled
        return next((seat for seat in self.usable if seat.handle.slug == slug), None)


def seats_for(asked: AuthorizationRequest, user: User) -> Seats | ErrorPage:
    """Return the handles this request can be about for this person, or the page that says why there is none."""
    mine = standing.read(asked, user)
    if asked.target.handle is None:
        offered = tuple(access.seats_of(user))
        return Seats(None, offered, verdicts.verdicts_for([seat.handle for seat in offered], asked.client), mine)
    return _fixed(asked, user, mine)


def _fixed(asked: AuthorizationRequest, user: User, mine: Standing) -> Seats | ErrorPage:
    """Return the one handle that the address names, or the page that says why this person cannot connect there."""
    assert asked.target.handle is not None
    handle = access.find(asked.target.handle)
    if handle is None:
        return dead_ends.unknown_handle(asked)
    if handle.status != Handle.Status.ACTIVE:
        return dead_ends.suspended_handle(handle.slug)
    role = access.role_in(handle, user)
    if role is None:
        return dead_ends.not_a_member(handle.slug, user)
    seat = Seat(handle, role)
    seats = Seats(seat, (), verdicts.verdicts_for([handle], asked.client), mine)
    if mine.obstacle(handle):
        return dead_ends.paused(handle.slug, asked.client, mine.obstacle(handle))
    obstacle = seats.obstacle(seat)
    return dead_ends.not_let_in(handle.slug, asked.client, obstacle) if obstacle else seats


def handle_row(seats: Seats, seat: Seat, *, checked: bool) -> HandleRow:
    obstacle = seats.obstacle(seat)
    return HandleRow(
        slug=seat.handle.slug,
        display_name=seat.handle.display_name,
        role=seat.role.value,
        role_label=str(seat.role.label),
        is_disabled=bool(obstacle),
        reason=obstacle or (str(WAITS_FIRST) if seats.waits(seat) else ""),
        is_checked=checked and not obstacle,
        has_page=seat.is_usable,
    )
