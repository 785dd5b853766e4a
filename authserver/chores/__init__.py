"""What the server process itself does behind the requests: it writes down what it counted, and where there is no
broker, one of the processes does what the scheduler and a worker would (settings.CELERY_BEAT_SCHEDULE).

Started by `authserver.wsgi`, so neither by commands nor by workers.
"""

import fcntl
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

from celery.schedules import BaseSchedule, maybe_schedule
from django.conf import settings
from django.db import close_old_connections

from authserver import policy, tasks, telemetry  # noqa: F401  so that the tasks have their names
from authserver.celery import app
from authserver.services.operations import clocks, runs
from authserver.services.trace import notes
from authserver.services.usage import introspections, marks
from authserver.telemetry import node

log = logging.getLogger(__name__)
LOOK = timedelta(seconds=1)  # how often is looked whether a chore is due
FIRST_ROUND = timedelta(seconds=15)  # after the start at the latest: a server restarted often does its chores too
STOP_TIMEOUT_SECONDS = 1.0
LOCK_FILE = "chores.lock"
WRITTEN_DOWN = (
    ("writing down what was counted", policy.USAGE_FLUSH, introspections.flush),
    ("writing down what was used", policy.MARKS_FLUSH, marks.flush),
    ("writing down steps of attempts", policy.TRACE_FLUSH, notes.flush),
    ("writing down runs of tasks", policy.FIGURES_FLUSH, runs.flush),
    ("writing down figures", policy.FIGURES_FLUSH, node.flush),
)


class Rounds(Thread):
    """Does something again and again until it is stopped. An error is logged, and the next round comes."""

    def __init__(self, name: str, every: timedelta, act: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._every, self._act, self._stopped = every, act, Event()

    def run(self) -> None:
        while not self._stopped.wait(self._every.total_seconds()):
            attempt(self.name, self._act)

    def stop(self) -> None:
        """Start no other round; wait a moment for one under way."""
        self._stopped.set()
        if self.is_alive():
            self.join(STOP_TIMEOUT_SECONDS)


def attempt(name: str, act: Callable[[], object]) -> None:
    """Do it, with a database connection that works; log an error by its kind and place.

    Never its text: the text of a database error may hold what was to be stored.
    """
    try:
        close_old_connections()
        try:
            act()
        finally:
            close_old_connections()
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s failed: %s\n%s", name, type(error).__name__, where)


@dataclass
class Chore:
    """One entry of the schedule. `last_run_at` is when it ran, or as if it had."""

    task: str
    schedule: BaseSchedule
    last_run_at: datetime
    arguments: tuple[Any, ...] = ()

    def is_due(self) -> bool:
        return bool(self.schedule.is_due(self.last_run_at).is_due)

    def do(self) -> None:
        self.last_run_at = app.now()
        attempt(self.task, lambda: app.tasks[self.task](*self.arguments))


class Chores:
    """All entries of a schedule, done one after the other by whichever process of this machine holds the lock.

    A lock of the operating system: it goes with its process, however that ends. Processes on several machines each do
    the chores, which harms nothing: every task can be done by several workers at once.
    """

    def __init__(self, schedule: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._lock: IO[str] | None = None
        self._has_no_lock = False
        self.chores = list(_chores(schedule.values()))

    def round(self) -> None:
        """Do what is due, if this process is the one."""
        if not clocks.is_right() or not self._is_ours():
            return
        for chore in self.chores:
            if chore.is_due():
                chore.do()

    def release(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def _is_ours(self) -> bool:
        if self._lock or self._has_no_lock:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._path.open("a")
        except OSError as error:
            log.warning("no %s in DATA_DIR (%s): every process does the chores", LOCK_FILE, error.strerror)
            self._has_no_lock = True
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True


def _chores(entries: Iterable[Mapping[str, Any]]) -> Iterable[Chore]:
    for entry in entries:
        schedule = maybe_schedule(entry["schedule"], app=app)
        every = getattr(schedule, "run_every", timedelta())
        yield Chore(entry["task"], schedule, app.now() - max(timedelta(), every - FIRST_ROUND), entry.get("args", ()))


def start() -> Callable[[], None]:
    """Start what belongs to a server process, and see to it that it ends with the process; return what ends it, for a
    server that says when."""
    clocks.start()
    rounds = [Rounds(name, every, act) for name, every, act in WRITTEN_DOWN]
    rounds.append(Rounds("comparing the clock", LOOK, clocks.watch))
    if settings.CELERY_TASK_ALWAYS_EAGER:  # there is no broker
        chores = Chores(settings.CELERY_BEAT_SCHEDULE, settings.DATA_DIR)
        rounds.append(Rounds("looking for chores", LOOK, chores.round))
    for each in rounds:
        each.start()
    # Not atexit: a worker that was forked leaves without it. This runs at the end of a forked process and of any other.
    return Finalize(None, stop, args=(rounds,), exitpriority=1)


def stop(rounds: Iterable[Rounds]) -> None:
    """Stop the rounds, write down what was gathered since the last one, and send the last spans."""
    for each in rounds:
        each.stop()
    for name, _, act in WRITTEN_DOWN:
        attempt(name, act)
    telemetry.stop()
