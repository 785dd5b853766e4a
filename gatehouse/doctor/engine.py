"""The whole walk, step by step: it ends with a report, whatever the servers do."""

import time
from collections.abc import Callable, Collection, Sequence

from gatehouse import wire
from gatehouse.doctor import registering
from gatehouse.doctor.authorizing import ask
from gatehouse.doctor.challenge import look_at_challenge
from gatehouse.doctor.clients import CLIENTS
from gatehouse.doctor.cors import try_as_page
from gatehouse.doctor.endpoints import look_at_endpoints
from gatehouse.doctor.exchanging import exchange
from gatehouse.doctor.line import Line, Origin
from gatehouse.doctor.metadata import read_resource, read_server
from gatehouse.doctor.network import compare_clocks, connect, look_up_name
from gatehouse.doctor.report import Outcome, Report, Step
from gatehouse.doctor.walk import Notes, Skipped, Walk
from gatehouse.words import Failed

SECONDS = 60.0
RESERVED_SECONDS = 3.0  # for the end, where what was registered is removed
Look = Callable[[Walk, Notes], None]
WALK: tuple[tuple[str, Look], ...] = (
    ("name", look_up_name),
    ("connection", connect),
    ("clock", compare_clocks),
    ("challenge", look_at_challenge),
    ("resource_metadata", read_resource),
    ("server_metadata", read_server),
    ("endpoints", look_at_endpoints),
    ("cors", try_as_page),
    ("registration", registering.get_client_id),
    ("authorization", ask),
    ("token", exchange),
)


def examine(
    url: str,
    *,
    profile: str,
    expected_issuer: str = "",
    compat_url: str = "",
    redirect_uris: Sequence[str] = (),
    client_id: str = "",
    seconds: float = SECONDS,
    origins: Collection[str] | None = None,
    keeps_registration: bool = False,
) -> Report:
    """Return what one client (of PROFILES) meets on its way from this MCP URL to a sign-in page.

    `expected_issuer` is the authorization server that is meant, by which `compat_url` is found too: the same handle in
    the path, asked where the host name fails. `redirect_uris` are used instead of the client's own; with `client_id`
    an existing client is examined and none registered. The walk
    takes `seconds` at most and, where `origins` are given (`https://host`), calls no others. What it registers is
    removed, but with `keeps_registration`: for who runs this every night at a server that answers the same
    registration with the same row. Whatever servers do, nothing is raised."""
    began = time.monotonic()
    over_at = began + seconds
    line = Line(over_at - min(RESERVED_SECONDS, seconds / 10), seconds, None if origins is None else _parsed(origins))
    walk = Walk(
        url,
        CLIENTS[profile],
        line,
        resource_name=url,
        expected_issuer=expected_issuer,
        compat_url=compat_url,
        redirect_uris=tuple(redirect_uris),
        client_id=client_id,
    )
    steps = tuple(_take(name, look, walk) for name, look in WALK)
    line.over_at = over_at
    if not keeps_registration or (walk.client and walk.client.secret):
        registering.remove(walk)
    return Report(url=url, profile=profile, steps=steps)


def _parsed(origins: Collection[str]) -> frozenset[Origin]:
    found = set()
    for each in origins:
        try:
            found.add(wire.origin(each))
        except Failed:
            continue  # it allows nothing
    return frozenset(found)


def _take(name: str, look: Look, walk: Walk) -> Step:
    """Take one step. What a server does ends in a finding, and so does a fault of ours."""
    notes = Notes(walk.line)
    try:
        look(walk, notes)
    except Skipped:
        return Step(name=name, outcome=Outcome.SKIPPED)
    except Failed as failure:
        notes.add(failure.finding)
    except Exception as error:
        notes.fail("doctor_failed", kind=type(error).__name__)
    return notes.step(name)
