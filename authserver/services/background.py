"""Work behind the request: a task asked for by name, once what it works on has committed.

By name, because tasks stand above services. Without a broker it runs at once, in this process.
"""

from celery import current_app
from django.db import transaction


def soon(task: str) -> None:
    """Ask for a task of `authserver.tasks` after this transaction; twice in one transaction is once."""
    connection = transaction.get_connection()
    if any(getattr(hook[1], "task", None) == task for hook in connection.run_on_commit):
        return

    def ask() -> None:
        current_app.tasks[task].delay()

    ask.task = task  # type: ignore[attr-defined]
    transaction.on_commit(ask, robust=True)
