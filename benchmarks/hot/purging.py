"""`./dev bench purge`: what introspection and refresh lose while expired rows are purged."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.hot import common
from benchmarks.load import Result, run, settle
from benchmarks.ours import DATABASES, ROOT, Gatehouse
from benchmarks.peers import base

PATHS = ("introspection", "refresh")
BACKLOG = 300_000
# As a worker does it: in a process of its own.
PURGE = (sys.executable, "-c", "import django; django.setup(); from authserver import tasks; tasks.purge_expired()")


def main(arguments: list[str]) -> None:
    """Measure each path without and with a purge beside it, in turn, and print the ratios of p99."""
    parser = common.parser("purge", sizes="1000000", rounds=3, seconds=10.0)
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="expired rows that wait each time")
    options = parser.parse_args(arguments)
    for database in options.database:
        with common.up(database, options) as servers:
            for size, server in servers.items():
                measure(server, f"{DATABASES[database]}, {size:,} connections", options)


def measure(server: Gatehouse, name: str, options: argparse.Namespace) -> None:
    print(f"\n{name}, {options.backlog:,} expired rows, medians of {options.rounds} rounds of {options.seconds:g} s")
    heads = ("p99 without", "p99 with", "ratio", "req/s without", "req/s with", "purge for s")
    print(f"{'path':18}" + "".join(f"{head:>15}" for head in heads))
    for path in PATHS:
        common.warm_up(server, path)
        rounds = [one_round(server, path, options) for _ in range(options.rounds)]
        without, beside, lasted = zip(*rounds, strict=True)
        ratios = [b.p99_ms / a.p99_ms for a, b in zip(without, beside, strict=True) if a.p99_ms]
        cells = [
            common.median([result.p99_ms for result in without]),
            common.median([result.p99_ms for result in beside]),
            common.median(ratios),
            common.median([result.requests_per_second for result in without]),
            common.median([result.requests_per_second for result in beside]),
            common.median(list(lasted)),
        ]
        print(f"{path:18}" + "".join(f"{cell:>15,.2f}" for cell in cells))


def one_round(server: Gatehouse, path: str, options: argparse.Namespace) -> tuple[Result, Result, float]:
    """Without, with, and for how many seconds of the second run the purge was at work."""
    without = common.load(server, server.target(path, 0), options.seconds)
    server.made("backlog", options.backlog)
    target = server.target(path, 0)
    settle(server.pids, at_most=common.SETTLE_SECONDS)
    begun = time.monotonic()
    purge = subprocess.Popen(PURGE, cwd=ROOT, env=server.env, start_new_session=True)
    try:
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(run, target, connections=common.CONNECTIONS_OF_LOAD, seconds=options.seconds)
            with contextlib.suppress(subprocess.TimeoutExpired):
                purge.wait(options.seconds)
            lasted = time.monotonic() - begun
    finally:
        base.end(purge)
    return without, common.told(beside.result()), lasted
