"""The tables, and `docs/measured/benchmarks.md` around them."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import Result
from benchmarks.peers.goals import PATHS, Measured, verdicts

TITLES = {
    "introspection": "Introspection of a live opaque access token, by one confidential client",
    "refresh": "Refresh with rotation, public client",
    "code": "Code exchange with PKCE (S256), public client",
    "registration": "Registration of a public client",
    "metadata": "Authorization-server metadata",
    "constant": "A constant answer: what the server's own interface allows",
}
HOW = """\
All servers ran at the same time on one machine, together with the load generator; one was measured while the others
were idle. After a warm-up {rounds} rounds of {seconds:g} seconds per cell, interleaved round by round, server by
server, path by path, the order turning each round; the figures are medians over the rounds. Load: wrk with 32
keep-alive connections, one thread; every answer is read and has to be right. Each number of processes is a run of its
own. The load average was {load} before and {load_after} after. **Only ratios travel between machines.**

- {connections:,} live connections in every database (access token, refresh token, what they hang on), {in_memory:,} at
  most in node-oidc-provider's memory. Introspection asks for 100,000 different tokens or more, from everywhere in the
  table, with `token_type_hint=access_token`.
- Every PostgreSQL is a cluster of its own with the same settings, fsync and synchronous_commit on, reached by a Unix
  socket. Redis keeps an append-only file, synced every second (less durable than PostgreSQL here).
- node-oidc-provider: opaque tokens, dynamic registration, introspection, revocation, rotation, PKCE and resource
  indicators on. Its client is registered (a row), its persons cost nothing (no look-up). Adapters written for this
  benchmark: one indexed table with named statements; Redis with pipelining; Maps in memory, since its own adapter
  forgets all but 1,000 entries. `NODE_ENV=production`, the newest Node.js. Two processes are a node cluster.
- django-oauth-toolkit: the project of its tutorial, no change but PostgreSQL and DEBUG off; granian (WSGI), persistent
  connections. By default it hashes the secret of the client that introspects at every request; "fast secret" has
  `hash_client_secret=False`. The two share one installation; refresh and code do not differ and are told once.
- Glewlwyd: the Debian package; one process with threads. Five indexes that its schema lacks were added (without that on
  its access tokens' scopes each introspection reads a whole table). Its access tokens are signed JWTs that it keeps by
  digest, HMAC being the cheapest signature it has; a client may introspect only what was issued to itself; 100 persons,
  since it looks their rights up without an index.
- CPU is that of the whole process trees of server and database, per 1,000 answers; the load generator is not counted.
- A wrong answer (status, text, timeout, broken connection) counts nowhere as a request and is told below the table.
"""


@dataclass(frozen=True)
class Run:
    """One whole run."""

    measured: Measured
    rounds: int
    seconds: float
    connections: int
    in_memory: int
    versions: Mapping[str, Mapping[str, str]]  # by server
    absent: Mapping[str, str] = field(default_factory=dict)  # by server, why
    load: str = ""
    load_after: str = ""


def tables(run: Run) -> str:
    """A table per path, then the goals."""
    parts = [_path(run, path) for path in PATHS if any(place.path == path for place in run.measured)]
    return "\n".join([*parts, _goals(run)])


def document(run: Run) -> str:
    """The whole of docs/measured/benchmarks.md."""
    absent = [f"- {server}: not measured. {why}" for server, why in run.absent.items()]
    products = [
        f"- {server}: " + ", ".join(f"{name} {at}" for name, at in run.versions[server].items())
        for server in run.versions
    ]
    how = HOW.format(**{field.name: getattr(run, field.name) for field in dataclasses.fields(run)})
    written = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return "\n".join(
        [
            "# Benchmarks beside the peers",
            "",
            f"Written by `./dev bench peers` on {written}; run it to have the figures of your machine.",
            f"Machine: {machine()}.",
            "",
            tables(run),
            "## How it was done",
            "",
            "\n".join([how.rstrip(), *absent, ""]),
            "## Versions",
            "",
            *products,
            "",
        ]
    )


def _path(run: Run, path: str) -> str:
    """One path: a line per server and number of processes."""
    cells = [(place, result) for place, result in run.measured.items() if place.path == path]
    cells.sort(key=lambda cell: (cell[0].processes, -cell[1].requests_per_second))
    lines = [
        f"| {place.server} | {place.processes} | {_number(result.requests_per_second)} | {result.p50_ms:.1f} "
        f"| {result.p99_ms:.1f} | {_number(result.cpu_ms_per_1000)} |"
        for place, result in cells
    ]
    wrong = [f"\n**{place.server}, {place.processes}: {_wrong(result)}**" for place, result in cells if result.wrong]
    head = "| server | processes | req/s | p50 ms | p99 ms | CPU ms per 1,000 |\n|---|---|---|---|---|---|"
    return "\n".join([f"## {TITLES[path]}", "", head, *lines, *wrong, ""])


def _wrong(result: Result) -> str:
    first = " ".join(result.first_wrong.split())[:150]
    return f"{result.wrong:,} of {result.answered:,} answers were wrong, the first: `{first or 'no answer at all'}`"


def _goals(run: Run) -> str:
    found = verdicts(run.measured)
    if not found:
        return ""
    met = {True: "met", False: "**not met**", None: "for information"}
    lines = [
        f"| {found.what} | {found.processes} | {found.wanted} | {found.reached} | {met[found.met]} |" for found in found
    ]
    head = "| goal | processes | wanted | reached | |\n|---|---|---|---|---|"
    return "\n".join(["## Goals", "", head, *lines, ""])


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def machine() -> str:
    """Cores, processor and kernel."""
    lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {model}, {gigabytes:.0f} GB, Linux {platform.release()}"
