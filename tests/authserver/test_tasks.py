"""What the clock asks for: in place without a broker, by a real worker over a real Valkey or Redis with one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from django.utils import timezone

from authserver import celery_app, policy, tasks
from authserver.models import AccessToken, Connection
from tests.people import App, World


@pytest.fixture
def idle(world: World, chatgpt: App, time_machine: Any) -> None:
    """A connection that everybody forgot for two of its lifetimes."""
    world.connect(world.alice, chatgpt, handle="acme")
    time_machine.move_to(timezone.now() + policy.REFRESH_TOKEN_IDLE_LIFETIME * 2)


def test_nothing_live_is_purged(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert tasks.purge_expired.delay().get() == 0
    assert world.asker.is_active(held.access)


def test_without_a_broker_the_task_runs_in_place(idle: None) -> None:
    assert tasks.purge_expired.delay().get() == 3
    assert not AccessToken.objects.exists()
    assert Connection.objects.get().end_reason == "unused"


def test_running_it_again_removes_nothing_more(idle: None) -> None:
    tasks.purge_expired.delay()
    assert tasks.purge_expired.delay().get() == 0


@pytest.fixture
def worker(redis_url: str) -> Iterator[None]:
    """A Celery worker in a thread, on a real broker."""
    before = {name: celery_app.conf[name] for name in ("broker_url", "task_always_eager")}
    celery_app.conf.update(broker_url=redis_url, task_always_eager=False)
    with start_worker(celery_app, perform_ping_check=False, pool="solo", loglevel="ERROR"):
        yield
    celery_app.conf.update(before)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("_catalog_comes_back")
def test_a_worker_does_what_the_clock_put_on_the_broker(worker: None) -> None:
    done, answers = threading.Event(), []

    def note(retval: Any = None, state: str = "", **kwargs: Any) -> None:
        answers.append((state, retval))
        done.set()

    task_postrun.connect(note, sender=tasks.purge_expired, weak=False, dispatch_uid="test")
    try:
        with celery_app.connection_for_write() as connection:  # not the pool's, which earlier tests may have opened
            tasks.purge_expired.apply_async(connection=connection)
        assert done.wait(30)
    finally:
        task_postrun.disconnect(sender=tasks.purge_expired, dispatch_uid="test")
    assert answers == [("SUCCESS", 0)]


def test_a_task_that_a_lost_worker_took_is_done_by_another() -> None:
    assert celery_app.conf.task_acks_late
    assert celery_app.conf.task_ignore_result
    assert timedelta(seconds=celery_app.conf.task_time_limit) <= timedelta(minutes=5)
