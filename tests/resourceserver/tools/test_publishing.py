"""Tools are published until they were taken, and never at the start's expense; what was refused is loud."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from resourceserver.events.memory import Memory
from resourceserver.events.subjects import Subject
from resourceserver.operations import ToolRule
from resourceserver.tools.publishing import Publisher, PublishingPace, manifest
from tests.resourceserver.events.conftest import until
from tests.resourceserver.fakes import FAR_FUTURE, SECRETS, run

QUICK = PublishingPace(first=0.001, last=0.01)
TOOLS = manifest([{"name": "whoami"}], {"whoami": ToolRule(("mcp.connect",))}, required=["mcp.connect"])


class Taker:
    """Takes tools; ``answers`` are given first, one each."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, str, Any]] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.answers.pop(0) if self.answers else {"resources": [], "warnings": []}
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return answer
        self.taken.append((request.method, request.url.path, json.loads(request.content)))
        return httpx2.Response(200, json=answer)


@asynccontextmanager
async def publishing(taker: Callable[..., Any], **changes: Any) -> AsyncIterator[Publisher]:
    options = {"secrets": SECRETS, "tools": TOOLS, "pace": QUICK, "transport": httpx2.MockTransport(taker), **changes}
    publisher = Publisher("http://as.test", **options)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def test_what_is_published_is_what_clients_are_told_and_what_the_gate_demands():
    wire = {
        "name": "create_link",
        "title": "T" * 300,
        "description": "D" * 2000,
        "annotations": {"title": "other", "readOnlyHint": False, "destructiveHint": None},
        "inputSchema": {},
    }
    rules = {"create_link": ToolRule(("links.write", "mcp.connect"))}
    assert manifest([wire, {"name": "no_rule"}], rules, required=["mcp.connect"]) == [
        {
            "name": "create_link",
            "title": "T" * 200,
            "description": "D" * 1000,
            "scopes": ["mcp.connect", "links.write"],
            "annotations": {"readOnlyHint": False},
        }
    ]
    bare = manifest([{"name": "create_link", "annotations": {"title": "Create"}}], rules, required=[])
    assert (bare[0]["title"], bare[0]["description"], bare[0]["annotations"]) == ("Create", "", {})


def test_each_account_publishes_once_it_is_heard_and_the_start_waits_for_nothing():
    taker = Taker(httpx2.ConnectError("x"), httpx2.Response(503), httpx2.Response(404, content=b"<html>"))

    async def story() -> None:
        async with publishing(taker) as publisher:
            assert not publisher.is_done
            assert publisher.taken("rs-main") == publisher.taken("rs-other") == frozenset()
            await until(lambda: publisher.is_done)
            assert publisher.taken("rs-main") == publisher.taken("rs-other") == {"whoami"}
            assert publisher.taken("rs-nobody") == frozenset()

    run(story())
    assert taker.taken == [("PUT", "/oauth/tools", {"tools": TOOLS})] * 2


@pytest.mark.parametrize(
    "answer", [httpx2.Response(400), httpx2.Response(401), httpx2.Response(202, json={}), httpx2.Response(200)]
)
def test_what_was_not_taken_is_not_run_and_the_log_says_so_once(answer: Any, caplog: pytest.LogCaptureFixture):
    sentence = {"error": "invalid_request", "error_description": "tools[0].name is\nwrong"}
    refusal = httpx2.Response(answer.status_code, json=sentence) if answer.status_code >= 400 else answer
    taker = Taker(*[refusal] * 50)

    async def story() -> None:
        async with publishing(taker, secrets={"rs-main": "rss_main"}) as publisher:
            await until(lambda: len(taker.answers) < 45)
            assert publisher.taken("rs-main") == frozenset()

    with caplog.at_level(logging.WARNING, logger="resourceserver"):
        run(story())
    (record,) = [each for each in caplog.records if each.name == "resourceserver.tools.publishing"]
    line = record.getMessage()
    assert record.levelno == (logging.ERROR if answer.status_code != 200 else logging.WARNING)
    assert line.startswith("tools of rs-main are not published, so nobody may call them: ")
    assert answer.status_code < 400 or "tools[0].name is?wrong" in line
    assert "rss_main" not in caplog.text


def test_a_warning_is_loud(caplog: pytest.LogCaptureFixture):
    taker = Taker({"warnings": ["tools[0] needs a scope that is not in the catalog: nobody can use it."]})

    async def story() -> None:
        async with publishing(taker, secrets={"rs-main": "rss_main"}) as publisher:
            await until(lambda: publisher.is_done)

    run(story())
    assert "not in the catalog" in caplog.text


def test_what_is_remembered_is_dropped_before_new_tools_run_and_what_is_being_asked_is_not_remembered():
    memory = Memory("rs-main", clock=lambda: 0.0, now=lambda: 0.0)
    memory.keep_fresh(1.0)
    ticket = memory.ticket()
    assert ticket is not None
    memory.remember("c", {"active": True}, subject=Subject(), expires_at=FAR_FUTURE, ticket=ticket)

    class Memories:
        def of(self, account: str) -> Memory | None:
            return memory if account == "rs-main" else None

    async def story() -> None:
        release = asyncio.Event()

        async def held() -> dict[str, Any]:
            await release.wait()
            return {}

        taker = Taker(held)
        async with publishing(taker, secrets={"rs-main": "rss_main"}) as publisher:
            publisher.forget_with(Memories())  # type: ignore[arg-type]
            assert memory.recall("c") is not None
            release.set()
            await until(lambda: publisher.is_done)

    run(story())
    assert memory.recall("c") is None
    memory.remember("c", {"active": True}, subject=Subject(), expires_at=FAR_FUTURE, ticket=ticket)
    assert memory.recall("c") is None


def test_stopping_ends_an_attempt_that_hangs():
    async def story() -> None:
        async with publishing(Taker(asyncio.Event().wait, asyncio.Event().wait)):
            await asyncio.sleep(0)

    run(asyncio.wait_for(story(), 60))
