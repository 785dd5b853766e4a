"""Walks to MCP endpoints, several side by side, each bounded in time.

The doctor asks this server too, over HTTP, as a client does: so a walk needs a thread of the pages while a page may
wait for it. No deadlock comes of that: rounds that a page waits for are few (policy.ENDPOINT_ROUNDS_AT_ONCE, less than
policy.PAGE_THREADS), and every walk ends in time, whoever keeps silent.

No stranger chooses where a walk leads: the addresses are those of the settings and of the rows that administrators
typed, a handle fills in one label or path segment by its own grammar, and only the origins of the address and of the
issuer are asked. So private addresses are allowed: behind a proxy or in a compose network an endpoint has one.
"""

import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.conf import settings

from authserver import policy
from authserver.services.endpoints.places import Place
from gatehouse.doctor.examination import examine
from gatehouse.doctor.report import Outcome, Report, Step
from gatehouse.words import failed

GENERIC = "generic"
_walkers = ThreadPoolExecutor(policy.ENDPOINTS_CHECKED_AT_ONCE, thread_name_prefix="check-endpoint")


def side_by_side(places: Collection[Place], *, profile: str, seconds: float) -> list[Report]:
    """Walk to these places as one kind of client; return the reports in their order, after `seconds` at the most."""
    deadline = time.monotonic() + seconds
    under_way = [_walkers.submit(_walk, place, profile, deadline) for place in places]
    wait(under_way, timeout=seconds)
    return [_outcome(future, place, profile, seconds) for future, place in zip(under_way, places, strict=True)]


def _walk(place: Place, profile: str, deadline: float) -> Report:
    return examine(
        place.url,
        profile=profile,
        expected_issuer=settings.ISSUER,
        compat_url=place.instead,
        seconds=max(0.1, deadline - time.monotonic()),
        origins=place.origins,
    )


def _outcome(future: Future[Report], place: Place, profile: str, seconds: float) -> Report:
    """Return the report, or that of a walk that did not come back: looking up a name cannot be interrupted."""
    if future.done():
        return future.result()
    future.cancel()
    finding = failed("too_slow", url=place.url, seconds=round(seconds)).finding
    return Report(url=place.url, profile=profile, steps=(Step(name="name", outcome=Outcome.FAILED, finding=finding),))
