"""PostgreSQL with a streaming standby, and Valkey: each can be killed, promoted, brought back.

The standby is synchronous: what was answered is on both. That is what fail-over without loss needs, and what Patroni's
`synchronous_mode` sets up; here the drill itself plays the part of Patroni. cluster.py has Patroni itself.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import servers

PATIENCE_SECONDS = 30
PRIMARY = (
    "wal_level=replica", "max_wal_senders=8", "hot_standby=on", "wal_keep_size=256MB", "max_connections=200",
    "unix_socket_directories=", "listen_addresses=127.0.0.1", "timezone=UTC", "shared_buffers=64MB",
    "wal_receiver_status_interval=1s", "wal_retrieve_retry_interval=200ms",
)  # fmt: skip


def until(ready: Any, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `ready` says so. Raises RuntimeError where that takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} took longer than {seconds} s")
        time.sleep(0.05)


@dataclass
class Postgresql:
    """One PostgreSQL server with a folder and a port of its own."""

    folder: Path
    port: int
    owner: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    @property
    def programs(self) -> Path:
        found = servers.find_postgresql()
        assert found
        return found

    def run(self, program: str, *arguments: str) -> str:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder.parent, capture_output=True, text=True, **self.owner)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        return done.stdout.strip()

    def ask(self, statement: str) -> str:
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-tA")
        return self.run("psql", *where, "-c", statement, "postgres")

    def create(self) -> None:
        self.run("initdb", "-D", str(self.folder), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")

    def copy(self, source: Postgresql) -> None:
        """Become a standby of `source`, from a fresh copy of it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        where = ("-h", "127.0.0.1", "-p", str(source.port), "-U", "postgres")
        self.run("pg_basebackup", *where, "-D", str(self.folder), "-R", "-X", "stream", "-c", "fast")

    def start(self) -> None:
        options = [part for setting in PRIMARY for part in ("-c", setting)]
        with open(self.folder.parent / f"{self.port}.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder, "-p", str(self.port), *options],
                cwd=self.folder.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **self.owner,
            )  # fmt: skip
        until(self.is_up, "starting PostgreSQL")

    def is_up(self) -> bool:
        with contextlib.suppress(RuntimeError):
            return self.ask("SELECT 1") == "1"
        return False

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it: SIGINT is a fast shut-down, SIGKILL an outage."""
        if self.process and self.process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
                subprocess.run(["pkill", "-9", "-f", f"postgres -D {self.folder} "], check=False)
            else:
                self.process.send_signal(number)
            self.process.wait()


@dataclass
class Databases:
    """A primary and its synchronous standby. `primary` changes with a fail-over."""

    folder: Path
    owner: dict[str, Any] = field(init=False)
    primary: Postgresql = field(init=False)
    standby: Postgresql = field(init=False)

    def __post_init__(self) -> None:
        self.owner = owner_of(self.folder)
        both = [Postgresql(self.folder / name, servers.free_port(), self.owner) for name in ("one", "other")]
        self.primary, self.standby = both

    @property
    def url(self) -> str:
        """Both, in the words of libpq: whoever connects takes the one that writes."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgres://postgres@{hosts}/gatehouse?target_session_attrs=read-write"

    def start(self) -> None:
        self.primary.create()
        self.primary.start()
        self.primary.ask("CREATE DATABASE gatehouse")
        self.follow()

    def follow(self) -> None:
        """Let the standby be a fresh copy of the primary, and commits wait for it."""
        self.standby.copy(self.primary)
        self.standby.start()
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.ask("SELECT pg_reload_conf()")
        until(self.is_in_step, "the standby's catching up")

    def is_in_step(self) -> bool:
        return "sync" in self.primary.ask("SELECT sync_state FROM pg_stat_replication").split()

    def restart(self) -> None:
        self.primary.stop()
        self.primary.start()
        until(self.is_in_step, "the standby's coming back")

    def fail_over(self, *, after_seconds: float) -> None:
        """Lose the primary and promote the standby. It waits for nobody until it has a standby of its own."""
        lost = self.primary
        lost.stop(signal.SIGKILL)
        time.sleep(after_seconds)
        self.primary, self.standby = self.standby, lost
        self.primary.run("pg_ctl", "promote", "-D", str(self.primary.folder), "-w")
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.ask("SELECT pg_reload_conf()")

    def stop(self) -> None:
        self.standby.stop()
        self.primary.stop()


@dataclass
class Cache:
    """Valkey (or Redis), which keeps nothing: a new one is empty."""

    port: int = field(default_factory=servers.free_port)
    process: subprocess.Popen[bytes] | None = None

    def url(self, number: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"

    def start(self) -> None:
        program = servers.find_redis()
        assert program
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen([program, *options], start_new_session=True, **quiet)  # type: ignore[call-overload]
        until(lambda: servers._redis_answers(self.port), "starting Valkey")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


def owner_of(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses root: give it the folder under another user's name, and return how to run as that."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam("postgres" if _is_user("postgres") else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o755)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _is_user(name: str) -> bool:
    return name in {entry.pw_name for entry in pwd.getpwall()}
