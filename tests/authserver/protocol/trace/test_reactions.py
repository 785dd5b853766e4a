"""What a client did about a fault, by the signs that came next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from authserver.protocol.trace.reactions import Did, Reaction, Sight, Sign, judge

MET = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NO, FRESH, NEW, OK = Sight.REFUSED, Sight.REFRESHED, Sight.AUTHORIZED, Sight.WORKED


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([], Reaction(Did.GAVE_UP)),
        ([(1, NO), (2, NO)], Reaction(Did.GAVE_UP, refusals=2)),
        ([(0.4, FRESH)], Reaction(Did.REFRESHED, 400)),
        ([(0.4, FRESH), (0.5, OK), (2, OK)], Reaction(Did.REFRESHED, 400, 0, 500)),
        ([(2, OK), (0.4, FRESH), (0.5, OK)], Reaction(Did.REFRESHED, 400, 0, 500)),
        ([(1, NO), (2, NO), (3, OK)], Reaction(Did.WENT_ON, 3000, 2, 3000)),
        ([(0.1, FRESH), (0.2, NO), (12, NEW), (13, OK)], Reaction(Did.AUTHORIZED, 12000, 1, 13000)),
        ([(1, OK), (60, FRESH), (90, NEW)], Reaction(Did.WENT_ON, 1000, 0, 1000)),
        ([(-1, OK)], Reaction(Did.WENT_ON, 0, 0, 0)),
    ],
)
def test_what_got_it_further_is_what_it_did(signs: list[tuple[float, Sight]], expected: Reaction) -> None:
    told = [Sign(MET + timedelta(seconds=after), sight) for after, sight in signs]
    found = judge(told, met_at=MET)
    assert found == expected
    assert Reaction.of(found.stored()) == found
