"""Many rows are gone through in small steps, each once, in time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from authserver.models import SeenAssertion
from authserver.services import batches
from authserver.services.batches import Pace
from tests.authserver.services.conftest import NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 3)


def make(count: int) -> None:
    """Make rows of which five at a time have the same time: more than a batch."""
    SeenAssertion.objects.bulk_create(
        SeenAssertion(digest=bytes([number]), expires_at=NOW + number // 5 * MINUTE) for number in range(count)
    )


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 6, 17])
def test_every_row_is_met_once_also_where_many_have_the_same_time(count: int) -> None:
    make(count)
    seen = [
        row for batch in batches.walk(SeenAssertion.objects.all(), by="expires_at", pace=Pace(MINUTE)) for row in batch
    ]
    assert sorted(bytes(key) for key, _ in seen) == [bytes([number]) for number in range(count)]
    assert [at for _, at in seen] == sorted(at for _, at in seen)


def test_what_is_added_behind_does_not_stop_it_and_comes_next_time() -> None:
    make(6)
    walk = batches.walk(SeenAssertion.objects.all(), by="expires_at", pace=Pace(MINUTE))
    next(walk)
    SeenAssertion.objects.create(digest=b"early", expires_at=NOW - MINUTE)
    assert b"early" not in {bytes(row[0]) for batch in walk for row in batch}


def test_it_removes_what_matches_and_nothing_else_and_tells_how_many() -> None:
    make(10)
    told: list[tuple[str, int]] = []
    pace = Pace(MINUTE, lambda table, count: told.append((table, count)))
    assert batches.remove(SeenAssertion.objects.filter(expires_at__lt=NOW + MINUTE), by="expires_at", pace=pace) == 5
    assert SeenAssertion.objects.count() == 5
    assert told == [("seen assertions", 3), ("seen assertions", 2)]


def test_what_no_longer_matches_when_its_turn_comes_stays() -> None:
    make(2)

    def renew(keys: list[bytes]) -> None:
        SeenAssertion.objects.filter(pk=keys[0]).update(expires_at=NOW + MINUTE)

    old = SeenAssertion.objects.filter(expires_at__lte=NOW)
    assert batches.remove(old, by="expires_at", pace=Pace(MINUTE), before=renew) == 1
    assert SeenAssertion.objects.get().expires_at == NOW + MINUTE


def test_it_stops_when_the_time_is_over() -> None:
    make(10)
    pace = Pace(timedelta())
    assert batches.remove(SeenAssertion.objects.all(), by="expires_at", pace=pace) == 0
    assert SeenAssertion.objects.count() == 10


def test_after_each_step_it_rests_as_long_as_the_step_took(monkeypatch: pytest.MonkeyPatch) -> None:
    times, rests = iter([10.0, 10.5, 10.75]), []
    pace = Pace(MINUTE)
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    monkeypatch.setattr(time, "sleep", rests.append)
    with pace.step():
        assert next(times) == 10.5
    assert rests == [0.75]
