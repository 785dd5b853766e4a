"""The acts of this room, and the events that each writes: for tests/authserver/services/test_events.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver.models import Alarm
from authserver.services import alarms
from tests.authserver.services.conftest import NOW


def ring(stage: Any) -> None:
    alarms.ring(Alarm.Kind.REFUSALS_GROW, "code:unknown", now=NOW)


def close(stage: Any) -> None:
    ring(stage)
    alarms.close(Alarm.objects.get(), by=stage.root, now=NOW)


def go_back(stage: Any) -> None:
    ring(stage)
    assert alarms.still(Alarm.Kind.REFUSALS_GROW, "code:unknown", now=NOW)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "an administrator closes an alarm": (close, [("alarm:closed", "administrator")]),
    "an alarm is over by itself, which is no act": (go_back, []),
}
