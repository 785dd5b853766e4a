"""The last result of each endpoint's check, kept in the cache for a while: it is a hint, not a record."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache

from authserver import policy
from authserver.protocol.endpoints.findings import Finding


@dataclass(frozen=True)
class Result:
    """What was found at one endpoint, and when."""

    url: str
    checked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def answers(self) -> bool:
        """Tell whether a client would find its way from this endpoint to us."""
        return all(each.ok for each in self.findings)


def remember(result: Result) -> None:
    """Keep a result as plain values, so that a node of another version can read it."""
    found = [(each.step, each.ok, each.reason, dict(each.facts)) for each in result.findings]
    cache.set(_key(result.url), (result.checked_at, found), int(policy.ENDPOINT_RESULT_KEPT.total_seconds()))


def last(urls: Collection[str]) -> dict[str, Result]:
    """Return the last results that are still kept, by URL."""
    kept = cache.get_many([_key(url) for url in urls])
    return {url: _read(url, kept[_key(url)]) for url in urls if _key(url) in kept}


def _read(url: str, kept: Any) -> Result:
    checked_at, found = kept
    return Result(url, checked_at, tuple(Finding(*each) for each in found))


def _key(url: str) -> str:
    return f"endpoint_check:{hashlib.sha256(url.encode()).hexdigest()}"
