"""The keys that the authorization server signs with, fetched when first needed and when an unknown one turns up."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from resourceserver.events.calls import NoAnswer

REFETCH_SECONDS = 5.0
# A key that was withdrawn is not believed for longer than this.
MAX_AGE_SECONDS = 300.0
MAX_KEYS = 50

# What a key has to say of itself; ``use`` and ``alg`` may be left out (RFC 7517 §4.2, §4.4).
_NEEDED = {"kty": "EC", "crv": "P-256"}
_ALLOWED = {"use": "sig", "alg": "ES256"}


class KeyRing:
    """The signing keys by ``kid``. ``fetch`` returns the members of the key set and raises NoAnswer."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]], *, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, JWK] = {}
        self._tried_at = -inf
        self._fetched_at = -inf
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> JWK | None:
        """Return the key, or None when the authorization server, asked just now, has no such key.

        Raises NoAnswer when that cannot be told: no answer, or keys that lack this one but were fetched a moment ago.
        Whoever sends unknown key ids cannot make us ask more often than every REFETCH_SECONDS.
        """
        async with self._lock:
            if key_id not in self._keys or self._clock() - self._fetched_at > MAX_AGE_SECONDS:
                await self._refetch()
        return self._keys.get(key_id)

    async def _refetch(self) -> None:
        if self._clock() - self._tried_at < REFETCH_SECONDS:
            raise NoAnswer("the signing key is unknown, and the keys were asked for a moment ago")
        self._tried_at = self._clock()
        self._keys = read(await self._fetch())
        self._fetched_at = self._tried_at


def read(members: dict[str, Any]) -> dict[str, JWK]:
    """Return the keys of a key set that sign by ES256, by ``kid``; others are passed over. Raises NoAnswer."""
    listed = members.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise NoAnswer("the answer is not a key set")
    return {one["kid"]: key for one in listed if (key := _key(one)) is not None}


def _key(members: Any) -> JWK | None:
    if not isinstance(members, dict) or not isinstance(members.get("kid"), str):
        return None
    if any(members.get(name) != value for name, value in _NEEDED.items()):
        return None
    if any(members.get(name, value) != value for name, value in _ALLOWED.items()):
        return None
    public = {name: members.get(name) for name in ("kty", "crv", "x", "y", "kid")}
    try:
        return JWK.from_json(json.dumps(public))
    except (JWException, ValueError, TypeError):
        return None
