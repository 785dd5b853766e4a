"""The choice of a handle: those listed, those that a search finds. Of very many the page lists a part, and the server
searches; of fewer the script filters as one types."""

from dataclasses import dataclass

from django.utils.translation import ngettext

from authserver import policy
from authserver.forms import Choice
from authserver.views.consent.seats import HandleRow, Seats, handle_row
from authserver.views.consent.words import plurals
from handles.access import Seat

SEARCHED_FROM = 7  # handles; fewer are read at a glance


@dataclass(frozen=True)
class Picker:
    """`found` of `count` handles fit the `search`; `rows` are the first of them, the chosen one always among them."""

    rows: tuple[HandleRow, ...]
    search: str
    found: int
    count: int
    goes_to_list: bool

    @property
    def has_search(self) -> bool:
        return self.count >= SEARCHED_FROM

    @property
    def is_whole(self) -> bool:
        """Tell whether every handle is on the page, so that a script can filter them."""
        return self.count <= policy.HANDLES_LISTED_MAX and not self.search

    @property
    def left_out(self) -> int:
        return max(0, self.found - policy.HANDLES_LISTED_MAX)

    @property
    def status(self) -> str:
        """Say how many fit."""
        return _shown(self.found) % {"count": self.found}

    @property
    def words(self) -> str:
        return plurals(_shown)


def _shown(count: int) -> str:
    return ngettext("%(count)d handle shown", "%(count)d handles shown", count)


def build(seats: Seats, *, chosen: str, choice: Choice | None) -> Picker:
    """Return the picker; the handle that is chosen, or was used last, comes first, then as the seats come."""
    search = choice.search if choice else ""
    wanted = search.removeprefix("@").casefold()
    fitting = [seat for seat in seats.offered if _fits(seat, wanted)]
    first = [seat for seat in seats.offered if seat.handle.slug == chosen]
    rest = [seat for seat in fitting if seat not in first]
    listed = [*first, *rest[: policy.HANDLES_LISTED_MAX]]
    return Picker(
        rows=tuple(handle_row(seats, seat, checked=seat.handle.slug == chosen) for seat in listed),
        search=search,
        found=len(fitting),
        count=len(seats.offered),
        goes_to_list=bool(choice and choice.is_search and rest),
    )


def _fits(seat: Seat, wanted: str) -> bool:
    return wanted in seat.handle.slug or wanted in seat.handle.display_name.casefold()
