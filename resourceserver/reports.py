"""What tools were called and what came of it, and the steps of connection attempts, told to the authorization server,
so that people can be shown it.

It never delays or fails a call: calls are counted here and sent by a task of its own. Memory is bounded; what this
process holds when it dies is lost. After an unclear end of a sending the same counts are sent again, so that a report
may count twice in an outage, but never a call that was not made.
"""

import asyncio
import logging
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import httpx2

from resourceserver.events.calls import Caller, NoAnswer
from resourceserver.trace.steps import Step, StepBook

Outcome = Literal["allowed", "insufficient_scope", "limited"]

PATH = "/oauth/reports"
MAX_ROWS = 10_000
# Fewer than may be sent at once: with long names, as many as these still fit the size that is taken.
MAX_CALLS_PER_REPORT = 200
MAX_STEPS_PER_REPORT = 100
LAST_RETRY_SECONDS = 30.0
FLUSH_SECONDS = 2.0
# Refused before anybody read which tool was called.
ANY_TOOL = "*"
TRY_LATER = (408, 425, 429)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it is told. ``tool`` is one that this server has, or ANY_TOOL; what callers make up goes nowhere."""

    connection_id: str
    tool: str
    outcome: Outcome
    scopes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportPace:
    """In seconds: how often is sent; how soon after a call that lacked a scope or a step, for which somebody may wait;
    and how long at least lies between two sendings that hurry, whatever comes."""

    regular: float = 2.0
    urgent: float = 0.2
    rest: float = 0.5


@dataclass
class _Count:
    count: int
    at: float


# Counts of different hours stay apart, for whoever is told adds them up by the hour that they are of.
_Row = tuple[Call, int]


class Reports:
    """The calls and steps not yet told, of all accounts. The gate starts and stops it, and notes what it sees.

    ``base_url`` is where the authorization server's ``/oauth/…`` is reached, ``secrets`` maps each account to its
    secret. ``now`` is Unix time; ``pace``, ``now`` and ``transport`` are there for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        secrets: Mapping[str, str],
        max_rows: int = MAX_ROWS,
        pace: ReportPace | None = None,
        now: Callable[[], float] = time.time,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        def book(account: str, secret: str) -> "_Book":
            def line() -> Caller:
                return Caller(base_url, account=account, secret=secret, transport=transport)

            return _Book(account, line, max_rows=max_rows, pace=pace or ReportPace(), now=now)

        self._books = {account: book(account, secret) for account, secret in secrets.items()}

    def note(self, account: str, call: Call) -> None:
        """Count one call, to be told in the name of an account. Never waits and never fails."""
        if book := self._books.get(account):
            book.note(call)

    def note_step(self, account: str, step: Step, request_id: str) -> str:
        """Count one step of a connection attempt; return the id under which it will be told, or nothing where it is
        not. Never waits and never fails."""
        book = self._books.get(account)
        return book.note_step(step, request_id) if book else ""

    def try_again(self) -> None:
        """Send now what could not be told: the authorization server was just heard."""
        for book in self._books.values():
            book.try_again()

    async def start(self) -> None:
        """Begin to send, in the running event loop."""
        for book in self._books.values():
            await book.start()

    async def stop(self) -> None:
        """Send what is left, once and within FLUSH_SECONDS, and end."""
        await asyncio.gather(*(book.stop() for book in self._books.values()))


