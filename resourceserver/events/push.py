"""Events that are sent to us: each as a POST, to an address that only the authorization server was told.

What arrives proves only that this one arrived. So the subscription keeps asking to be verified, and is fresh for a
moment after each verification that came the same way.

Obeys: RFC 8935 §2.1 (request), §2.2 (202, nothing in it), §2.3 (400 and its body), §2.4 (codes).
"""

import asyncio
import json
import secrets
from hmac import compare_digest
from typing import Any

from resourceserver.answers import Answer, Receive, RequestView, json_answer, read_body
from resourceserver.challenges import RETRY_AFTER_SECONDS
from resourceserver.events.calls import Caller, NoAnswer
from resourceserver.events.memory import Memory
from resourceserver.events.sets import MAX_CHARACTERS, SetRefused
from resourceserver.events.stream import Source, Subscription

METHOD = "urn:ietf:rfc:8935"
CONTENT_TYPE = "application/secevent+jwt"


class PushSubscription(Subscription):
    """Fresh for a moment after each verification that arrived; asks for one again and again.

    ``url`` is where this process is reached; what is told is an address below it that nobody can guess, so that only
    the authorization server can make us check signatures, and no other process of ours answers for this one.
    """

    def __init__(self, source: Source, memory: Memory, *, url: str) -> None:
        super().__init__(source, memory)
        self._url = url
        self._name = ""

    def delivery(self) -> dict[str, Any]:
        """Ask to be sent events at a new address."""
        self._name = secrets.token_urlsafe(24)
        return {"method": METHOD, "endpoint_url": f"{self._url}/{self._name}"}

    def is_at(self, name: str) -> bool:
        """Return whether ``name`` is the last segment of this subscription's address."""
        return bool(self._name) and compare_digest(name.encode(), self._name.encode())

    def verified(self, asked_at: float) -> None:
        """Be fresh for a moment, counted from when it was asked for."""
        self.fresh_until(asked_at + self.source.pace.push_good_for)

    async def attend(self, call: Caller) -> None:
        """Ask for verifications until the stream is gone."""
        while True:
            try:
                await self.ask_verification(call)
            except NoAnswer as error:
                # The last verification is still good for a while, but who would send us events does not answer.
                self.memory.lose()
                self.complain(f"not verified: {error}")
            await asyncio.sleep(self.source.pace.verify)
            if not self.memory.is_fresh:
                self.memory.lose()

    async def receive(self, request: RequestView, receive: Receive) -> Answer:
        """Take the token in a request, and answer it. Raises ClientGone."""
        if request.method != "POST":
            return Answer(405, headers=(("Allow", "POST"),))
        body = await read_body(receive, limit_bytes=MAX_CHARACTERS)
        try:
            await self.take(_token(request, body))
        except SetRefused as error:
            told = {"err": error.code, "description": error.description}
            return json_answer(400, json.dumps(told).encode(), (("Content-Language", "en"),))
        except NoAnswer:
            return Answer(503, headers=(("Retry-After", str(RETRY_AFTER_SECONDS)),))
        return Answer(202)


def _token(request: RequestView, body: bytes | None) -> str:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if body is None or media_type != CONTENT_TYPE:
        raise SetRefused("invalid_request", f"Send one token of at most {MAX_CHARACTERS} characters as {CONTENT_TYPE}.")
    return body.decode("latin-1").strip()
