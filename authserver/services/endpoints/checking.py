"""Whether MCP endpoints answer right now, as a person asks who waits for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore

from authserver import policy
from authserver.models import DoctorReport
from authserver.services.endpoints import reports, walks
from authserver.services.endpoints.places import Place
from authserver.services.endpoints.walks import GENERIC

_rounds = BoundedSemaphore(policy.ENDPOINT_ROUNDS_AT_ONCE)


@dataclass(frozen=True)
class Busy:
    """So many checks are under way that another would keep people waiting."""


def check(places: Collection[Place], *, now: datetime, profile: str = GENERIC) -> list[DoctorReport] | Busy:
    """Walk to these places side by side as one kind of client and keep each report. Takes
    policy.ENDPOINT_CHECK_SECONDS at the most, however the endpoints behave. Never inside a transaction."""
    if not _rounds.acquire(blocking=False):
        return Busy()
    try:
        found = walks.side_by_side(places, profile=profile, seconds=policy.ENDPOINT_CHECK_SECONDS)
    finally:
        _rounds.release()
    return [reports.keep(place, report, now=now) for place, report in zip(places, found, strict=True)]