class _Book:
    """What one account has to tell, and the task that tells it."""

    def __init__(
        self,
        account: str,
        line: Callable[[], Caller],
        *,
        max_rows: int,
        pace: ReportPace,
        now: Callable[[], float],
    ) -> None:
        self._account = account
        self._line = line
        self._max_rows = max_rows
        self._pace = pace
        self._now = now
        self._rows: OrderedDict[_Row, _Count] = OrderedDict()
        self._steps = StepBook()
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._is_over = False
        self._failures = 0
        self._sent_at = -math.inf
        self._complaint = ""

    def note(self, call: Call) -> None:
        at = self._now()
        self._add((call, int(at // 3600)), _Count(1, at))
        if call.outcome == "insufficient_scope":
            self._hurry()

    def note_step(self, step: Step, request_id: str) -> str:
        told = self._steps.add(step, request_id, at=self._now())
        if told:
            self._hurry()
        return told

    def try_again(self) -> None:
        self._failures = 0
        self._hurry()

    def _hurry(self) -> None:
        if self._wake is not None and not self._failures:
            self._wake.set()

    def _add(self, row: _Row, more: _Count) -> None:
        counted = self._rows.setdefault(row, _Count(0, more.at))
        counted.count += more.count
        counted.at = max(counted.at, more.at)
        self._rows.move_to_end(row)
        if len(self._rows) > self._max_rows:
            self._rows.popitem(last=False)
            self._complain("too many different calls to hold; the oldest are lost")

    async def start(self) -> None:
        if self._task is None:
            self._is_over = False
            self._wake = asyncio.Event()
            self._task = asyncio.create_task(self._run(self._wake))

    async def stop(self) -> None:
        task, wake = self._task, self._wake
        self._task = self._wake = None
        if task is None or wake is None:
            return
        self._is_over = True
        wake.set()
        await asyncio.wait([task], timeout=FLUSH_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self, wake: asyncio.Event) -> None:
        async with self._line() as line:
            while not self._is_over:
                await self._pause(wake)
                try:
                    await self._send(line)
                except Exception as error:  # a fault of ours: what comes later shall still be told
                    self._complain(f"lost: {type(error).__name__}")

    async def _pause(self, wake: asyncio.Event) -> None:
        """Wait for the next time: the regular one, sooner where somebody may wait, later after failures."""
        seconds = self._pace.regular
        if self._failures:
            seconds = min(LAST_RETRY_SECONDS, seconds * 2**self._failures) * random.uniform(0.5, 1)  # noqa: S311
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return
        if not self._is_over:
            rest = self._sent_at + self._pace.rest - asyncio.get_running_loop().time()
            await asyncio.sleep(max(self._pace.urgent, rest))  # what comes with it goes with it
            wake.clear()

    async def _send(self, line: Caller) -> None:
        """Send all there is, in as many reports as that takes; stop at the first that has to be sent again.

        Steps have reports of their own: a server that takes none, or refuses one, loses no call by it.
        """
        rounds = math.ceil(len(self._steps) / MAX_STEPS_PER_REPORT)  # steps that come meanwhile wait for the next time
        while self._rows:
            if not self._is_taken(await self._send_calls(line)):
                return
        for _ in range(rounds):
            if not self._is_taken(await self._send_steps(line)):
                return

    def _is_taken(self, problem: str) -> bool:
        self._failures = min(self._failures + 1, 10) if problem else 0
        if problem:
            self._complain(f"not taken yet: {problem}")
        return not problem

    async def _send_calls(self, line: Caller) -> str:
        rows = [self._rows.popitem(last=False) for _ in range(min(len(self._rows), MAX_CALLS_PER_REPORT))]
        calls = [asdict(call) | {"count": counted.count, "at": int(counted.at)} for (call, _), counted in rows]
        if problem := await self._tell(line, {"calls": calls}):
            for row, counted in rows:
                self._add(row, counted)
        return problem

    async def _send_steps(self, line: Caller) -> str:
        rows = self._steps.take(MAX_STEPS_PER_REPORT)
        steps = [row.members() for row in rows]
        if problem := await self._tell(line, {"calls": [], "steps": steps, "sent_at": round(self._now(), 3)}):
            self._steps.put_back(rows)
        return problem

    async def _tell(self, line: Caller, report: dict[str, Any]) -> str:
        """Send one report; return why it has to be sent again, or nothing. A refused one is not sent again."""
        self._sent_at = asyncio.get_running_loop().time()
        try:
            reply = await line.post(PATH, report)
        except NoAnswer as error:
            return str(error)
        if reply.status >= 500 or reply.status in TRY_LATER:
            return f"status {reply.status}"
        if reply.status >= 300:
            self._complain(f"a report was refused and is lost: status {reply.status}")
        else:
            self._complaint = ""
        return ""

    def _complain(self, text: str) -> None:
        """Write a line to the log, once for as long as it stays the same."""
        if text != self._complaint:
            logger.warning("reports of %s: %s", self._account, text)
        self._complaint = text
