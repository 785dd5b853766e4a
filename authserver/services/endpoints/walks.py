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
from django.utils import timezone

from authserver import policy
from authserver.services.endpoints import own_client
from authserver.services.endpoints.places import Kind, Place
from gatehouse.doctor.engine import examine
from gatehouse.doctor.report import Outcome, Report, Step
from gatehouse.words import finding

GENERIC = "generic"
GRACE_SECONDS = 1.0  # for a walk to end by itself, and to tell how far it came
_walkers = ThreadPoolExecutor(policy.ENDPOINTS_CHECKED_AT_ONCE, thread_name_prefix="check-endpoint")


def side_by_side(places: Collection[Place], *, profile: str, seconds: float) -> list[Report]:
    """Walk to these places as one kind of client; return the reports in their order, after `seconds` at the most.

    Registration is the same wherever one comes from: any app registers on its way from the gateway only, a certain app
    from everywhere.
    """
    deadline = time.monotonic() + seconds
    own = own_client.client_id(now=timezone.now()) if profile == GENERIC and not all(map(_registers, places)) else ""
    clients = ["" if profile != GENERIC or _registers(place) else own for place in places]
    under_way = [
        _walkers.submit(_walk, place, profile, client, deadline) for place, client in zip(places, clients, strict=True)
    ]
    wait(under_way, timeout=seconds)
    return [_outcome(future, place, profile, seconds) for future, place in zip(under_way, places, strict=True)]


def _registers(place: Place) -> bool:
    return place.kind == Kind.GATEWAY and settings.REGISTRATION == "open"


def _walk(place: Place, profile: str, client: str, deadline: float) -> Report:
    return examine(
        place.url,
        profile=profile,
        expected_issuer=settings.ISSUER,
        compat_url=place.instead,
        redirect_uris=(own_client.CALLBACK,) if client else (),
        client_id=client,
        seconds=max(0.1, deadline - time.monotonic() - GRACE_SECONDS),
        origins=place.origins,
        keeps_registration=True,  # a public client is one row here, however often it registers
    )


def _outcome(future: Future[Report], place: Place, profile: str, seconds: float) -> Report:
    """Return the report, or that of a walk that did not come back: looking up a name cannot be interrupted."""
    if future.done():
        return future.result()
    future.cancel()
    too_slow = finding("too_slow", url=place.url, seconds=round(seconds))
    step = Step(name="name", outcome=Outcome.FAILED, finding=too_slow)
    return Report(url=place.url, profile=profile, steps=(step,))
