"""What is done to the ledger, and the events that it writes, for test_events.py beside this folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import override_settings
from django.utils import timezone

from authserver.services import ledger, resource_servers
from authserver.services.ledger import exporting
from authserver.services.receipts import keys
from tests.tampering import forget_events

AFTER_THE_MONTH = timedelta(days=40)


def seal(stage: Any) -> None:
    """Seal a month of one event."""
    keys.signer()
    forget_events()
    resource_servers.create("third", [])
    assert len(ledger.seal(now=timezone.now() + AFTER_THE_MONTH)) == 1


def remove(stage: Any) -> None:
    seal(stage)
    month = timezone.now().date().replace(day=1)
    file = [told.line.encode() for told in exporting.of_month(month)]
    with override_settings(LEDGER_RETENTION_MONTHS=0):
        assert ledger.remove(month, file, now=timezone.now() + AFTER_THE_MONTH) == 1


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a month is sealed": (seal, [("resource_server:created", "system"), ("ledger:sealed", "system")]),
    "a month is removed": (remove, [("ledger:sealed", "system"), ("ledger:removed", "system")]),
}
