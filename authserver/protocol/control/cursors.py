"""Where a page of a list goes on: the key of the row that was last on the page before.

A cursor holds a position and nothing else. What the caller may see is asked again for every page, so a made-up cursor
only chooses another place in the caller's own list; there is nothing to sign.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NUMBER = r"^[1-9][0-9]{0,17}$"  # within 63 bits
MOMENT = r"^[0-9]{1,16}-[0-9a-f]{32}$"  # microseconds until the year 2286, and the row's id
SLUG = r"^[a-z0-9-]{1,40}$"
DIGEST = r"^[0-9a-f]{32}$"


@dataclass(frozen=True)
class Moment:
    """A row by when it was made; the id tells rows of the same microsecond apart."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // MICROSECOND}-{self.id.hex}"


def moment(cursor: str) -> Moment:
    """Return the position that a cursor of the form MOMENT names."""
    microseconds, _, key = cursor.partition("-")
    return Moment(EPOCH + int(microseconds) * MICROSECOND, UUID(hex=key))
