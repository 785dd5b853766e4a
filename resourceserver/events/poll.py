"""Events that are fetched: every half second, and at once again while some came, to acknowledge them.

Obeys: RFC 8936 §2.2 (request), §2.4 (acknowledging and reporting), §2.5 (answer).
"""

import asyncio
from typing import Any

from resourceserver.events.calls import Caller, NoAnswer
from resourceserver.events.memory import Memory
from resourceserver.events.sets import SetRefused
from resourceserver.events.stream import POLL_PATH, Source, StreamGone, Subscription

METHOD = "urn:ietf:rfc:8936"
MAX_EVENTS = 100
MAX_SETS_IN_ANSWER = 1000
SHORTEST_PAUSE_SECONDS = 0.05
ASK_AGAIN_SECONDS = 5.0


class PollSubscription(Subscription):
    """Fresh while the last completed poll was begun a moment ago, on a stream that proved to work."""

    def __init__(self, source: Source, memory: Memory) -> None:
        super().__init__(source, memory)
        self._is_verified = False
        self._done: list[str] = []
        self._refused: dict[str, dict[str, str]] = {}

    def delivery(self) -> dict[str, Any]:
        """Ask to be polled."""
        return {"method": METHOD}

    def verified(self, asked_at: float) -> None:
        """Know that events come this way."""
        self._is_verified = True

    async def attend(self, call: Caller) -> None:
        """Poll until the stream is gone."""
        self._is_verified = False
        self._done, self._refused = [], {}
        asked_at = self.source.clock()
        await self.ask_verification(call)
        while True:
            if not self._is_verified and self.source.clock() - asked_at > ASK_AGAIN_SECONDS:
                asked_at = self.source.clock()
                await self.ask_verification(call)
            await asyncio.sleep(await self._attempt(call))

    async def _attempt(self, call: Caller) -> float:
        """Poll once; return the seconds to wait before the next time. The stream outlives polls that fail."""
        begun_at = self.source.clock()
        try:
            anything_new = await self._poll(call, begun_at)
        except NoAnswer as error:
            self.complain(f"not fresh: {error}")
            if not self.memory.is_fresh:
                self.memory.lose()
            return min(self.next_retry(), self.source.pace.last_retry / 10)
        taken = self.source.clock() - begun_at
        return 0 if anything_new else max(SHORTEST_PAUSE_SECONDS, self.source.pace.poll - taken)

    async def _poll(self, call: Caller, begun_at: float) -> bool:
        """Fetch and take what there is; return whether any of it was new."""
        done, refused = self._done[:MAX_EVENTS], dict(self._refused)
        asking = {"maxEvents": MAX_EVENTS, "returnImmediately": True, "ack": done, "setErrs": refused}
        reply = await call.post(f"{POLL_PATH}/{self.stream_id}", asking)
        if reply.status == 404:
            raise StreamGone
        if reply.status != 200:
            raise NoAnswer(f"status {reply.status}")
        self._done = self._done[len(done) :]
        self._refused = {jti: why for jti, why in self._refused.items() if jti not in refused}
        answer = reply.members()
        anything_new = await self._take_all(_sets(answer))
        # Behind while there is more: an event not yet fetched may be about any answer.
        if self._is_verified and answer.get("moreAvailable") is not True:
            self.fresh_until(begun_at + self.source.pace.poll_good_for)
        return anything_new

    async def _take_all(self, found: dict[str, Any]) -> bool:
        """Take each token; return whether one was new. Raises NoAnswer at the end if some key could not be had."""
        anything_new, unknown_key = False, None
        for jti, compact in found.items():
            try:
                anything_new |= await self._take_one(jti, compact)
            except NoAnswer as error:
                # It is the end of somebody's access, and cannot be read yet.
                self.memory.lose()
                unknown_key = error
        if unknown_key is not None:
            raise unknown_key
        return anything_new

    async def _take_one(self, jti: str, compact: Any) -> bool:
        try:
            if not isinstance(compact, str):
                raise SetRefused("invalid_request", "Not a signed token in compact form.")
            is_new = await self.take(compact, jti=jti)
        except SetRefused as error:
            self.complain(f"refused an event: {error}")
            # It came from the authorization server itself, so it may well be about an answer that is remembered here.
            self.memory.lose()
            self._refused[jti] = {"err": error.code, "description": error.description}
            return False
        self._done.append(jti)
        return is_new


def _sets(answer: dict[str, Any]) -> dict[str, Any]:
    found = answer.get("sets")
    if not isinstance(found, dict) or len(found) > MAX_SETS_IN_ANSWER:
        raise NoAnswer("the answer has no good sets")
    return found
