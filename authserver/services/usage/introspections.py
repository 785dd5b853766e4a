"""How often resource servers ask about each connection: counted in this process, written every few seconds.

Introspection is the hot path: it may add to a number in memory and nothing more.
"""

from datetime import date
from threading import Lock

from django.db import transaction

from authserver import policy
from authserver.models import ConnectionUse
from authserver.services.usage import sums

_lock = Lock()  # several threads answer, and adding to a number is reading and writing it
_counts: dict[tuple[str, date], int] = {}


def add(connection_id: str, day: date) -> None:
    """Count one answer about this connection on this day (UTC). Beyond policy.USAGE_CONNECTIONS_HELD_MAX connections
    further ones are not counted."""
    key = (connection_id, day)
    with _lock:
        so_far = _counts.get(key, 0)
        if so_far or len(_counts) < policy.USAGE_CONNECTIONS_HELD_MAX:
            _counts[key] = so_far + 1


def flush() -> int:
    """Write what this process counted since the last time; return how many connections it was about.

    Where it cannot be written it is kept for the next time, up to policy.USAGE_CONNECTIONS_HELD_MAX connections, and
    the database's error is raised.
    """
    global _counts
    with _lock:
        taken, _counts = _counts, {}
    try:
        if taken:
            with transaction.atomic():
                sums.add(ConnectionUse, ("connection", "day", "introspections"), taken)
    except BaseException:
        _keep(taken)
        raise
    return len(taken)


def _keep(taken: dict[tuple[str, date], int]) -> None:
    with _lock:
        for key, count in taken.items():
            if key in _counts or len(_counts) < policy.USAGE_CONNECTIONS_HELD_MAX:
                _counts[key] = _counts.get(key, 0) + count
