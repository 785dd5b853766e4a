"""`./dev bench clearing`: how many expired rows a second purges remove, one or several at once."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from benchmarks.hot import common
from benchmarks.ours import DATABASES, ROOT, Gatehouse
from benchmarks.peers import base

BACKLOG = 600_000
SECONDS_FOR_THE_END = 60.0
# As a worker does it: in a process of its own.
WORKER = "import sys; from benchmarks.hot import clearing; clearing.work(float(sys.argv[1]))"


def main(arguments: list[str]) -> None:
    """For each number of workers: add the backlog, purge for a while, and print rates and the times of statements."""
    parser = common.parser("clearing", sizes="1000000", rounds=1, seconds=30.0)
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="expired rows that are added each time")
    parser.add_argument("--workers", default="1,2,4", help="how many purge at once, in turn")
    options = parser.parse_args(arguments)
    for database in options.database:
        with common.up(database, options) as servers:
            for size, server in servers.items():
                measure(server, f"{DATABASES[database]}, {size:,} connections", options)


def measure(server: Gatehouse, name: str, options: argparse.Namespace) -> None:
    print(f"\n{name}, {options.backlog:,} expired rows more each time, {options.seconds:g} s at the most", flush=True)
    heads = ("rows", "rows/s", "in statements s", "statement p50 ms", "p99 ms", "max ms")
    print(f"{'workers':8}" + "".join(f"{head:>18}" for head in heads))
    for workers in map(int, options.workers.split(",")):
        server.made("backlog", options.backlog)
        told = run(server, workers, options.seconds)
        removed, longest = sum(one["removed"] for one in told), max(one["lasted"] for one in told)
        times = sorted(each for one in told for each in one["statements"])
        at_work = sum(times) / 1000
        cells = [removed, removed / longest, at_work, times[len(times) // 2], times[len(times) * 99 // 100], times[-1]]
        print(f"{workers:<8}" + "".join(f"{cell:>18,.1f}" for cell in cells), flush=True)


def run(server: Gatehouse, workers: int, seconds: float) -> list[dict[str, Any]]:
    """Purge in so many processes at once; return what each told."""
    command = (sys.executable, "-c", WORKER, str(seconds))
    with ExitStack() as stack:
        begun = []
        for _ in range(workers):
            process = subprocess.Popen(command, cwd=ROOT, env=server.env, stdout=subprocess.PIPE, text=True)
            stack.callback(base.end, process)
            begun.append(process)
        return [json.loads(process.communicate(timeout=seconds + SECONDS_FOR_THE_END)[0]) for process in begun]


def work(seconds: float) -> None:
    """Purge in this process, and print as JSON how many rows went, how long it took, and each statement's time."""
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from authserver.services import purge
    from authserver.services.batches import Pace

    statements: dict[str, list[float]] = defaultdict(list)

    def timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            statements[" ".join(sql.split()[:3])].append(1000 * (time.perf_counter() - begun))

    removed = 0

    def count(_: str, gone: int) -> None:
        nonlocal removed
        removed += gone

    begun = time.monotonic()
    with connection.execute_wrapper(timed):
        purge.purge_expired(now=timezone.now(), pace=Pace(timedelta(seconds=seconds), count))
    for kind, times in sorted(statements.items(), key=lambda pair: -sum(pair[1]))[:6]:
        print(f"  {kind}: {len(times)} times, {sum(times):,.0f} ms", file=sys.stderr)
    told = {"removed": removed, "lasted": time.monotonic() - begun}
    print(json.dumps(told | {"statements": [each for times in statements.values() for each in times]}))
