"""Whether this process may trust its clock.

What one node writes with a time, another one judges by its own: a node half an hour ahead would refuse fresh codes,
call live credentials expired, and its purge would remove what is alive. So each process compares its clock with the
database's when it starts, once a minute, and whenever the clock jumps against the time that only goes on. While it is
off, the process answers 503 and does no work; nothing is judged by a wrong time, and nobody has to restart it.
"""

import logging
import time
from threading import Thread
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from authserver import policy

log = logging.getLogger(__name__)
SKEW_SECONDS = policy.NODE_CLOCK_SKEW.total_seconds()
LOOKED_AT_SECONDS = 60.0  # how long a clock that did not jump is trusted
_watched = False  # nobody is refused where nobody looks
_right_at: float | None = None  # the clock less the time that only goes on, when they were compared and it was right
_looked_at = 0.0  # time.monotonic()
_is_told = False  # that it is off


def is_right() -> bool:
    """Tell whether the clock was right and has not jumped since. Asked at every request: it costs two looks at it."""
    return not _watched or (_right_at is not None and abs(_gap() - _right_at) <= SKEW_SECONDS)


def start() -> None:
    """Refuse from now on what a clock would judge, until it was compared; compare it."""
    global _watched
    _watched = connection.vendor == "postgresql"  # else the database is in this process: there is one clock
    # A server starts us from within its event loop, where Django lets nobody ask a database. One that keeps silent does
    # not hold the start up: we answer 503 until it speaks.
    first = Thread(target=_watch_once, name="comparing the clock at the start", daemon=True)
    first.start()
    first.join(policy.READY_SECONDS_MAX)


def _watch_once() -> None:
    try:
        watch()
    finally:
        connection.close()  # this thread's own


def watch() -> None:
    """Compare the clock where it is time to. A database that is away leaves things as they are."""
    if _watched and (not is_right() or time.monotonic() - _looked_at > LOOKED_AT_SECONDS):
        try:
            look()
        except (DatabaseError, InterfaceError, OSError) as error:
            log.warning("the clock was not compared: %s", type(error).__name__)


def look() -> bool:
    """Compare the clock with the database's; return whether it is right. Raises DatabaseError."""
    global _right_at, _looked_at, _is_told
    off = off_by(connection)
    _looked_at, _right_at = time.monotonic(), None if off else _gap()
    if off and not _is_told:
        log.error("this node's clock is off by %.0f s: it answers 503 and does no work", off)
    if not off and _is_told:
        log.warning("this node's clock is right again")
    _is_told = bool(off)
    return not off


def may_work() -> bool:
    """Tell whether a task may begin, comparing the clock where that was not done lately. Raises DatabaseError."""
    if connection.vendor != "postgresql":
        return True
    is_known = _right_at is not None and abs(_gap() - _right_at) <= SKEW_SECONDS
    return (is_known and time.monotonic() - _looked_at <= LOOKED_AT_SECONDS) or look()


def off_by(database: Any) -> float:
    """Return by how many seconds this node's clock differs from the database's, 0 where that is within
    policy.NODE_CLOCK_SKEW. Raises DatabaseError."""
    if database.vendor != "postgresql":
        return 0.0
    asked = time.time()
    with database.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        [told] = cursor.fetchone()
    return distance(float(told), between=(asked, time.time()))


def distance(told: float, *, between: tuple[float, float]) -> float:
    """Return how far off this node is, in seconds: the database's time (Unix seconds) against the times, by this node,
    that the question and its answer had."""
    asked, answered = between
    off = max(asked - told, told - answered, 0.0)
    return off if off > SKEW_SECONDS else 0.0


def _gap() -> float:
    return time.time() - time.monotonic()
