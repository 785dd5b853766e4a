"""How the runs of tasks go: a row per task that every process adds to, and the figures of them.

In the database and not in the shared cache, because it is there in every deployment, and still knows when the clock
last ticked after everything else was restarted. A process adds what it counted once a second and not after each run, or
workers would queue for a row.
"""

from collections.abc import Iterator
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from authserver.models import TaskRuns
from authserver.telemetry import runs
from authserver.telemetry.runs import Runs

NEVER = float("inf")


def flush() -> int:
    """Add what this process counted since the last time; return of how many tasks that was. Where it cannot be written
    it is kept for the next time, and the database's error is raised."""
    taken = runs.take()
    try:
        with transaction.atomic():
            for name in sorted(taken):  # in one order, so that two who add at once wait, and never for each other
                _add(name, taken[name], now=timezone.now())
    except BaseException:
        runs.keep(taken)
        raise
    return len(taken)


def _add(name: str, more: Runs, *, now: datetime) -> None:
    changes = {
        "begun": F("begun") + more.begun,
        "done": F("done") + more.done,
        "failed": F("failed") + more.failed,
        "seconds": F("seconds") + more.seconds,
    } | ({"done_at": now} if more.done else {})
    if not TaskRuns.objects.filter(name=name).update(**changes):
        TaskRuns.objects.bulk_create([TaskRuns(name=name)], ignore_conflicts=True)  # another may do so too
        TaskRuns.objects.filter(name=name).update(**changes)


def figures(now: datetime) -> Iterator[Metric]:
    """Return the figures of every task there is; ages of those that the clock asks for."""
    begun = CounterMetricFamily("gatehouse_tasks_begun", "Runs of tasks that began.", labels=["task"])
    ended = CounterMetricFamily("gatehouse_tasks_ended", "Runs of tasks by their end.", labels=["task", "outcome"])
    took = CounterMetricFamily("gatehouse_task_seconds", "What runs that ended took, added up.", labels=["task"])
    age = GaugeMetricFamily(
        "gatehouse_task_age_seconds", "Since the last good end of a task that the clock asks for.", labels=["task"]
    )
    rows = TaskRuns.objects.in_bulk()
    for name in sorted(runs.name_of(task) for task in current_app.tasks if task.startswith(runs.OURS)):
        row = rows.get(name, TaskRuns(name=name))
        begun.add_metric([name], row.begun)
        ended.add_metric([name, "done"], row.done)
        ended.add_metric([name, "failed"], row.failed)
        took.add_metric([name], row.seconds)
    for name in sorted({runs.name_of(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}):
        done_at = rows[name].done_at if name in rows else None
        age.add_metric([name], max(0.0, (now - done_at).total_seconds()) if done_at else NEVER)
    yield from (begun, ended, took, age)
