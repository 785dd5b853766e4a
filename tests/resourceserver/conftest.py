"""Fixtures of the resource server's tests."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from resourceserver.sample import config
from resourceserver.sample.server import application
from tests.resourceserver.fakes import FakeAuthorizationServer
from tests.resourceserver.running import ENVIRONMENT, RunningSample, ready, start


@pytest.fixture
def run_sample(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunningSample]]:
    """Start the sample server with changes to its environment."""
    started: list[tuple[RunningSample, Any]] = []

    def run(**environment: str) -> RunningSample:
        server = FakeAuthorizationServer()
        real_client = httpx2.AsyncClient
        monkeypatch.setattr(
            "resourceserver.introspection.httpx2.AsyncClient",
            lambda **options: real_client(**{**options, "transport": httpx2.MockTransport(server)}),
        )
        app = application(config.read({**ENVIRONMENT, **environment}))
        sample = RunningSample(server, app, ThreadPoolExecutor(max_workers=1), asyncio.new_event_loop())
        started.append((sample, sample.run(start(app))))
        sample.run(ready(sample))
        return sample

    yield run
    for sample, stop in started:
        sample.run(stop())
        sample.loop.close()
        sample.thread.shutdown()
