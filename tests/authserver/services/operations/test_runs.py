"""Runs of tasks: whatever becomes of one, the figures of every node tell it, and for how long the clock has stood."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import active_count
from typing import Any

import pytest
from celery import signals
from django.db import OperationalError
from django.utils import timezone

from authserver import chores, tasks
from authserver.chores import Rounds, workers
from authserver.models import TaskRuns
from authserver.services.operations import runs
from authserver.telemetry import runs as counted
from authserver.telemetry import spans
from tests.authserver.views.test_metrics import figures

# It is read by workers alone, and a worker that another test runs in this process is to have no threads.
signals.worker_process_init.disconnect(workers.start)
signals.worker_process_shutdown.disconnect(workers.end)
pytestmark = [pytest.mark.django_db, pytest.mark.covers("OPS-2")]
AGE = "gatehouse_task_age_seconds{task=%s}"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    counted.take()


def told(task: str) -> tuple[float, float, float]:
    """How many runs began, came to a good end, failed."""
    found = figures()
    return (
        found[f"gatehouse_tasks_begun_total{{task={task}}}"],
        found[f"gatehouse_tasks_ended_total{{outcome=done,task={task}}}"],
        found[f"gatehouse_tasks_ended_total{{outcome=failed,task={task}}}"],
    )


def test_runs_that_end_well_fail_and_are_killed_are_added_up_by_the_name_of_the_task() -> None:
    assert told("send_notices") == (0, 0, 0)
    killed = []
    for _ in range(2):  # two rounds of a process
        tasks.send_notices()
        tasks.send_notices.delay()  # at once, without a broker
        with pytest.raises(ValueError, match="expected a number"):
            tasks.refresh_client_document("no number")
        killed.append(counted.of("authserver.tasks.verify_ledger", None))
        killed[-1].__enter__()
        assert runs.flush() == 3
        assert runs.flush() == 0
    assert told("send_notices") == (4, 4, 0)
    assert told("refresh_client_document") == (2, 0, 2)
    assert told("verify_ledger") == (2, 0, 0)  # and an alert finds that none of them ended
    found = figures()
    assert 0 < found["gatehouse_task_seconds_total{task=send_notices}"] < 60
    assert found["gatehouse_task_seconds_total{task=verify_ledger}"] == 0
    killed.clear()


def test_an_age_is_told_of_what_the_clock_asks_for_and_a_task_that_never_ended_well_is_the_oldest(
    settings: Any,
) -> None:
    tasks.link_events()
    with pytest.raises(ValueError, match="expected a number"):
        tasks.refresh_client_document("no number")
    runs.flush()
    TaskRuns.objects.update(done_at=timezone.now() - timedelta(minutes=7))
    TaskRuns.objects.create(name="a_task_of_the_release_before", begun=5)
    found = figures()
    assert 420 <= found[AGE % "link_events"] < 500
    assert found[AGE % "seal_ledger"] == float("inf")
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    ages = {name for name in found if name.startswith("gatehouse_task_age_seconds")}
    assert ages == {AGE % task.removeprefix("authserver.tasks.") for task in scheduled}
    assert not [name for name in found if "release_before" in name]


def test_what_cannot_be_written_is_kept_and_a_row_that_another_made_is_added_to(monkeypatch: Any) -> None:
    tasks.send_notices()
    add = runs._add

    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(runs, "_add", gone)
    with pytest.raises(OperationalError):
        runs.flush()
    monkeypatch.setattr(runs, "_add", add)
    tasks.send_notices()
    assert runs.flush() == 1
    assert told("send_notices") == (2, 2, 0)
    assert TaskRuns.objects.get().done_at is not None


def test_a_worker_process_writes_down_what_it_counts_and_at_its_end_the_rest(monkeypatch: Any) -> None:
    started: list[str] = []
    monkeypatch.setattr(Rounds, "start", lambda self: started.append(self.name))
    monkeypatch.setattr(chores, "close_old_connections", lambda: None)  # it is this test's
    before = active_count()
    workers.start()
    assert started == [name for name, _, _ in chores.WRITTEN_DOWN]
    tasks.send_notices()
    workers.end()
    assert told("send_notices") == (1, 1, 0)
    assert (active_count(), spans.is_on) == (before, False)


def test_the_log_names_a_task_that_failed_the_error_and_the_place_and_not_what_it_was_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from authserver.celery import keep_logging

    keep_logging()
    logger = logging.getLogger("celery.app.trace")
    try:
        tasks.refresh_client_document.apply(args=("alice@example.com",))
    finally:
        logger.filters.clear()
    [line] = [record for record in caplog.records if record.name == "celery.app.trace"]
    assert line.getMessage() == "authserver.tasks.refresh_client_document failed: ValueError"
    assert "in refresh_client_document" in caplog.text
    assert "alice" not in caplog.text
