"""Options, servers of several sizes at the same time, medians."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load import Result, Target, run, settle
from benchmarks.ours import DATABASES, SAMPLE, Gatehouse

WARM_UP_SECONDS = 2.0
WARM_UP_COUNT = 2_000
SETTLE_SECONDS = 10.0
CONNECTIONS_OF_LOAD = 32


def parser(name: str, *, sizes: str, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """The options that every command of the hot path has."""
    made = argparse.ArgumentParser(prog=f"./dev bench {name}")
    made.add_argument("--connections", type=_numbers, default=_numbers(sizes), help=f"live ones, default {sizes}")
    made.add_argument("--database", type=_databases, default=("postgresql",), help="postgresql, sqlite or both")
    made.add_argument("--seconds", type=float, default=seconds, help="of one run")
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--processes", type=int, default=1, help="of the authorization server")
    made.add_argument("--memory", default="2GB", help="PostgreSQL's shared_buffers")
    made.add_argument("--sample", type=int, default=SAMPLE, help="how many tokens introspection asks about")
    made.add_argument("--keep", type=Path, help="a folder for what is seeded: the next run finds it there")
    return made


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(","))


def _databases(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(DATABASES):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(DATABASES)}")
    return names


@contextlib.contextmanager
def up(database: str, options: argparse.Namespace) -> Iterator[dict[int, Gatehouse]]:
    """Run one server per number of connections, each over a database of its own, all at the same time."""
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gh-bench-", dir="/tmp")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the user that PostgreSQL runs as has to pass
        servers = {}
        for size in options.connections:
            servers[size] = Gatehouse(database, memory=options.memory, sample=options.sample)
            stack.callback(servers[size].stop)
            servers[size].start(folder / f"{database}-{size}", connections=size, processes=options.processes)
        yield servers


def warm_up(server: Gatehouse, path: str) -> None:
    """Let caches fill and imports happen before anything is counted."""
    run(server.target(path, WARM_UP_COUNT), connections=CONNECTIONS_OF_LOAD, seconds=WARM_UP_SECONDS)


def load(server: Gatehouse, target: Target, seconds: float) -> Result:
    """One run, begun when what was before has come to rest."""
    settle(server.pids, at_most=SETTLE_SECONDS)
    return told(run(target, connections=CONNECTIONS_OF_LOAD, seconds=seconds, cpu_of=server.pids))


def told(result: Result) -> Result:
    """Say on stderr what went wrong, if anything; return the result."""
    if result.wrong:
        first = result.first_wrong[:200] or "none of them an answer: no answer in time, or a broken connection"
        print(f"  {result.wrong} wrong beside {result.answered} answers: {first}", file=sys.stderr)
    return result


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0
