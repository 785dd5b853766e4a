"""Real servers for tests, started by the test run itself: no container, no port that could be taken, root or not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

START_TIMEOUT_SECONDS = 20
STOP_TIMEOUT_SECONDS = 10
CHECKPOINT_TIMEOUT_SECONDS = 120  # what is to be kept is written down first
POSTGRES_ALWAYS = ("listen_addresses=", "timezone=UTC")
POSTGRES_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def find_postgresql() -> Path | None:
    """Return the folder of the PostgreSQL server programs on PATH, else of the newest (Debian keeps them off PATH), or
    None."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = [*debian, *([Path(on_path).resolve()] if on_path else [])]
    return found[-1].parent if found else None


def find_redis() -> str | None:
    """Return the path of a Valkey or Redis server, or None."""
    return shutil.which("valkey-server") or shutil.which("redis-server")


def find_chromium() -> str | None:
    """Return the path of the Chromium of the distribution (nothing is ever downloaded), or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def find_node() -> str | None:
    """Return the path of Node, if its package manager is there too, or None."""
    return shutil.which("node") if shutil.which("npm") else None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def postgresql(*, data: Path | None = None, settings: Sequence[str] = POSTGRES_FORGETFUL) -> Iterator[str]:
    """Run a PostgreSQL, reachable by a Unix socket only. Yield the URL of its database `gatehouse`.

    It is empty, and gone at the end; unless `data` names a folder to keep it in, where a later run finds it again.
    django-environ reads a path of two parts as folder of the socket and database: `postgres://user@//folder/name`.
    """
    programs = find_postgresql()
    if programs is None:
        raise LookupError("no PostgreSQL here")
    # A short path in /tmp: the name of a Unix socket holds 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="gh-pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        owner = _unprivileged_owner(folder)
        place = _made(data, owner) if data else Path(folder, "data")
        if not (place / "PG_VERSION").exists():
            initdb = [programs / "initdb", "-D", place, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
            _run([*initdb, "-N"], cwd=folder, **owner)
        options = [part for setting in (*POSTGRES_ALWAYS, *settings) for part in ("-c", setting)]
        server = [programs / "postgres", "-D", place, "-k", folder, "-c", "max_connections=200", *options]
        patience = CHECKPOINT_TIMEOUT_SECONDS if data else STOP_TIMEOUT_SECONDS
        with _running(server, stop_signal=signal.SIGINT, patience=patience, cwd=folder, **owner) as alive:
            createdb = [programs / "createdb", "-h", folder, "-U", "postgres", "gatehouse"]
            reach = [programs / "psql", "-h", folder, "-U", "postgres", "-c", "", "gatehouse"]
            _wait(lambda: _succeeds(createdb, cwd=folder) or (bool(data) and _succeeds(reach, cwd=folder)), alive)
            yield f"postgres://postgres@/{folder}/gatehouse"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run an empty Valkey or Redis that keeps nothing. Yield its URL, `redis://127.0.0.1:PORT/0`."""
    program = find_redis()
    if program is None:
        raise LookupError("no Valkey or Redis here")
    with tempfile.TemporaryDirectory(prefix="gh-redis-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        server = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with _running([*server, "--dir", folder], stop_signal=signal.SIGTERM, cwd=folder) as alive:
            _wait(lambda: _redis_answers(port), alive)
            yield f"redis://127.0.0.1:{port}/0"


def _unprivileged_owner(folder: str) -> dict:
    """Give the folder to an ordinary user when we are root, since PostgreSQL refuses root. Return Popen's arguments."""
    if os.geteuid():
        return {}
    names = [entry.pw_name for entry in pwd.getpwall()]
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _made(data: Path, owner: dict) -> Path:
    """Make a folder to keep a database in, of the user that PostgreSQL will run as, and return it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if owner:
        os.chown(data, owner["user"], owner["group"])
    return data.resolve()


def _succeeds(command: list, **popen) -> bool:
    return not subprocess.run(command, capture_output=True, **popen).returncode


def _run(command: list, **popen) -> None:
    """Run a command to its end; its output is the error's text when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **popen)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def _running(
    command: list, *, stop_signal: int, patience: float = STOP_TIMEOUT_SECONDS, **popen
) -> Iterator[Callable[[], bool]]:
    """Run a server inside the `with`; it has `patience` seconds to end. Yield a function that tells whether it still
    runs."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=lambda: _die_with_parent(stop_signal), **popen,
    )  # fmt: skip
    try:
        yield lambda: process.poll() is None
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent(number: int) -> None:
    """Ask Linux to end the server should the test run be killed outright."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, number)  # 1 is PR_SET_PDEATHSIG


def _wait(ready: Callable[[], bool], alive: Callable[[], bool]) -> None:
    """Return when `ready` says so; an error when the server ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not ready():
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError("a server of the test run did not start")
        time.sleep(0.03)


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
