"""The shared cache, and what is there while its server is not: each process' own memory.

Rate limits are kept in it. Without its server they are counted per process, which lets a little more through and never
everything; and nothing that a page or an endpoint does fails for want of a cache.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from authserver import policy

log = logging.getLogger(__name__)
AWAY_SECONDS = 2.0  # how long a server that failed is not asked again
SOCKET_SECONDS = 1.0
OPTIONS = {"socket_connect_timeout": SOCKET_SECONDS, "socket_timeout": SOCKET_SECONDS}
# When full, a third of it goes by chance, limits among them: more than a flood from ever so many addresses fills soon.
IN_MEMORY = {"MAX_ENTRIES": policy.CACHE_ENTRIES_MAX}
ACTS = (
    "add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear",
)  # fmt: skip


class SharedCache(RedisCache):
    """Valkey or Redis (settings.CACHE_URL), replaced by memory for as long as it does not answer.

    Every thread has an instance of its own; what one of them finds out about the server, all know.
    """

    _away_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params | {"OPTIONS": OPTIONS | params.get("OPTIONS", {})})
        self._memory = LocMemCache("while the shared cache is away", {"OPTIONS": IN_MEMORY})

    @property
    def is_away(self) -> bool:
        """Tell whether the server failed lately, by what is known without asking it."""
        return self._away_until > time.monotonic()

    def _try(self, act: str, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return self._back(ask(*args, **kwargs))
            except (RedisError, OSError) as error:
                if not self._away_until:
                    log.error("the shared cache is away, limits are counted per process: %s", type(error).__name__)
                SharedCache._away_until = time.monotonic() + AWAY_SECONDS
        return getattr(self._memory, act)(*args, **kwargs)

    def _back(self, answer: Any) -> Any:
        if self._away_until:
            SharedCache._away_until = 0.0
            log.warning("the shared cache is back")
        return answer


def _guarded(act: str) -> Callable[..., Any]:
    of_server = getattr(RedisCache, act)

    def method(self: SharedCache, *args: Any, **kwargs: Any) -> Any:
        return self._try(act, of_server.__get__(self), *args, **kwargs)

    return method


for _act in ACTS:
    setattr(SharedCache, _act, _guarded(_act))
