"""PostgreSQL under Patroni, as docs/scaling.md has it: two members with deploy/patroni/patroni.yml, and an etcd.

Each member can be killed, frozen, or cut off with its machine. Who leads then, and what becomes of a primary that comes
back, is Patroni's to decide: the drill only starts again what it killed, as the machine's supervisor would.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg

from benchmarks.faults.stores import owner_of, until
from tests import servers

SETTINGS = Path(__file__).resolve().parent.parent.parent / "deploy" / "patroni" / "patroni.yml"
NEEDED = {"patroni": "apt-get install patroni", "etcd": "apt-get install etcd-server"}
PASSWORD = "for a drill"
PATIENCE_SECONDS = 120


@dataclass
class Etcd:
    """What Patroni's members agree in. It comes back with what it knew."""

    folder: Path
    port: int = field(default_factory=servers.free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        url, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{servers.free_port()}"
        with open(self.folder / "etcd.log", "ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name", "drill", "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", url,
                 "--advertise-client-urls", url, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                 "--initial-cluster", f"drill={peers}"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self.is_up, "starting etcd")

    def is_up(self) -> bool:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1) as answer:
            return json.load(answer)["health"] == "true"
        return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@dataclass
class Member:
    """A Patroni with its PostgreSQL."""

    name: str
    folder: Path
    owner: dict[str, Any]
    etcd: Etcd
    port: int = field(default_factory=servers.free_port)
    api: int = field(default_factory=servers.free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What differs from member to member, in the words of Patroni."""
        here = f"127.0.0.1:{self.port}"
        ours = {
            "NAME": self.name,
            "ETCD3_HOSTS": f"127.0.0.1:{self.etcd.port}",
            "RESTAPI_LISTEN": f"127.0.0.1:{self.api}",
            "RESTAPI_CONNECT_ADDRESS": f"127.0.0.1:{self.api}",
            "POSTGRESQL_LISTEN": here,
            "POSTGRESQL_CONNECT_ADDRESS": here,
            "POSTGRESQL_DATA_DIR": str(self.folder / self.name),
            "POSTGRESQL_BIN_DIR": str(servers.find_postgresql()),
            "POSTGRESQL_PGPASS": str(self.folder / f"{self.name}.pgpass"),
            "SUPERUSER_USERNAME": "postgres",
            "SUPERUSER_PASSWORD": PASSWORD,
            "REPLICATION_USERNAME": "replicator",
            "REPLICATION_PASSWORD": PASSWORD,
        }
        return {"PATH": os.environ["PATH"]} | {f"PATRONI_{name}": value for name, value in ours.items()}

    def start(self) -> None:
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["patroni", str(self.folder / SETTINGS.name)], cwd=self.folder, env=self.env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True, **self.owner,
            )  # fmt: skip

    @property
    def postgresql(self) -> list[int]:
        """The processes of its PostgreSQL, the first of them first."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            first = int((self.folder / self.name / "postmaster.pid").read_text().split()[0])
            return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        return []

    def tell(self, number: int, *, patroni: bool = True) -> None:
        """Send a signal to its PostgreSQL, and to Patroni before, if that is meant too."""
        mine = [self.process.pid] if patroni and self.process and self.process.poll() is None else []
        for pid in (*mine, *self.postgresql):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        self.tell(signal.SIGKILL)
        if self.process:
            self.process.wait()

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """Let no packet in or out, not even that the other side is gone: as a machine without power."""
        rules = [[f"--{side}", str(port)] for side in ("sport", "dport") for port in (self.port, self.api)]
        for rule in rules:
            subprocess.run(["iptables", "-I", "INPUT", "-i", "lo", "-p", "tcp", *rule, "-j", "DROP"], check=True)
        try:
            yield
        finally:
            for rule in rules:
                subprocess.run(["iptables", "-D", "INPUT", "-i", "lo", "-p", "tcp", *rule, "-j", "DROP"], check=True)

    def connect(self) -> psycopg.Connection:
        where = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "password": PASSWORD}
        return psycopg.connect(**where, connect_timeout=2, autocommit=True)  # type: ignore[arg-type]

    def ask(self, path: str) -> dict[str, Any]:
        """Ask its Patroni. Empty: it says no, or nothing."""
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{self.api}{path}", timeout=2) as answer:
            return json.load(answer)
        return {}


@dataclass
class Cluster:
    """Both members and their etcd."""

    folder: Path
    etcd: Etcd = field(init=False)
    members: list[Member] = field(init=False)

    def __post_init__(self) -> None:
        if missing := [how for program, how in NEEDED.items() if not shutil.which(program)]:
            sys.exit("; ".join(missing))
        owner = owner_of(self.folder)
        self.etcd = Etcd(self.folder)
        self.members = [Member(name, self.folder, owner, self.etcd) for name in ("one", "other")]

    @property
    def url(self) -> str:
        """As docs/scaling.md has it: whoever connects takes the one that writes."""
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        password = PASSWORD.replace(" ", "%20")
        return f"postgres://gatehouse:{password}@{hosts}/gatehouse?target_session_attrs=read-write&connect_timeout=2"

    def start(self) -> None:
        shutil.copy(SETTINGS, self.folder)
        self.etcd.start()
        for member in self.members:
            member.start()
        until(self.is_in_step, "starting Patroni", PATIENCE_SECONDS)
        with self.leader.connect() as connection:
            connection.execute(f"CREATE ROLE gatehouse LOGIN PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE gatehouse OWNER gatehouse")

    @property
    def leader(self) -> Member:
        return next(member for member in self.members if member.ask("/primary"))

    @property
    def standby(self) -> Member:
        return next(member for member in self.members if member.ask("/sync"))

    def is_led_by(self, member: Member) -> bool:
        return bool(member.ask("/primary"))

    def is_in_step(self) -> bool:
        """Tell whether one leads, commits wait for the other, and the other would be promoted: before, Patroni would
        rather have no primary than one that has forgotten something."""
        with contextlib.suppress(StopIteration, psycopg.Error):
            standby = self.standby
            with self.leader.connect() as connection:
                synchronous = "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'"
                return connection.execute(synchronous).fetchall() == [(standby.name,)]
        return False

    def wait(self) -> None:
        until(self.is_in_step, "coming together again", PATIENCE_SECONDS)

    def switch_over(self) -> None:
        command = ["patronictl", "-c", str(self.folder / SETTINGS.name), "switchover", "gatehouse", "--force"]
        named = ["--leader", self.leader.name, "--candidate", self.standby.name]
        subprocess.run([*command, *named], env=self.leader.env, check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        for member in self.members:
            member.kill()
        self.etcd.kill()
