"""The door when its PostgreSQL is away, silent, locked, or kills its backends: 503 or the truth, never a guess."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.authserver.door import serving
from tests.authserver.door.serving import FORM, Answer, Serving, Wire

pytestmark = pytest.mark.skipif(os.environ.get("TEST_DATABASE") != "postgresql", reason="asks for a PostgreSQL")
DOOR_SECONDS = 1.0
# The wait for its turn, the statement, opening another connection; and a busy machine.
ANSWERED_SECONDS = 3 * DOOR_SECONDS + 3
TOKENS = '"authserver_accesstoken"'
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = 'gatehouse' AND pid <> pg_backend_pid()"
WAITING_BACKENDS = f"{BACKENDS} AND wait_event_type = 'Lock'"
ASKERS = 12


@dataclass
class Database:
    """A PostgreSQL that can be stopped, started again at the same place, and made silent."""

    data: Path
    socket: str
    owner: dict

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(f"host={self.socket} user=postgres dbname=gatehouse", autocommit=True)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGINT)
        serving.wait(lambda: not (self.data / "postmaster.pid").exists())

    def start(self) -> None:
        programs = servers.find_postgresql() or Path()
        options = f"-k {self.socket} -c listen_addresses= -c fsync=off -c max_connections=100"
        command = [programs / "pg_ctl", "-D", self.data, "-o", options, "-l", self.data / "log", "-s", "-w", "start"]
        subprocess.run(command, check=True, cwd=self.data, **self.owner)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let nobody of the whole server say anything inside the `with`, as if its machine hung."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        pids = [self.pid, *map(int, listed)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def locked(self) -> Iterator[psycopg.Connection]:
        """Lock the credentials for everybody else inside the `with`, as some change to the table would."""
        with self.connect() as holder, holder.transaction():
            holder.execute(f"LOCK TABLE {TOKENS} IN ACCESS EXCLUSIVE MODE")
            yield holder


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="gh-fault-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        data = Path(folder, "data")
        with servers.postgresql(data=data, settings=servers.POSTGRES_FORGETFUL) as url:
            socket = url.partition("@/")[2].rpartition("/")[0]
            found = Database(data, f"/{socket.lstrip('/')}", servers._unprivileged_owner(folder))
            yield found
            if (data / "postmaster.pid").exists():
                os.kill(found.pid, signal.SIGINT)


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("server")
    url = f"postgres://postgres@/{database.socket}/gatehouse"
    with serving.running(folder, DATABASE_URL=f"{url}?connect_timeout=5", TEST_DOOR_SECONDS=str(DOOR_SECONDS)) as found:
        yield found


def answers(wires: list[Wire]) -> list[Answer]:
    return [wire.answer() for wire in wires]


def assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"] == "temporarily_unavailable"
    assert b"active" not in answer.body


def ask(server: Serving, count: int = ASKERS) -> list[Wire]:
    return [server.wire().send(server.question()) for _ in range(count)]


def refresh(server: Serving) -> Wire:
    """Ask for a refresh that gets the same pair each time."""
    held = server.world["held"][1]
    form = f"grant_type=refresh_token&refresh_token={held['refresh']}&client_id={held['client_id']}"
    return server.wire().send(server.post("/oauth/token", form, f"Content-Type: {FORM}"))


def is_back(server: Serving) -> bool:
    """Tell whether the desks and the pages have a database: each asks it."""
    desk, token = server.wire().send(server.question()).answer(), refresh(server).answer()
    page = server.wire().send(server.request("GET", "/readyz")).answer()
    return (desk.status, token.status, page.status) == (200, 200, 200) and desk.json()["active"]


def test_without_a_database_the_answer_is_to_come_back_and_it_recovers_without_hands(
    server: Serving, database: Database
) -> None:
    assert is_back(server)
    database.stop()
    try:
        began = time.monotonic()
        for answer in answers([*ask(server), refresh(server), refresh(server)]):
            assert_unavailable(answer)
        assert time.monotonic() - began < ANSWERED_SECONDS
        assert server.wire().send(server.request("GET", "/livez")).answer().status == 200
        serving.wait(lambda: server.wire().send(server.request("GET", "/readyz")).answer().status == 503)
    finally:
        database.start()
    serving.wait(lambda: is_back(server))


def test_a_database_that_keeps_silent_is_given_up(server: Serving, database: Database) -> None:
    assert is_back(server)
    with database.silent():
        began = time.monotonic()
        for answer in answers([*ask(server), refresh(server), refresh(server)]):
            assert_unavailable(answer)
        assert time.monotonic() - began < ANSWERED_SECONDS
        assert server.wire().send(server.request("GET", "/livez")).answer().status == 200
        began = time.monotonic()
        ready = server.wire().send(server.request("GET", "/readyz")).answer()
        assert (ready.status, ready.json()["database"]) == (503, "silent")
        assert time.monotonic() - began < 5  # for as long as probes wait
    serving.wait(lambda: is_back(server))


def test_nobody_notices_when_backends_are_killed_in_the_middle_of_their_statements(
    server: Serving, database: Database
) -> None:
    assert is_back(server)
    with database.locked() as holder:
        wires = ask(server)
        serving.wait(lambda: holder.execute(WAITING_BACKENDS).fetchone())
        holder.execute(f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) door")
    assert [(each.status, each.json()["active"]) for each in answers(wires)] == [(200, True)] * ASKERS


def test_nobody_notices_when_idle_backends_are_killed(server: Serving, database: Database) -> None:
    assert is_back(server)
    with database.connect() as other:
        other.execute(f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) door")
        serving.wait(lambda: not other.execute(BACKENDS).fetchone())
    assert refresh(server).answer().status == 200
    assert [(each.status, each.json()["active"]) for each in answers(ask(server))] == [(200, True)] * ASKERS


def test_a_lock_delays_the_questions_and_nothing_else(server: Serving, database: Database) -> None:
    serving.wait(lambda: is_back(server))  # the pages' pool notices killed backends one by one
    with database.locked() as holder:
        wires = ask(server)
        serving.wait(lambda: holder.execute(WAITING_BACKENDS).fetchone())
        assert server.wire().send(server.request("GET", "/livez")).answer().status == 200
        assert server.wire().send(server.request("GET", "/readyz")).answer().status == 200
    assert [(each.status, each.json()["active"]) for each in answers(wires)] == [(200, True)] * ASKERS


def test_a_lock_that_lasts_is_not_waited_for(server: Serving, database: Database) -> None:
    with database.locked():
        began = time.monotonic()
        for answer in answers(ask(server)):
            assert_unavailable(answer)
        assert time.monotonic() - began < ANSWERED_SECONDS
    assert is_back(server)


def test_one_that_fails_in_a_shared_statement_costs_the_others_nothing(server: Serving, database: Database) -> None:
    with database.locked() as holder:
        wires = ask(server, 2)  # both statements that may be under way
        serving.wait(lambda: holder.execute(WAITING_BACKENDS).fetchone())
        wires += ask(server, 4)
        bad = server.wire().send(server.question("fail"))
        wires += ask(server, 4)
    assert [(each.status, each.json()["active"]) for each in answers(wires)] == [(200, True)] * 10
    assert bad.answer().status == 500
