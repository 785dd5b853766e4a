"""The doctor at night: whose reports are the oldest goes first, a run ends in time, one cause rings once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import pytest

from authserver import policy
from authserver.models import Alarm, DoctorReport, ProtectedResource
from authserver.services.batches import Pace
from authserver.services.endpoints import nightly, reports, walks
from authserver.services.endpoints.places import Place
from gatehouse.doctor.report import Outcome, Report, Step
from gatehouse.words import failed
from handles.models import Handle
from tests.authserver.services.conftest import NOW
from tests.people import GATEWAY, World, compat, hosted

HOSTED = "http://{handle}.mcp.localhost:8001/mcp"
DAY = timedelta(days=1)


class Walks:
    """Stands in for the engine: walks nowhere and finds what it is told to. `walked` has the rounds in their order."""

    def __init__(self) -> None:
        self.walked: list[list[str]] = []
        self.fails: Callable[[Place], bool] = lambda place: False
        self.code = "host_not_found"

    def __call__(self, places: Collection[Place], *, profile: str, seconds: float) -> list[Report]:
        self.walked.append([place.url for place in places])
        return [Report(url=place.url, profile=profile, steps=(self._step(place),)) for place in places]

    def _step(self, place: Place) -> Step:
        if not self.fails(place):
            return Step(name="name", outcome=Outcome.GOOD)
        finding = failed(self.code, host="acme.example", reason="expired").finding
        return Step(name="name", outcome=Outcome.FAILED, sent="look up", got="nothing", finding=finding)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Walks:
    engine = Walks()
    monkeypatch.setattr(walks, "side_by_side", engine)
    return engine


def run(now: datetime = NOW, *, minutes: float = 3) -> int:
    return nightly.run(now=now, pace=Pace(timedelta(minutes=minutes)))


def test_it_goes_to_every_active_handle_and_the_gateway_oldest_first_and_ends_in_time(
    world: World, engine: Walks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ENDPOINT_NIGHTLY_HANDLES_AT_ONCE", 1)
    Handle.objects.filter(slug="initech").update(status="suspended")
    assert run(minutes=0) == 0  # no time
    assert run() == 5
    assert engine.walked == [[GATEWAY], [hosted("acme"), compat("acme")], [hosted("globex"), compat("globex")]]
    assert run(NOW + timedelta(hours=1)) == 0  # nothing is due again
    # The next night: whom nobody has asked yet, then those whose reports are old; what was asked by hand is fresh.
    Handle.objects.filter(slug="initech").update(status="active")
    DoctorReport.objects.filter(handle="globex").update(at=NOW - DAY)
    DoctorReport.objects.filter(handle="").update(at=NOW + DAY)
    engine.walked.clear()
    assert run(NOW + DAY) == 6
    assert [urls[0] for urls in engine.walked] == [hosted("initech"), hosted("globex"), hosted("acme")]
    # An address that is turned off is left out, and a bound keeps one run from reading every handle.
    ProtectedResource.objects.filter(kind="hosted").update(is_active=False)
    monkeypatch.setattr(policy, "ENDPOINT_NIGHTLY_HANDLES_MAX", 2)
    engine.walked.clear()
    run(NOW + 2 * DAY)
    assert engine.walked == [[GATEWAY], [compat("acme")], [compat("globex")]]
    assert not DoctorReport.objects.filter(handle="acme", kind="hosted").exists()


def test_reports_of_what_is_gone_are_removed_and_since_when_something_fails_stays(world: World, engine: Walks) -> None:
    engine.fails = lambda place: place.url == hosted("acme")
    run()
    engine.code = "tls_failed"
    run(NOW + DAY)
    failing = DoctorReport.objects.get(ok=False)
    assert (failing.url, failing.failed_since, failing.at) == (hosted("acme"), NOW, NOW + DAY)
    assert (failing.step, failing.code) == ("name", "tls_failed")
    engine.fails = lambda place: False
    run(NOW + 2 * DAY)
    assert not DoctorReport.objects.exclude(failed_since=None).exists()
    engine.fails = lambda place: place.handle == "acme"
    run(NOW + 3 * DAY)
    Handle.objects.filter(slug="acme").update(status="suspended")
    old = Place("https://draft.example.com/mcp", "other", "globex")
    reports.keep(old, Report(url=old.url, profile="claude"), now=NOW - policy.ENDPOINT_REPORT_KEPT)
    run(NOW + 4 * DAY)
    assert set(DoctorReport.objects.values_list("handle", flat=True)) == {"", "globex", "initech"}
    assert not DoctorReport.objects.filter(url=old.url).exists()
    assert not Alarm.objects.filter(closed_at=None).exists()


def test_one_cause_rings_one_alarm_however_many_handles_it_is_true_of(world: World, engine: Walks) -> None:
    engine.fails = lambda place: place.kind == "hosted" or place.url == compat("globex")
    run()
    wide, single = Alarm.objects.order_by("-subject")
    assert (wide.subject, wide.kind) == (f"{HOSTED} host_not_found", "doctor_failed")
    assert (wide.detail["addresses"], wide.detail["step"], wide.detail["code"]) == (3, "name", "host_not_found")
    assert hosted("acme") in wide.detail["examples"]
    assert (single.subject, single.detail["addresses"]) == (f"{compat('{handle}')} host_not_found", 1)
    # A run that asks nobody rings for nothing again; the next night does, and what is mended is over.
    run(NOW + timedelta(hours=1))
    engine.fails = lambda place: place.url == hosted("initech")
    run(NOW + DAY)
    wide.refresh_from_db()
    single.refresh_from_db()
    assert (wide.count, wide.detail["addresses"], wide.closed_at) == (2, 1, None)
    assert single.closed_at == NOW + DAY
    engine.fails = lambda place: False
    run(NOW + 2 * DAY)
    wide.refresh_from_db()
    assert wide.closed_at == NOW + 2 * DAY
