"""The tools of this server, told to the authorization server, so that people are shown what they allow.

Published when the gate starts, and again until it was taken. It never delays the start; but a tool that was not taken
yet is neither listed nor run, for nobody could have been shown it.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from resourceserver.events.calls import Caller, NoAnswer, Reply
from resourceserver.events.subjects import EVERYTHING
from resourceserver.introspection import Memories
from resourceserver.operations import ToolRule

PATH = "/oauth/tools"
HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")
TITLE_LENGTH_MAX = 200
DESCRIPTION_LENGTH_MAX = 1000
TIMEOUT_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PublishingPace:
    """In seconds: how soon after a failure is tried again, the first time and at the most."""

    first: float = 0.1
    last: float = 30.0
    growth: float = 1.25


def manifest(
    tools: Iterable[Mapping[str, Any]], rules: Mapping[str, ToolRule], *, required: Iterable[str]
) -> list[dict[str, Any]]:
    """Return tools as they are published, from what ``tools/list`` says of them (MCP's own member names), and what the
    gate demands for each. What has no rule is left out: nobody may call it."""
    return [_told(tool, (*required, *rules[tool["name"]].scopes)) for tool in tools if tool["name"] in rules]


def _told(tool: Mapping[str, Any], scopes: tuple[str, ...]) -> dict[str, Any]:
    annotations = tool.get("annotations") or {}
    return {
        "name": tool["name"],
        "title": (tool.get("title") or annotations.get("title") or "")[:TITLE_LENGTH_MAX],
        "description": (tool.get("description") or "")[:DESCRIPTION_LENGTH_MAX],
        "scopes": list(dict.fromkeys(scopes)),
        "annotations": {name: annotations[name] for name in HINTS if annotations.get(name) is not None},
    }


class Publisher:
    """Publishes the same tools in the name of every account. The gate starts and stops it, and asks it.

    ``base_url`` is where the authorization server's ``/oauth/…`` is reached, ``secrets`` maps each account to its
    secret, ``tools`` is what ``manifest`` returns. ``pace`` and ``transport`` are there for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        secrets: Mapping[str, str],
        tools: Iterable[Mapping[str, Any]],
        pace: PublishingPace | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        told = list(tools)

        def task(account: str, secret: str) -> "_Publication":
            def line() -> Caller:
                return Caller(
                    base_url, account=account, secret=secret, timeout_seconds=TIMEOUT_SECONDS, transport=transport
                )

            return _Publication(account, line, told, pace=pace or PublishingPace(), on_taken=self._forget)

        self.names = frozenset(tool["name"] for tool in told)
        self._memory: Memories | None = None
        self._publications = {account: task(account, secret) for account, secret in secrets.items()}

    def forget_with(self, memory: Memories | None) -> None:
        """Have remembered answers dropped when the tools are taken: they cannot know which of them are withheld."""
        self._memory = memory

    def taken(self, account: str) -> frozenset[str]:
        """Return the names of the tools that the authorization server took from this account."""
        publication = self._publications.get(account)
        return self.names if publication is not None and publication.is_taken else frozenset()

    @property
    def is_done(self) -> bool:
        """Whether every account's tools were taken."""
        return all(publication.is_taken for publication in self._publications.values())

    async def start(self) -> None:
        """Begin to publish, in the running event loop. Nothing is waited for."""
        for publication in self._publications.values():
            publication.start()

    async def stop(self) -> None:
        """End."""
        await asyncio.gather(*(publication.stop() for publication in self._publications.values()))

    def _forget(self, account: str) -> None:
        if self._memory is not None and (memory := self._memory.of(account)) is not None:
            memory.drop(EVERYTHING)


class _Publication:
    """The tools of one account, and the task that publishes them."""

    def __init__(
        self,
        account: str,
        line: Callable[[], Caller],
        tools: list[Mapping[str, Any]],
        *,
        pace: PublishingPace,
        on_taken: Callable[[str], None],
    ) -> None:
        self.is_taken = False
        self._account = account
        self._line = line
        self._tools = tools
        self._pace = pace
        self._on_taken = on_taken
        self._task: asyncio.Task[None] | None = None
        self._complaint = ""

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        pause = self._pace.first
        async with self._line() as line:
            while problem := await self._publish(line):
                self._complain(problem)
                await asyncio.sleep(pause * random.uniform(0.75, 1))  # noqa: S311
                pause = min(self._pace.last, pause * self._pace.growth)

    async def _publish(self, line: Caller) -> str:
        """Publish once; return why it has to be tried again, or nothing."""
        try:
            reply = await line.put(PATH, {"tools": self._tools})
            if reply.status != 200:
                return f"status {reply.status}{_sentence(reply)}"
            warnings = reply.members().get("warnings")
        except NoAnswer as error:
            return str(error)
        for warning in warnings if isinstance(warnings, list) else ():
            logger.error("tools of %s: %s", self._account, _readable(warning))
        # In this order: from here on a new tool may run, and no answer from before may say for whom.
        self._on_taken(self._account)
        self.is_taken = True
        return ""

    def _complain(self, problem: str) -> None:
        """Write a line to the log, once for as long as it stays the same."""
        if problem != self._complaint:
            # Not to be heard while both start is usual; to be refused is a mistake that somebody has to mend.
            level = logging.ERROR if problem.startswith("status") else logging.WARNING
            logger.log(level, "tools of %s are not published, so nobody may call them: %s", self._account, problem)
        self._complaint = problem


def _sentence(reply: Reply) -> str:
    """Return what the authorization server says is wrong; it repeats nothing that was sent."""
    try:
        return f", {_readable(reply.members().get('error_description', ''))}"
    except NoAnswer:
        return ""


def _readable(text: object) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:300])
