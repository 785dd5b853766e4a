"""`./dev bench paths`: every path at several numbers of connections, round by round in turn."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hot import common
from benchmarks.load import Result, cpu_seconds
from benchmarks.ours import DATABASES, Gatehouse

PATHS = ("introspection", "refresh", "code", "registration", "registration_equal", "metadata", "constant")
ONCE_PER_SECOND = 8_000  # codes and names made for a second of load; where they are used up, the run ends
HEAD = ("path", "connections", "req/s", "p50 ms", "p99 ms", "server", "database", "MB", "wrong", "growth", "of CPU")


@dataclass(frozen=True)
class Run:
    """One run: its result, and CPU ms per 1,000 answers of the server and of its database."""

    result: Result
    server: float
    database: float
    megabytes: float  # the largest of the server's processes, after the run

    @property
    def answered(self) -> bool:
        """Whether there is anything to compare."""
        return self.result.requests_per_second > 0 and self.result.cpu_ms_per_1000 > 0


def main(arguments: list[str]) -> None:
    """Measure and print one table per database."""
    parser = common.parser("paths", sizes="1000,1000000", rounds=3, seconds=4.0)
    parser.add_argument("--paths", default=",".join(PATHS), help="which of them, with commas between")
    parser.set_defaults(database=tuple(DATABASES))
    options = parser.parse_args(arguments)
    for database in options.database:
        with common.up(database, options) as servers:
            found = {path: measured(servers, path, options) for path in options.paths.split(",")}
        print_table(found, title=title(DATABASES[database], options))


def measured(servers: dict[int, Gatehouse], path: str, options: argparse.Namespace) -> dict[int, list[Run]]:
    """The runs of one path, by number of connections. Every other round goes from large to small."""
    found: dict[int, list[Run]] = {size: [] for size in servers}
    for server in servers.values():
        common.warm_up(server, path)
    for number in range(options.rounds):
        for size in sorted(servers, reverse=bool(number % 2)):
            print(f"{path}, round {number + 1} of {options.rounds}, {size:,} connections", file=sys.stderr)
            found[size].append(one_run(servers[size], path, options.seconds))
    return found


def one_run(server: Gatehouse, path: str, seconds: float) -> Run:
    target = server.target(path, int(ONCE_PER_SECOND * seconds))
    before = cpu_seconds(server.server_pids)
    result = common.load(server, target, seconds)
    used = (cpu_seconds(server.server_pids) - before) * 1_000_000 / max(result.answered, 1)
    return Run(result, used, max(0.0, result.cpu_ms_per_1000 - used), largest_megabytes(server.server_pids))


def largest_megabytes(pids: tuple[int, ...]) -> float:
    """Resident megabytes of the largest process among these and their children."""
    children = [
        int(child)
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return max(_megabytes(pid) for pid in (*pids, *children))


def _megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def growth(small: list[Run], large: list[Run]) -> list[str]:
    """Requests per second with more connections over those with fewer, and CPU per answer likewise, which other work on
    the machine disturbs less: the medians of the rounds' ratios."""
    pairs = [(a.result, b.result) for a, b in zip(small, large, strict=True) if a.answered and b.answered]
    rates = [b.requests_per_second / a.requests_per_second for a, b in pairs]
    cpu = [b.cpu_ms_per_1000 / a.cpu_ms_per_1000 for a, b in pairs]
    return [f"{common.median(rates):.2f}", f"{common.median(cpu):.2f}"]


def title(database: str, options: argparse.Namespace) -> str:
    load = f"{common.CONNECTIONS_OF_LOAD} connections of load, {options.rounds} rounds of {options.seconds:g} s"
    return f"{database}, {options.processes} process(es), {load}, medians; server, database: CPU ms per 1,000 answers"


def print_table(found: dict[str, dict[int, list[Run]]], *, title: str) -> None:
    """Print the medians, and how much slower the larger numbers of connections are than the smallest."""
    print(f"\n{title}")
    print(line(HEAD))
    for path, by_size in found.items():
        smallest = min(by_size)
        for size, runs in sorted(by_size.items()):
            ratios = growth(by_size[smallest], runs) if size != smallest else []
            print(line((path, f"{size:,}", *figures(runs), *ratios)))


def figures(runs: list[Run]) -> list[str]:
    """The medians as text, in the order of HEAD; wrong answers are all counted."""
    results = [run.result for run in runs]
    columns = [
        ([result.requests_per_second for result in results], 0),
        ([result.p50_ms for result in results], 1),
        ([result.p99_ms for result in results], 1),
        ([run.server for run in runs], 0),
        ([run.database for run in runs], 0),
        ([run.megabytes for run in runs], 0),
    ]
    medians = [f"{common.median(values):,.{digits}f}" for values, digits in columns]
    return [*medians, f"{sum(result.wrong for result in results):,}"]


def line(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:20}" + "".join(f"{cell:>13}" for cell in cells[1:])
