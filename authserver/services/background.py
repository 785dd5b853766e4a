"""Work behind the request: a task asked for by name.

By name, because tasks stand above services. Without a broker it runs at once, in this process. A broker that is away is
logged and no more: what is owed stands in the database, and the clock asks for it again.
"""

import logging
from typing import Any

from celery import current_app
from celery.exceptions import OperationalError
from django.db import transaction

log = logging.getLogger(__name__)


def soon(task: str) -> None:
    """Ask for a task of `authserver.tasks` after this transaction."""
    transaction.on_commit(lambda: begin(task), robust=True)


def begin(task: str, *arguments: Any) -> None:
    """Ask for a task of `authserver.tasks` now, of which no transaction is part."""
    try:
        current_app.tasks[task].delay(*arguments)
    except OperationalError as error:
        log.error("no broker for %s: %s", task, type(error).__name__)
