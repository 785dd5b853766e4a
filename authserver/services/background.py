"""Work behind the request: a task asked for by name.

By name, because tasks stand above services. Without a broker it runs at once, in this process. A broker that is away is
logged and no more: what is owed stands in the database, and the clock asks for it again. It is then left alone for a
while, because one that keeps silent holds up each request that waits for it.
"""

import logging
import time
from typing import Any

from celery import current_app
from celery.exceptions import OperationalError
from django.db import transaction

log = logging.getLogger(__name__)
AWAY_SECONDS = 10.0
_away_until = 0.0


def soon(task: str) -> None:
    """Ask for a task of `authserver.tasks` after this transaction."""
    transaction.on_commit(lambda: begin(task), robust=True)


def begin(task: str, *arguments: Any) -> None:
    """Ask for a task of `authserver.tasks` now, of which no transaction is part."""
    global _away_until
    if time.monotonic() < _away_until:
        return
    try:
        current_app.tasks[task].delay(*arguments)
    except OperationalError as error:
        _away_until = time.monotonic() + AWAY_SECONDS
        log.error("no broker for %s: %s", task, type(error).__name__)
