"""The clock's tasks, without a broker and through a real one."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.core.cache import caches
from django.utils import timezone

from authserver import policy
from authserver.celery import app
from authserver.models import AccessToken, Connection, Event
from authserver.tasks import link_events, purge_expired, seal_ledger, verify_ledger
from tests.people import App, World, make_world
from tests.tampering import laid_bare


def test_the_scheduled_tasks_exist(settings: Any) -> None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in app.tasks


def test_every_process_of_the_product_can_ask_for_a_task_by_its_name() -> None:
    """Servers and commands, too: there Celery imports no tasks by itself, as it does in a worker."""
    program = "import django; django.setup(); from celery import current_app; print(*current_app.tasks)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "authserver.settings", "DEBUG": "1"}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert {"authserver.tasks.push_security_events", "authserver.tasks.send_notices"} <= set(told.stdout.split())


def test_without_a_broker_a_task_runs_where_it_is_called(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert purge_expired.delay().result == 1


def test_nothing_live_is_purged(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert purge_expired.delay().result == 0
    assert world.asker.is_active(held.access)


def test_a_purge_that_did_not_come_to_the_end_is_followed_by_others_and_these_by_no_more_than_are_left(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(purge_expired, "apply_async", lambda **how: asked.append(how["kwargs"]["following"]))
    settings.CELERY_TASK_ALWAYS_EAGER = False
    purge_expired()
    assert asked == []  # it came to the end
    monkeypatch.setattr(policy, "PURGE_RUN", timedelta(0))
    purge_expired()
    purge_expired(following=1)
    purge_expired(following=0)
    settings.CELERY_TASK_ALWAYS_EAGER = True  # a request waits for it
    purge_expired()
    assert asked == [policy.PURGE_RUNS_FOLLOWING - 1, 0]


def test_a_task_that_a_lost_worker_took_is_done_by_another_and_none_runs_for_ever() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_ignore_result
    assert 0 < app.conf.task_time_limit <= 300


# Celery's result backend calls what redis-py deprecates; the product itself keeps no results.
@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
def test_a_worker_on_a_real_broker_purges_and_ends_what_nobody_holds(
    redis_url: str, content_restored: None, transactional_db: None, django_db_serialized_rollback: None
) -> None:
    world = make_world()
    world.connect(world.alice, App.register(), handle="acme")
    long_ago = timezone.now() - policy.REFRESH_TOKEN_IDLE_LIFETIME
    Connection.objects.get().refresh_tokens.update(expires_at=long_ago)
    Connection.objects.get().access_tokens.update(expires_at=long_ago)
    real = Celery("tests", broker=redis_url, backend=redis_url, set_as_current=False)
    real.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)
    try:
        with start_worker(real, pool="solo", perform_ping_check=False):
            removed = real.tasks[purge_expired.name].delay().get(timeout=20)
    finally:  # a worker makes its application everybody's
        app.set_current()
        app.set_default()
    assert removed == 2
    assert Connection.objects.get().end_reason == "unused"


def test_rate_limits_count_in_a_real_shared_cache(redis_url: str, db: None, settings: Any) -> None:
    backend = {"BACKEND": "authserver.services.operations.shared_cache.SharedCache", "LOCATION": redis_url}
    settings.CACHES = {"default": backend}
    settings.REGISTRATIONS_PER_MINUTE = 2
    caches["default"].clear()
    statuses = [App.register().registration and 201, App.register().registration and 201]
    assert statuses == [201, 201]
    with pytest.raises(AssertionError, match="too_many_requests"):
        App.register()


def test_the_clock_links_seals_and_verifies_the_events(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    count = Event.objects.count()
    assert link_events.delay().result == count
    assert seal_ledger.delay().result == 0
    assert verify_ledger.delay().result == 0


def test_what_the_nightly_verification_finds_is_in_the_log(
    world: World, chatgpt: App, caplog: pytest.LogCaptureFixture
) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    link_events()
    event = Event.objects.earliest("id")
    with laid_bare():
        Event.objects.filter(pk=event.pk).update(handle="globex")
    assert verify_ledger.delay().result == 1
    assert f"ledger: event {event.pk} of {event.at:%Y-%m-%d} ({event.tag}) was changed" in caplog.text
