"""Whether this node can serve: what `/readyz` says, within policy.READY_SECONDS_MAX whatever the database does."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend

from authserver import policy
from authserver.models import SigningKey
from authserver.services import backups
from authserver.services.operations import clocks
from authserver.services.receipts import keys
from authserver.services.statements import hang_up

log = logging.getLogger(__name__)
OK = "ok"
AWAY = "away"
POSTGRESQL_PORT = 5432
# What a node cannot serve without. Limits are counted in memory while the cache is away, and keys are made anew.
NEEDED = ("database", "migrations", "clock")
UNREACHABLE, SILENT, MISSING = "unreachable", "silent", "missing"
RESTORED = "a restore is not finished"
NOT_OPENED = "sealed under another SECRET_KEY"
_one_at_a_time = ThreadPoolExecutor(1, thread_name_prefix="readiness")
_lock = Lock()
_running: Future[dict[str, str]] | None = None
_asked_at = 0.0
_migrated = False
_in_use: Any = None  # the connection of the check that is under way
_reached: tuple[str, int] | None = None  # the database host that answered last, of those that DATABASE_URL names


@dataclass(frozen=True)
class Readiness:
    """Each thing by its name: "ok", or what is wrong with it. What could not be found out is not there."""

    checks: dict[str, str]

    @property
    def is_ready(self) -> bool:
        return all(self.checks.get(name) == OK for name in NEEDED)

    def body(self) -> dict[str, str]:
        return {"status": OK if self.is_ready else "unavailable", **self.checks}


def look() -> Readiness:
    """Return how this node is. Whoever asks while somebody else does, or policy.READY_KEPT_SECONDS later, gets the same
    answer: a thread, and a new database connection a second, are all that probes can cost, whoever sends them."""
    global _running, _asked_at
    with _lock:
        now = time.monotonic()
        if _running is None or (_running.done() and now - _asked_at >= policy.READY_KEPT_SECONDS):
            _running, _asked_at = _one_at_a_time.submit(_checks), now
        running = _running
    try:
        return Readiness(running.result(timeout=policy.READY_SECONDS_MAX))
    except TooLate:
        if _in_use is not None and hasattr(_in_use, "fileno"):
            hang_up(_in_use)  # or the next one would wait for it, too
        return Readiness({"database": SILENT})


def _checks() -> dict[str, str]:
    try:
        with _own_connection() as database:
            found = {"database": OK, "clock": _clock(database), "migrations": _migrations(database)}
            if found["migrations"] != MISSING:  # there may be no table of keys yet
                found["keys"] = _keys()
    except (DatabaseError, InterfaceError, OSError) as error:
        log.warning("not ready: the database is %s (%s)", UNREACHABLE, type(error).__name__)
        found = {"database": UNREACHABLE}
    return found | {"cache": _cache()}


@contextmanager
def _own_connection() -> Iterator[Any]:
    """Give this thread a connection outside the pool of the pages: a full pool is no reason to be taken out."""
    global _in_use, _reached
    settings = connections.settings["default"]
    settings = settings | reached_first(settings["HOST"], str(settings["PORT"]), _reached)
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    if settings["ENGINE"].endswith("postgresql"):
        options |= {"connect_timeout": 2, "options": "-c statement_timeout=2000"}
    own = settings | {"OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    connections["default"] = database = load_backend(settings["ENGINE"]).DatabaseWrapper(own, "default")
    try:
        database.ensure_connection()
        _in_use = database.connection
        if database.vendor == "postgresql":
            _reached = (_in_use.info.host, _in_use.info.port)
        yield database
    finally:
        _in_use = None
        database.close()


def reached_first(hosts: str, ports: str, reached: tuple[str, int] | None) -> dict[str, str]:
    """Return HOST and PORT of several databases with this one first. A machine without power keeps whoever asks it for
    longer than the answer may take, and after a fail-over it is one of those that DATABASE_URL names."""
    named = hosts.split(",")
    pairs = list(zip(named, ports.split(",") if "," in ports else [ports] * len(named), strict=False))
    pairs.sort(key=lambda pair: (pair[0], int(pair[1] or POSTGRESQL_PORT)) != reached)
    return {"HOST": ",".join(host for host, _ in pairs), "PORT": ",".join(port for _, port in pairs)}


def _clock(database: Any) -> str:
    """Lifetimes are judged by this node's clock and were written by others."""
    off = clocks.off_by(database)
    return f"off by {off:.0f} s" if off else OK


def _migrations(database: Any) -> str:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(database)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    if backups.is_unfinished():
        return RESTORED
    return OK if _migrated else MISSING


def _keys() -> str:
    """Whether a key that signs can be opened. None at all is no fault: the first use makes one."""
    rows = list(SigningKey.objects.filter(retired_at=None))
    return OK if not rows or any(keys.can_open(row) for row in rows) else NOT_OPENED


def _cache() -> str:
    try:
        cache.get("readiness")
        return AWAY if getattr(cache, "is_away", False) else OK
    except Exception as error:  # whatever its library raises
        log.warning("the cache is away: %s", type(error).__name__)
        return AWAY
