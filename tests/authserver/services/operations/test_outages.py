"""While the cache's server or the broker is away: work goes on with less, and it is said once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache, caches

from authserver.celery import app
from authserver.services import background
from authserver.services.operations import shared_cache
from tests.people import App, World
from tests.servers import free_port


@pytest.fixture
def away(settings: Any) -> Iterator[str]:
    """An address at which no server listens."""
    address = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {"default": {"BACKEND": f"{shared_cache.__name__}.SharedCache", "LOCATION": address}}
    yield address
    caches["default"].clear()
    shared_cache.SharedCache._away_until = 0.0


def test_without_its_server_limits_count_in_the_process_and_that_is_logged_once(
    away: str, world: World, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 2
    App.register()
    App.register()
    with pytest.raises(AssertionError, match="too_many_requests"):
        App.register()
    cache.set("a", 1)
    assert (cache.get("a"), cache.incr("a"), cache.get_many(["a", "b"])) == (1, 2, {"a": 2})
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert said == ["the shared cache is away, limits are counted per process: ConnectionError"]
    assert away not in caplog.text


def test_a_server_that_is_back_is_used_again(away: str, redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    cache.set("a", "of this process")
    there = shared_cache.SharedCache(redis_url, {})
    there.clear()
    assert cache.is_away  # type: ignore[attr-defined]
    assert there.get("a") is None or there.is_away  # not asked within two seconds
    shared_cache.SharedCache._away_until = 0.001  # they are over
    there.set("a", "of all")
    assert (there.is_away, there.get("a")) == (False, "of all")
    assert "the shared cache is back" in caplog.text


def test_a_broker_that_is_away_fails_nothing_and_is_named_without_its_address(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_away_until", 0.0)
    monkeypatch.setattr(app, "_pool", None)  # connections to another broker, of tests before
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    address = f"redis://127.0.0.1:{free_port()}/1"
    changes = {"task_always_eager": False, "broker_url": address, "broker_connection_retry": False}
    kept = {name: app.conf[name] for name in changes}
    app.conf.update(changes)
    try:
        background.begin("authserver.tasks.send_notices")
        background.begin("authserver.tasks.link_events")  # nobody waits for it a second time
    finally:
        app.conf.update(kept)
    assert "no broker for authserver.tasks.send_notices" in caplog.text
    assert "link_events" not in caplog.text
    assert address not in caplog.text
