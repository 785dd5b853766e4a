"""Calls are told in bundles, soon where somebody waits, and never at a call's expense."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from resourceserver.reports import Call, ReportPace, Reports
from resourceserver.trace.steps import Step
from tests.resourceserver.events.conftest import until
from tests.resourceserver.fakes import SECRETS, run

QUICK = ReportPace(regular=0.02, urgent=0.005, rest=0)


class Listener:
    """Takes reports; ``answers`` are given first, one each."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, list[dict[str, Any]]]] = []
        self.refused = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.answers.pop(0) if self.answers else 202
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            self.refused += 1
            raise answer
        if answer == 202:
            self.taken.append((request.headers["authorization"], json.loads(request.content)["calls"]))
        else:
            self.refused += 1
        return httpx2.Response(answer, json={})

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [call for _, calls in self.taken for call in calls]


def call(number: int = 1, **changes: Any) -> Call:
    return Call(**{"connection_id": f"c-{number}", "tool": "list_links", "outcome": "allowed", **changes})


@asynccontextmanager
async def telling(listener: Callable[..., Any], **changes: Any) -> AsyncIterator[Reports]:
    options = {"secrets": SECRETS, "pace": QUICK, "transport": httpx2.MockTransport(listener), **changes}
    reports = Reports("http://as.test", **options)
    await reports.start()
    try:
        yield reports
    finally:
        await reports.stop()


def test_calls_that_are_alike_are_counted_and_told_together():
    listener = Listener()

    async def story() -> None:
        async with telling(listener, now=lambda: 1000.9) as reports:
            for _ in range(5):
                reports.note("rs-main", call(scopes=("mcp.connect", "links.read")))
            reports.note("rs-main", call(2))

    run(story())
    assert listener.calls == [
        {
            "connection_id": "c-1",
            "tool": "list_links",
            "outcome": "allowed",
            "scopes": ["mcp.connect", "links.read"],
            "missing": [],
            "count": 5,
            "at": 1000,
        },
        {
            "connection_id": "c-2",
            "tool": "list_links",
            "outcome": "allowed",
            "scopes": [],
            "missing": [],
            "count": 1,
            "at": 1000,
        },
    ]


def test_each_account_tells_its_own_and_one_that_is_unknown_tells_nothing():
    listener = Listener()

    async def story() -> None:
        async with telling(listener) as reports:
            reports.note("rs-main", call(1))
            reports.note("rs-other", call(2))
            reports.note("rs-nobody", call(3))

    run(story())
    assert sorted(calls[0]["connection_id"] for _, calls in listener.taken) == ["c-1", "c-2"]
    assert len({account for account, _ in listener.taken}) == 2


def test_a_call_that_lacked_a_scope_is_told_at_once_with_what_came_beside_it():
    listener = Listener()

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600, urgent=0.05)) as reports:
            reports.note("rs-main", call(1))
            reports.note("rs-main", call(2, outcome="insufficient_scope", missing=("links.write",)))
            reports.note("rs-main", call(3))
            await until(lambda: listener.taken)
            assert len(listener.calls) == 3
            reports.note("rs-main", call(4))
            reports.note("rs-main", call(5, outcome="insufficient_scope", missing=("links.write",)))
            await until(lambda: len(listener.calls) == 5)

    run(story())


def test_what_is_left_is_told_at_the_end():
    listener = Listener()

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600)) as reports:
            for number in range(450):
                reports.note("rs-main", call(number))

    run(story())
    assert len(listener.calls) == 450
    assert max(len(calls) for _, calls in listener.taken) <= 500


def test_counts_of_different_hours_stay_apart():
    listener, hour = Listener(), [3599.0]

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600), now=lambda: hour[0]) as reports:
            reports.note("rs-main", call())
            hour[0] = 3601.0
            reports.note("rs-main", call())

    run(story())
    assert [told["at"] for told in listener.calls] == [3599, 3601]


@pytest.mark.parametrize("failure", [500, 503, 429, 408, httpx2.ConnectError("no"), httpx2.ReadTimeout("slow")])
def test_a_report_that_was_not_taken_is_told_again_with_what_came_since(failure: Any):
    listener = Listener(failure, failure)

    async def story() -> None:
        async with telling(listener) as reports:
            reports.note("rs-main", call())
            await until(lambda: listener.refused)
            reports.note("rs-main", call())
            await until(lambda: listener.taken)

    run(story())
    assert [told["count"] for told in listener.calls] == [2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 302])
def test_a_report_that_was_refused_is_dropped_with_one_line(status: int, caplog: pytest.LogCaptureFixture):
    listener = Listener(status, status, status)

    async def story() -> None:
        async with telling(listener) as reports:
            for number in range(3):
                reports.note("rs-main", call(number))
                await until(lambda: listener.refused == number + 1)  # noqa: B023
            reports.note("rs-main", call(9))
            await until(lambda: listener.taken)

    with caplog.at_level(logging.WARNING):
        run(story())
    assert [told["connection_id"] for told in listener.calls] == ["c-9"]
    assert caplog.text.count("refused") == 1
    assert "rss_main" not in caplog.text


