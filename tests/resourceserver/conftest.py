"""Fixtures of the resource server's tests."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

# The helpers beside this file are imported by name, whatever pytest's import mode.
sys.path.insert(0, str(Path(__file__).parent))

from rs_fakes import FakeAuthorizationServer
from rs_sample import ENVIRONMENT, RunningSample, start

from resourceserver.sample import config
from resourceserver.sample.server import application


@pytest.fixture
def run_sample(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunningSample]]:
    """Start the sample server with changes to its environment."""
    stops: list[tuple[asyncio.AbstractEventLoop, Any]] = []

    def run(**environment: str) -> RunningSample:
        server = FakeAuthorizationServer()
        real_client = httpx2.AsyncClient
        monkeypatch.setattr(
            "resourceserver.introspection.httpx2.AsyncClient",
            lambda **options: real_client(**{**options, "transport": httpx2.MockTransport(server)}),
        )
        app = application(config.read({**ENVIRONMENT, **environment}))
        loop = asyncio.new_event_loop()
        stops.append((loop, loop.run_until_complete(start(app))))
        return RunningSample(server, app, loop)

    yield run
    for loop, stop in stops:
        loop.run_until_complete(stop())
        loop.close()
