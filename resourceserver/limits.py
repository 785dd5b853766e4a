"""What is counted and written down about callers: calls per minute, usage per tool, the audit log.

Everything in memory is bounded; what was not seen for longest gives way. Audit lines carry ids and public codes
only, never a credential, a session id or anything else the caller wrote.
"""

import json
import logging
import math
from collections import OrderedDict
from dataclasses import dataclass

from resourceserver.endpoints import Endpoint
from resourceserver.introspection import Identity
from resourceserver.telemetry.onward import request_id

logger = logging.getLogger("resourceserver.audit")


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """``per_minute`` calls for each key, all of which may come at once. 0 switches the limit off."""

    def __init__(self, *, per_minute: int = 600, max_keys: int = 20_000) -> None:
        self._per_minute = per_minute
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, *, now: float) -> int:
        """Count one call at ``now`` (seconds of a monotonic clock); return 0, or the whole seconds to wait."""
        if self._per_minute <= 0:
            return 0
        bucket = self._bucket(key, now)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) * 60 / self._per_minute))

    def _bucket(self, key: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(self._per_minute, now))
        earned = max(0.0, now - bucket.filled_at) * self._per_minute / 60
        bucket.tokens = min(self._per_minute, bucket.tokens + earned)
        bucket.filled_at = now
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return bucket


@dataclass(frozen=True)
class ToolCall:
    """One admitted call: which tool, at which resource, by whom (None where no credential was needed)."""

    tool: str
    resource: str
    person: str | None
    handle: str | None
    client_id: str | None


class Usage:
    """How often each tool was called, per person and handle."""

    def __init__(self, *, max_rows: int = 10_000) -> None:
        self._max_rows = max_rows
        self._counts: OrderedDict[ToolCall, int] = OrderedDict()

    def add(self, call: ToolCall) -> None:
        """Count one call."""
        self._counts[call] = self._counts.get(call, 0) + 1
        self._counts.move_to_end(call)
        if len(self._counts) > self._max_rows:
            self._counts.popitem(last=False)

    def snapshot(self) -> dict[ToolCall, int]:
        """Return the counts as they are now."""
        return dict(self._counts)


def record(event: str, *, endpoint: Endpoint, identity: Identity | None = None, **facts: str | None) -> None:
    """Write one audit line. ``event`` is a ``subject:verb`` in the past tense; ``facts`` are ids and codes."""
    line: dict[str, str | None] = {"event": event, "resource": endpoint.resource}
    line |= {name: value for name, value in facts.items() if value is not None}
    if request_id():
        line["request"] = request_id()
    if identity is not None:
        line |= {
            "connection": identity.connection_id,
            "client": identity.client_id,
            "person": identity.person,
            "handle": identity.handle,
        }
    logger.info(json.dumps(line))