def test_what_cannot_be_told_is_held_within_bounds():
    listener = Listener(*[500] * 1000)

    async def story() -> None:
        async with telling(listener, max_rows=50) as reports:
            for number in range(5000):
                reports.note("rs-main", call(number))
                if number % 500 == 0:
                    await asyncio.sleep(0)
            listener.answers.clear()

    run(story())
    assert len(listener.calls) == 50
    assert listener.calls[-1]["connection_id"] == "c-4999"


def test_a_listener_that_hangs_holds_up_neither_calls_nor_the_end():
    async def never() -> int:
        await asyncio.Event().wait()
        return 202

    listener = Listener(*[never] * 10)

    async def story() -> float:
        async with telling(listener) as reports:
            reports.note("rs-main", call())
            await asyncio.sleep(0.05)
            for _ in range(1000):  # who waited for it would wait for ever
                reports.note("rs-main", call(outcome="insufficient_scope"))
            began = time.monotonic()
        return time.monotonic() - began

    assert run(story()) < 20


def test_a_fault_of_ours_does_not_end_the_telling(caplog: pytest.LogCaptureFixture):
    listener = Listener(RuntimeError("a bug"))

    async def story() -> None:
        async with telling(listener) as reports:
            reports.note("rs-main", call(1))
            await until(lambda: listener.refused)
            reports.note("rs-main", call(2))
            await until(lambda: listener.taken)

    with caplog.at_level(logging.WARNING):
        run(story())
    assert "RuntimeError" in caplog.text


def test_calls_are_counted_before_it_starts_and_it_starts_again_after_it_stopped():
    listener = Listener()
    reports = Reports("http://as.test", secrets=SECRETS, pace=QUICK, transport=httpx2.MockTransport(listener))
    reports.note("rs-main", call(1, outcome="insufficient_scope"))

    async def story(number: int) -> None:
        await reports.start()
        await reports.start()
        reports.note("rs-main", call(number))
        await reports.stop()
        await reports.stop()

    run(story(2))
    run(story(3))
    assert [told["connection_id"] for told in listener.calls] == ["c-1", "c-2", "c-3"]


def step(**changes: Any) -> Step:
    return Step(**{"kind": "challenge", "ok": False, "resource": "r", "address": "a", "agent": "", **changes})


def test_steps_are_told_at_once_in_a_report_of_their_own_and_a_refusal_of_it_loses_no_call():
    bodies: list[dict[str, Any]] = []

    async def listener(request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        bodies.append(body)
        return httpx2.Response(400 if "steps" in body else 202, json={})

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600, urgent=0.01), now=lambda: 1000.5) as reports:
            reports.note("rs-main", call())
            assert reports.note_step("rs-main", step(), "id-1") == "id-1"
            assert reports.note_step("rs-main", step(), "id-2") == "id-1"
            assert reports.note_step("rs-nobody", step(), "id-3") == ""
            await until(lambda: len(bodies) == 2)
            reports.note("rs-main", call(2))

    run(story())
    told, steps, rest = bodies
    assert (len(told["calls"]), len(rest["calls"]), "steps" in told) == (1, 1, False)
    assert (steps["calls"], steps["sent_at"]) == ([], 1000.5)
    assert [(each["request_id"], each["count"], each["at"]) for each in steps["steps"]] == [("id-1", 2, 1000.5)]


def test_steps_of_an_outage_are_told_as_soon_as_the_authorization_server_is_heard_again():
    taken: list[dict[str, Any]] = []
    is_away, failed = [True], []

    async def listener(request: httpx2.Request) -> httpx2.Response:
        if is_away[0]:
            failed.append(request)
            raise httpx2.ConnectError("away")
        taken.extend(json.loads(request.content)["steps"])
        return httpx2.Response(202, json={})

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600, urgent=0.01)) as reports:
            reports.note_step("rs-main", step(code="introspection:unclear"), "id-1")
            await until(lambda: failed)
            is_away[0] = False
            reports.try_again()  # or it waits for the next regular sending
            await until(lambda: taken)

    run(story())
    assert [each["request_id"] for each in taken] == ["id-1"]


def test_in_a_flood_is_told_no_more_often_than_the_rest_between_two_allows():
    sent: list[tuple[float, int]] = []

    async def listener(request: httpx2.Request) -> httpx2.Response:
        sent.append((time.monotonic(), json.loads(request.content)["steps"][0]["count"]))
        return httpx2.Response(202, json={})

    async def story() -> None:
        async with telling(listener, pace=ReportPace(regular=3600, urgent=0.01, rest=0.1)) as reports:
            while len(sent) < 4:
                reports.note_step("rs-main", step(), "id-1")
                await asyncio.sleep(0)

    run(story())
    first = sent[:4]
    assert all(later[0] - earlier[0] > 0.05 for earlier, later in pairwise(first))
    assert min(count for _, count in first[1:]) > 10
