"""Every fault of the chain that we know of is seeded, and the doctor names it: at its step, by its code, and as what it
is to that client. One table; what else is found beside it is in the row too, so nothing is said that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gatehouse import wire, words
from gatehouse.doctor import network
from gatehouse.doctor.engine import examine
from gatehouse.doctor.report import Outcome
from tests.gatehouse.deployment import Deployment
from tests.gatehouse.doctor import answer_faults, discovery_faults, world
from tests.gatehouse.doctor.world import Fault

ROWS = [*discovery_faults.ROWS, *answer_faults.ROWS]
# Shown in test_walk.py.
ELSEWHERE = {"no_ipv4", "internal_address", "out_of_time", "not_called", "doctor_failed"}


@pytest.fixture
def there() -> Iterator[Deployment]:
    with world.running() as found:
        yield found


@pytest.mark.covers("req:D3", "req:T3", "req:T4", "req:T5", "req:T6", "req:C2", "req:C5", "req:B3")
@pytest.mark.parametrize(("client", "step", "outcome", "codes", "fault", "options", "named"), ROWS)
def test_a_fault_is_named_at_its_step(
    there: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
    step: str,
    outcome: Outcome,
    codes: list[str],
    fault: Fault,
    options: dict[str, Any],
    named: tuple[str, ...],
) -> None:
    # A busy machine is slow and silent by itself, so only where that is the fault.
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 1.0 if "too_slow" in codes else 60)
    monkeypatch.setattr(network, "SLOW_SECONDS", 0.1 if "slow" in codes else 60)
    fault(there)
    asked = {
        name: there.filled(value) if isinstance(value, str) else value
        for name, value in {"url": there.url, **options}.items()
    }
    report = examine(profile=client, **asked)
    taken = {each.name: each for each in report.steps}[step]
    assert sorted(report.codes) == sorted(codes), report
    assert (taken.outcome, taken.finding and taken.finding.code) == (outcome, codes[0])
    assert taken.finding
    for text in named:
        assert there.filled(text) in taken.finding.cause + taken.finding.fix
    assert taken.sent
    assert taken.got


def test_every_code_of_the_doctor_is_in_a_table() -> None:
    seeded = {code for each in ROWS for code in each.values[3]}
    assert set(words.EXAMINING) - ELSEWHERE - seeded == set()
