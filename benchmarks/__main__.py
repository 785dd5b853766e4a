"""`./dev bench`: CPU, statements, start, memory, as a table. With a name: a run of its own, under load or for long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.admin import __main__ as admin
from benchmarks.faults import day, drill
from benchmarks.hot import pages, paths, purging
from benchmarks.peers import bench as peers
from benchmarks.soak import races, receipts, refresh, strict
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
STARTS = 3
PORTS = (str(servers.free_port()), str(servers.free_port()))
DEMO_VARIABLES = ("DATABASE_URL", "DATA_DIR", "SECRET_KEY", "DEBUG", "DEMO", "ISSUER", "ALLOWED_HOSTS")


def main(arguments: list[str]) -> None:
    """Run what is named; without a name, the table."""
    runs = {
        "paths": paths.main,
        "pages": pages.main,
        "admin": admin.main,
        "purge": purging.main,
        "peers": peers.main,
        "soak": refresh.main,
        "races": races.main,
        "receipts": receipts.main,
        "strict": strict.main,
        "faults": drill.main,
        "day": day.main,
    }
    if not arguments:
        table()
    elif arguments[0] in runs:
        runs[arguments[0]](arguments[1:])
    else:
        sys.exit(f"./dev bench [{' | '.join(runs)}]")


def table() -> None:
    """Print CPU and statements per operation and database, then start time and memory."""
    columns = {"SQLite": operations({}), "PostgreSQL": on_postgresql()}
    print(f"\n{'CPU ms of one process, statements':34}" + "".join(f"{name:>22}" for name in columns))
    for operation in columns["SQLite"]:
        cells = [cell(results.get(operation)) for results in columns.values()]
        print(f"{operation:34}" + "".join(f"{text:>22}" for text in cells))
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        first, again = start_seconds(Path(folder))
        print(f"\n./dev up                           first {first:.1f} s, again {again:.1f} s")
        for name, megabytes in memory(Path(folder)).items():
            print(f"memory, {name:27}{megabytes:.0f} MB")


def cell(found: list[float] | None) -> str:
    """One operation in one database: milliseconds and statements."""
    return f"{found[0]:.2f} ms {found[1]:5.1f} st" if found else "not here"


def operations(env: dict[str, str]) -> dict[str, list[float]]:
    """Run the operations in a process of their own: milliseconds and statements of each."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        clean = {name: value for name, value in os.environ.items() if name not in DEMO_VARIABLES}
        settings = {"DEBUG": "1", "DATA_DIR": folder, "SECRET_KEY": "for benchmarks", "LOG_LEVEL": "ERROR"}
        settings |= {"ALLOWED_HOSTS": "testserver", "EMAIL_URL": "dummymail://"}
        command = [sys.executable, "-m", "benchmarks.operations"]
        done = subprocess.run(command, cwd=ROOT, env=clean | settings | env, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)


def on_postgresql() -> dict[str, list[float]]:
    """The same on a PostgreSQL of our own, if its programs are here."""
    if servers.find_postgresql() is None:
        return {}
    with servers.postgresql() as url:
        return operations({"DATABASE_URL": url})


@contextlib.contextmanager
def up(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """Run `./dev up` with a data folder of its own, on free ports that stay the same."""
    ports = ["--port", PORTS[0], "--resource-port", PORTS[1]]
    clean = {name: value for name, value in os.environ.items() if name not in DEMO_VARIABLES}
    command = [sys.executable, str(ROOT / "dev"), "up", "--data", str(folder / "data"), *ports, *options]
    process = subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL)
    try:
        yield process, command
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def start_seconds(folder: Path) -> tuple[float, float]:
    """Seconds of a first start (packages installed, no database yet) and the best of some later ones."""
    seconds = []
    for _ in range(1 + STARTS):
        begun = time.monotonic()
        with up(folder, "--once") as (process, command):
            if process.wait(120):
                sys.exit(f"{' '.join(command)} failed")
        seconds.append(time.monotonic() - begun)
    return seconds[0], min(seconds[1:])


def memory(folder: Path) -> dict[str, float]:
    """Resident megabytes of each server, all of its processes together, once both answer."""
    ready_file = folder / "ready.json"
    with up(folder, "--ready-file", str(ready_file)):
        while not ready_file.exists():
            time.sleep(0.1)
        names = ("authorization server", "sample MCP server")
        return dict(zip(names, map(group_megabytes, json.loads(ready_file.read_text())["pids"]), strict=True))


def group_megabytes(group: int) -> float:
    """Resident megabytes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,rss="], capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split() for line in listed if line.strip()]
    return sum(int(kilobytes) for found, kilobytes in rows if int(found) == group) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
