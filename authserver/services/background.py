"""Work behind the request: a task asked for by name, once what it works on has committed.

By name, because tasks stand above services. Without a broker it runs at once, in this process.
"""

from celery import current_app
from django.db import transaction


def soon(task: str) -> None:
    """Ask for a task of `authserver.tasks` after this transaction. A broker that is away is logged and no more: what
    is owed stands in the database, and the clock asks for it again."""
    transaction.on_commit(lambda: current_app.tasks[task].delay(), robust=True)
