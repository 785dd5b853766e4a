"""One account's subscription to what ends: it makes a stream, proves that it works, takes what comes, and says whether
the news are fresh. How they come is up to its two kinds, in ``poll`` and ``push``.

Obeys: RFC 8417 §4.1 and RFC 8935 §2.3 (each token counts once); OpenID Shared Signals 1.0 §8.1.4 (verification).
"""

import asyncio
import contextlib
import logging
import random
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from resourceserver.events import sets
from resourceserver.events.calls import Caller, NoAnswer, Reply
from resourceserver.events.keys import KeyRing
from resourceserver.events.memory import Memory
from resourceserver.events.sets import News, SetRefused, Verification

STREAM_PATH = "/oauth/events/stream"
VERIFY_PATH = "/oauth/events/verify"
POLL_PATH = "/oauth/events/poll"
KEYS_PATH = "/oauth/jwks"

MAX_REMEMBERED_IDS = 20_000
MAX_OPEN_QUESTIONS = 16
GOODBYE_SECONDS = 1.0

_STREAM_ID = re.compile(r"[A-Za-z0-9_-]{1,100}\Z", re.ASCII)

logger = logging.getLogger(__name__)


class StreamGone(Exception):
    """The authorization server does not know the stream any more: events may have been lost."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often things are done, in seconds. ``poll_good_for`` and ``push_good_for``: for how long after it was begun
    a completed poll, or a verification that arrived, says that the news are fresh."""

    poll: float = 0.5
    poll_good_for: float = 2.0
    verify: float = 2.0
    push_good_for: float = 5.0
    first_retry: float = 0.5
    last_retry: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who is subscribed, where, and by which clocks. ``transport`` is there for tests."""

    base_url: str
    issuer: str
    account: str
    secret: str
    pace: Pace
    clock: Callable[[], float]
    now: Callable[[], float]
    former_issuers: tuple[str, ...] = ()
    transport: httpx2.AsyncBaseTransport | None = None

    def __repr__(self) -> str:
        return f"Source({self.account} at {self.base_url})"

    def call(self) -> Caller:
        """Open a line."""
        return Caller(self.base_url, account=self.account, secret=self.secret, transport=self.transport)


class Subscription:
    """Keeps ``memory`` told, from ``start`` to ``stop``. Whatever goes wrong, it says so in the log and tries again;
    until it works the memory is not fresh, and everybody asks."""

    def __init__(self, source: Source, memory: Memory) -> None:
        self.source = source
        self.memory = memory
        self.stream_id = ""
        self._issuer = source.issuer  # as the stream was made
        self._keys: KeyRing | None = None
        self._task: asyncio.Task[None] | None = None
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._retries = 0
        self._complaint = ""

    async def start(self) -> None:
        """Begin, in the running event loop. Nothing is waited for."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and tell the authorization server that this stream is over."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.memory.lose()
        if self.stream_id:
            with contextlib.suppress(NoAnswer, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS), self.source.call() as call:
                    await call.delete(f"{STREAM_PATH}?stream_id={self.stream_id}")
            self.stream_id = ""

    async def take(self, compact: str, *, jti: str | None = None) -> bool:
        """Believe a token and do what it says, unless it was taken before; return whether it is new.

        ``jti`` is the name it came under, where it came under one. Raises SetRefused; NoAnswer when its key cannot be
        had just now.
        """
        key_id = sets.key_id(compact)
        if self._keys is None:
            raise NoAnswer("not subscribed")
        key = await self._keys.find(key_id)
        if key is None:
            raise SetRefused("invalid_key", "Signed with an unknown key.")
        source = self.source
        news = sets.read(compact, key=key, issuer=self._issuer, audience=source.account, now=source.now())
        if jti not in (None, news.jti):
            raise SetRefused("invalid_request", "It came under another jti.")
        is_new = news.jti not in self._taken
        if is_new:
            self._obey(news)
        return is_new

    def _obey(self, news: News) -> None:
        # Only now that it is believed: a forged token must not be able to hide a true one.
        self._taken[news.jti] = None
        if len(self._taken) > MAX_REMEMBERED_IDS:
            self._taken.popitem(last=False)
        if news.subject is not None:
            self.memory.drop(news.subject)
        if news.verification is not None:
            self._heed(news.verification)

    def _heed(self, verification: Verification) -> None:
        """Take the answer to a question of ours, about the stream of now."""
        if verification.stream_id == self.stream_id:
            asked_at = self._asked.pop(verification.state, None)
            if asked_at is not None:
                self.verified(asked_at)

    async def _run(self) -> None:
        async with self.source.call() as call:
            self._keys = KeyRing(lambda: _members(call, KEYS_PATH), clock=self.source.clock)
            try:
                while True:
                    await self._subscribe_once(call)
            finally:
                self._keys = None

    async def _subscribe_once(self, call: Caller) -> None:
        try:
            await self._make_stream(call)
            await self.attend(call)
        except StreamGone:
            self.complain("the stream is gone, making another")
        except NoAnswer as error:
            self.complain(f"no subscription: {error}")
        except Exception as error:  # a fault of ours: everybody asks meanwhile, which is safe
            self.complain(f"no subscription: {type(error).__name__}")
        self.memory.lose()
        await asyncio.sleep(self.next_retry())

    async def _make_stream(self, call: Caller) -> None:
        self.stream_id = ""
        self._asked.clear()
        reply = await call.post(STREAM_PATH, {"delivery": self.delivery()})
        if reply.status != 201:
            raise NoAnswer(_why(reply))
        members = reply.members()
        stream_id = members.get("stream_id")
        if not isinstance(stream_id, str) or not _STREAM_ID.match(stream_id):
            raise NoAnswer("the answer has no good stream_id")
        if (
            members.get("iss") not in (self.source.issuer, *self.source.former_issuers)
            or members.get("aud") != self.source.account
        ):
            raise NoAnswer("the stream is another issuer's, or for another resource server")
        self.stream_id, self._issuer = stream_id, members["iss"]

    async def ask_verification(self, call: Caller) -> None:
        """Ask for a verification event. Raises StreamGone, NoAnswer."""
        state = secrets.token_urlsafe(24)
        self._asked[state] = self.source.clock()
        if len(self._asked) > MAX_OPEN_QUESTIONS:
            self._asked.popitem(last=False)
        reply = await call.post(VERIFY_PATH, {"stream_id": self.stream_id, "state": state})
        if reply.status == 404:
            raise StreamGone
        if reply.status >= 300:
            raise NoAnswer(_why(reply))

    def fresh_until(self, moment: float) -> None:
        """Say that the news are fresh, up to a moment of the clock."""
        self.memory.keep_fresh(moment)
        if self.memory.is_fresh:
            self._retries = 0
            self._complaint = ""

    def next_retry(self) -> float:
        """Return how many seconds to wait before the next attempt: twice as long each time, and never all at once."""
        pace = self.source.pace
        seconds = min(pace.last_retry, pace.first_retry * 2 ** min(self._retries, 16))
        self._retries += 1
        return seconds * random.uniform(0.5, 1)  # noqa: S311  (no secret)

    def complain(self, text: str) -> None:
        """Write a line to the log, once for as long as it stays the same."""
        if text != self._complaint:
            logger.warning("security events of %s: %s", self.source.account, text)
        self._complaint = text

    # What the two kinds do in their own way

    def delivery(self) -> dict[str, Any]:
        """Return how events are wanted, for the request that makes the stream."""
        raise NotImplementedError

    async def attend(self, call: Caller) -> None:
        """Keep the stream that was just made fresh, for as long as it exists. Raises StreamGone, NoAnswer."""
        raise NotImplementedError

    def verified(self, asked_at: float) -> None:
        """Hear that the stream works: a verification arrived that was asked for at this time of the clock."""
        raise NotImplementedError


def _why(reply: Reply) -> str:
    if reply.status == 401:
        return "the authorization server refuses this resource server's id or secret: check the settings"
    if reply.status == 400:
        return "the authorization server does not deliver events this way or to this address"
    return f"status {reply.status}"


async def _members(call: Caller, path: str) -> dict[str, Any]:
    reply = await call.get(path)
    if reply.status != 200:
        raise NoAnswer(_why(reply))
    return reply.members()
