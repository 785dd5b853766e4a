"""All subscriptions of one process: one for each account that it asks with."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import httpx2

from resourceserver.answers import Answer, Receive, RequestView
from resourceserver.events.memory import MAX_ENTRIES, Memory, steady_clock
from resourceserver.events.poll import PollSubscription
from resourceserver.events.push import PushSubscription
from resourceserver.events.stream import Pace, Source, Subscription

DEFAULT_PUSH_PATH = "/.well-known/security-events"


class Subscriptions:
    """What an ``IntrospectionClient`` is given as its ``memory``; the gate starts and stops it.

    ``base_url`` is where the authorization server's ``/oauth/…`` is reached, ``secrets`` maps each account to its
    secret. With ``push_url``, events are sent to addresses below it (one process per address); without, they are
    fetched. ``pace``, ``clock``, ``now`` and ``transport`` are there for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        issuer: str,
        former_issuers: Iterable[str] = (),
        secrets: Mapping[str, str],
        push_url: str | None = None,
        max_entries: int = MAX_ENTRIES,
        pace: Pace | None = None,
        clock: Callable[[], float] = steady_clock,
        now: Callable[[], float] = time.time,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        def source(account: str, secret: str) -> Source:
            return Source(
                base_url=base_url,
                issuer=issuer,
                former_issuers=tuple(former_issuers),
                account=account,
                secret=secret,
                pace=pace or Pace(),
                clock=clock,
                now=now,
                transport=transport,
            )

        self._push_path = urlsplit(push_url).path.rstrip("/") if push_url else ""
        self._memories = {name: Memory(name, max_entries=max_entries, clock=clock, now=now) for name in secrets}
        self._subscriptions: list[Subscription] = []
        for name, secret in secrets.items():
            if push_url:
                made: Subscription = PushSubscription(
                    source(name, secret), self._memories[name], url=push_url.rstrip("/")
                )
            else:
                made = PollSubscription(source(name, secret), self._memories[name])
            self._subscriptions.append(made)

    def of(self, account: str) -> Memory | None:
        """Return the memory of an account, or None when it has none."""
        return self._memories.get(account)

    async def start(self) -> None:
        """Begin all subscriptions in the running event loop. Nothing is waited for."""
        for subscription in self._subscriptions:
            await subscription.start()

    async def stop(self) -> None:
        """End all subscriptions and forget everything."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))

    async def receive(self, request: RequestView, receive: Receive) -> Answer | None:
        """Return the answer to a request with an event, or None when the request is not at one of our addresses."""
        above, _, name = request.path.rpartition("/")
        if not self._push_path or above != self._push_path:
            return None
        for subscription in self._subscriptions:
            if isinstance(subscription, PushSubscription) and subscription.is_at(name):
                return await subscription.receive(request, receive)
        return None
