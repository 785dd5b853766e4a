"""What a server process does behind its requests: one process at a time, an error keeps nothing from going on."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, active_count
from threading import enumerate as threads
from typing import Any

import pytest
from celery.schedules import crontab

from authserver import chores, tasks
from authserver.celery import app
from authserver.chores import Chores, Rounds
from authserver.services.operations import clocks, runs
from authserver.services.trace import notes
from authserver.services.usage import introspections, marks
from authserver.telemetry import node

pytestmark = pytest.mark.django_db
HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""
NOW_AND_THEN = {"mail": {"task": "authserver.tasks.send_notices", "schedule": 30.0}}
SOON = timedelta(milliseconds=1)
WRITERS = [name for name, _, _ in chores.WRITTEN_DOWN]


@pytest.fixture(autouse=True)
def _the_clock_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has tests of its own (services/operations/test_clocks.py)."""
    monkeypatch.setattr(clocks, "start", lambda: None)
    monkeypatch.setattr(clocks, "may_work", lambda: True)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every task does nothing but say that it ran."""
    ran: list[str] = []
    for name in [name for name in app.tasks if name.startswith("authserver.tasks.")]:
        monkeypatch.setattr(app.tasks[name], "run", lambda *_, name=name: ran.append(name.rpartition(".")[2]))
    return ran


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Any]:
    """Make chores; their lock is released afterwards."""
    made: list[Chores] = []

    def make(schedule: dict[str, Any] = NOW_AND_THEN, folder: Path = tmp_path) -> Chores:
        made.append(Chores(schedule, folder))
        return made[-1]

    yield make
    for each in made:
        each.release()


def forward(team: Chores, seconds: float) -> None:
    """Let time pass for these chores."""
    for chore in team.chores:
        chore.last_run_at -= timedelta(seconds=seconds)


# --- What is due


def test_nothing_is_done_at_the_start(team: Any, done: list[str]) -> None:
    team().round()
    assert done == []


def test_a_chore_is_done_when_it_is_due_and_not_again_before(team: Any, done: list[str]) -> None:
    mine = team()
    forward(mine, 16)
    mine.round()
    mine.round()
    assert done == ["send_notices"]
    forward(mine, 29)
    mine.round()
    assert done == ["send_notices"]
    forward(mine, 1)
    mine.round()
    assert done == ["send_notices"] * 2


def test_everything_of_the_schedule_is_done_soon_after_the_start(team: Any, done: list[str], settings: Any) -> None:
    mine = team(settings.CELERY_BEAT_SCHEDULE)
    forward(mine, chores.FIRST_ROUND.total_seconds())
    mine.round()
    wanted = {
        entry["task"].rpartition(".")[2]
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if isinstance(entry["schedule"], float)
    }
    assert wanted <= set(done)
    assert "roll_up_usage" in wanted


def test_a_time_of_the_day_is_a_schedule_too(team: Any, done: list[str]) -> None:
    mine = team({"nightly": {"task": "authserver.tasks.purge_expired", "schedule": crontab(hour="3", minute="0")}})
    mine.round()
    assert done == []
    forward(mine, 86_400)
    mine.round()
    assert done == ["purge_expired"]


# --- Who does it


def test_only_one_of_several_does_the_chores(team: Any, done: list[str]) -> None:
    mine, other = team(), team()
    for each in (mine, other):
        forward(each, 16)
        each.round()
    assert done == ["send_notices"]


def test_another_takes_over_when_the_first_is_gone(team: Any, done: list[str]) -> None:
    mine, other = team(), team()
    mine.round()
    mine.release()
    forward(other, 16)
    other.round()
    assert done == ["send_notices"]


def test_the_lock_goes_with_a_process_that_is_killed(team: Any, done: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / chores.LOCK_FILE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        mine = team()
        forward(mine, 16)
        mine.round()
        assert done == []
        process.kill()
        process.wait()
    mine.round()
    assert done == ["send_notices"]


def test_where_no_lock_can_be_kept_the_chores_are_done_all_the_same(
    team: Any, done: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    mine = team(folder=tmp_path / "file")
    forward(mine, 16)
    mine.round()
    mine.round()
    assert done == ["send_notices"]
    assert len(caplog.records) == 1


# --- What goes wrong


def test_an_error_is_logged_without_its_text_and_the_others_are_done(
    team: Any, done: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = "".join(["s3", "cr3t"])  # a trace shows lines of source

    def fail() -> None:
        raise ValueError(text)

    monkeypatch.setattr(app.tasks["authserver.tasks.send_notices"], "run", fail)
    mine = team(NOW_AND_THEN | {"purge": {"task": "authserver.tasks.purge_expired", "schedule": 30.0}})
    forward(mine, 16)
    mine.round()
    assert done == ["purge_expired"]
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage().startswith("authserver.tasks.send_notices failed: ValueError\n")
    assert text not in caplog.text
    forward(mine, 31)
    mine.round()
    assert done == ["purge_expired"] * 2


def test_a_task_that_does_not_exist_keeps_nothing_from_going_on(team: Any, done: list[str]) -> None:
    mine = team({"gone": {"task": "authserver.tasks.gone", "schedule": 1.0}} | NOW_AND_THEN)
    forward(mine, 16)
    mine.round()
    assert done == ["send_notices"]


# --- The thread


def test_rounds_come_again_after_an_error_until_they_are_stopped() -> None:
    came, third = [], Event()

    def act() -> None:
        came.append(1)
        if len(came) == 3:
            third.set()
        raise RuntimeError

    rounds = Rounds("test", SOON, act)
    rounds.start()
    assert third.wait(60)
    rounds.stop()
    assert not rounds.is_alive()


def test_rounds_that_were_never_started_can_be_stopped() -> None:
    Rounds("test", SOON, lambda: None).stop()


def test_neither_a_command_nor_a_test_has_such_threads() -> None:
    assert active_count()
    assert [each.name for each in threads() if isinstance(each, Rounds)] == []


def test_what_was_counted_and_used_is_written_at_the_end() -> None:
    written = [act for _, _, act in chores.WRITTEN_DOWN]
    assert written == [introspections.flush, marks.flush, notes.flush, runs.flush, node.flush]


def test_what_is_written_down_at_the_end_is_all_of_it_though_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bool] = []
    entries = (("one", SOON, lambda: 1 / 0), ("other", SOON, lambda: written.append(True)))
    monkeypatch.setattr(chores, "WRITTEN_DOWN", entries)
    chores.stop([])
    assert written == [True]


@pytest.fixture
def started(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    names: list[str] = []
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(Rounds, "start", lambda self: names.append(self.name))
    monkeypatch.setattr(chores, "Finalize", lambda *_, **__: None)
    return names


def test_a_server_without_a_broker_does_the_chores(started: list[str]) -> None:
    chores.start()  # as settings.py has it where no CELERY_BROKER_URL is set
    assert started == [*WRITERS, "comparing the clock", "looking for chores"]


def test_with_a_broker_the_chores_are_left_to_the_workers(started: list[str], settings: Any) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    chores.start()
    assert started == [*WRITERS, "comparing the clock"]


def test_the_tasks_are_known_by_their_names() -> None:
    assert app.tasks["authserver.tasks.roll_up_usage"] is not None
    assert tasks.roll_up_usage.name == "authserver.tasks.roll_up_usage"
