"""`./dev bench peers`: every server on every path, in one run; the tables of docs/measured/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import MissingProgram, Result, Target, run, settle
from benchmarks.ours import Gatehouse
from benchmarks.peers import base, glewlwyd, nginx, node_oidc_provider, report, stock_django_oauth_toolkit
from benchmarks.peers.base import Server
from benchmarks.peers.goals import OURS_ON_SQLITE, PATHS, Place, medians

DOCUMENT = base.ROOT / "docs" / "measured" / "benchmarks.md"
QUIET_SECONDS = 45  # at most, for what a run left behind: 32 requests that each hash a secret
WARM_UP_SECONDS = 1.0
FEWEST = 10_000
FIRST_COUNT = 15_000  # codes for the warm-up, whose rate tells how many a round needs
SLOW_SECONDS = 8.0  # for some tens of answers, when each is a quarter of a second of hashing
ONE_PROCESS_ONLY = {OURS_ON_SQLITE}  # one process writes: a single file


def main(arguments: list[str]) -> None:
    """Measure, print, write; leave with 1 if anything answered wrong."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # as after Ctrl-C, nothing is left behind
    servers = [server for server in lineup() if wanted(server.name, options.only)]
    with tempfile.TemporaryDirectory(prefix="gh-peers-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # PostgreSQL may run as another user, who has to pass
        try:
            found = measure(servers, options, Path(folder))
        except MissingProgram as missing:
            sys.exit(f"./dev bench peers: {missing}")
    print("\n" + report.tables(found))
    if options.only or set(options.paths) != set(PATHS):
        print(f"Only a part was measured: {DOCUMENT.relative_to(base.ROOT)} stays as it is.")
    else:
        DOCUMENT.write_text(report.document(found))
        print(f"Wrote {DOCUMENT.relative_to(base.ROOT)}.")
    sys.exit(any(result.wrong for result in found.measured.values()))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="./dev bench peers", description="Every peer beside us, in one run.")
    parser.add_argument("--connections", type=_connections, default=1_000_000, help="live ones in each database")
    parser.add_argument("--rounds", type=_count, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="per server, path and round")
    parser.add_argument("--processes", type=_counts, default=(1, 2), help="a run for each, such as 1,2")
    parser.add_argument("--only", default="", help="servers whose name holds one of these texts: node,stock")
    parser.add_argument("--paths", type=_paths, default=PATHS, help=", ".join(PATHS))
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one at least")
    return number


def _connections(text: str) -> int:
    number = int(text)
    if number < FEWEST:
        raise argparse.ArgumentTypeError(f"{FEWEST:,} at least: each round refreshes others")
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(_count, text.split(",")))


def _paths(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := set(wanted) - set(PATHS):
        raise argparse.ArgumentTypeError(f"no such path: {', '.join(sorted(unknown))}")
    return wanted


def wanted(name: str, texts: str) -> bool:
    """Tell whether a server of this name is among those asked for; nothing asked for is all."""
    return any(text.casefold() in name.casefold() for text in texts.split(","))


def lineup() -> tuple[Server, ...]:
    """Us, the peers, and the limit of the machine."""
    ours = (Gatehouse("postgresql"), Gatehouse("sqlite"))
    return (*ours, *node_oidc_provider.ALL, *stock_django_oauth_toolkit.ALL, *glewlwyd.ALL, *nginx.ALL)


def measure(servers: Sequence[Server], options: argparse.Namespace, folder: Path) -> report.Run:
    """The whole run: every server up at once, one measured at a time."""
    versions: dict[str, dict[str, str]] = {}
    absent: dict[str, str] = {}
    rounds: list[tuple[Place, Result]] = []
    before = _load()
    with ExitStack() as running:
        for server in servers:
            running.callback(server.stop)
        for processes in options.processes:
            up = [server for server in servers if started(server, folder, processes, options, absent)]
            versions |= {server.name: server.versions() for server in up}
            rounds += measured(up, processes, options)
    return report.Run(
        medians(rounds), options.rounds, options.seconds, options.connections, node_oidc_provider.MOST_IN_MEMORY,
        versions, {name: why for name, why in absent.items() if name not in versions}, before, _load(),
    )  # fmt: skip


def started(server: Server, folder: Path, processes: int, options: argparse.Namespace, absent: dict[str, str]) -> bool:
    """Start a server, or say why it is not measured."""
    if server.name in ONE_PROCESS_ONLY and processes > 1:
        return False
    say(f"starting {server.name}, processes: {processes}")
    place = folder / "".join(letter if letter.isalnum() else "-" for letter in server.name)
    try:
        place.mkdir(exist_ok=True)
        server.start(place, connections=options.connections, processes=processes)
    except (base.Missing, RuntimeError, subprocess.CalledProcessError) as reason:
        say(f"{server.name} is not measured: {reason}")
        absent[server.name] = " ".join(str(reason).split())[:300]
        return False
    return True


def measured(servers: Sequence[Server], processes: int, options: argparse.Namespace) -> Iterator[tuple[Place, Result]]:
    """Every cell of every round; what warms up beforehand is not counted, unless it answers wrong."""
    rates: dict[str, float] = {}
    everything = [pid for server in servers for pid in server.pids]
    for turn in range(options.rounds + 1):
        for server in turned(servers, turn):
            needed = int(rates.get(server.name, 0) * options.seconds * 1.5) or FIRST_COUNT
            targets = server.targets(needed)
            for path in turned([path for path in options.paths if path in targets], turn):
                seconds = duration(targets[path], options.seconds, warming_up=not turn)
                if not seconds:
                    continue
                settle(everything, at_most=QUIET_SECONDS)
                result = run(targets[path], seconds=seconds, cpu_of=server.pids)
                if path == "code":
                    rates[server.name] = max(rates.get(server.name, 0.0), result.requests_per_second)
                say(line(turn, options.rounds, processes, server.name, path, result))
                if turn or result.wrong:
                    yield Place(server.name, path, processes), result


def duration(target: Target, seconds: float, *, warming_up: bool) -> float:
    """How long a cell takes. What is slow by its own account takes longer, and is not warmed up."""
    if target.timeout_seconds <= SLOW_SECONDS:
        return WARM_UP_SECONDS if warming_up else seconds
    return 0.0 if warming_up else max(seconds, SLOW_SECONDS)


def turned(things: Sequence, turn: int) -> list:
    """The same things, beginning with another each turn."""
    start = turn % len(things) if things else 0
    return [*things[start:], *things[:start]]


def line(turn: int, rounds: int, processes: int, server: str, path: str, result: Result) -> str:
    """What the progress says of one cell."""
    place = f"round {turn} of {rounds}" if turn else "warming up"
    wrong = f"  WRONG: {result.wrong:,}, {result.first_wrong[:200]!r}" if result.wrong else ""
    figures = f"{result.requests_per_second:>10,.0f} req/s  p99 {result.p99_ms:>8.1f} ms"
    return f"{place}, processes {processes}: {server:40} {path:14}{figures}{wrong}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"
