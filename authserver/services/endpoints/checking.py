"""Whether MCP endpoints answer right now, step by step as a client goes."""

import json
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore

from django.conf import settings

from authserver import policy
from authserver.protocol import addresses
from authserver.protocol.endpoints import findings
from authserver.protocol.endpoints.findings import CHALLENGE, CONNECTION, NAME, Answer, Finding
from authserver.services.endpoints import probe, results
from authserver.services.endpoints.results import Result

# What a client says first. Nothing is let in without a credential, so nothing begins.
INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "Gatehouse endpoint check", "version": "1"},
        },
    }
).encode()

_checkers = ThreadPoolExecutor(policy.ENDPOINTS_CHECKED_AT_ONCE, thread_name_prefix="check-endpoint")
_rounds = BoundedSemaphore(policy.ENDPOINT_ROUNDS_AT_ONCE)


@dataclass(frozen=True)
class Busy:
    """So many checks are under way that another would keep people waiting."""


def check_all(urls: Collection[str], *, now: datetime) -> list[Result] | Busy:
    """Check these endpoints side by side and remember each result. Takes policy.ENDPOINT_CHECK_SECONDS at the most,
    however the endpoints behave."""
    if not _rounds.acquire(blocking=False):
        return Busy()
    try:
        deadline = time.monotonic() + policy.ENDPOINT_CHECK_SECONDS
        under_way = {url: _checkers.submit(check, url, deadline=deadline) for url in dict.fromkeys(urls)}
        wait(under_way.values(), timeout=policy.ENDPOINT_CHECK_SECONDS)
    finally:
        _rounds.release()
    found = [Result(url, now, _outcome(future, url)) for url, future in under_way.items()]
    for each in found:
        results.remember(each)
    return found


def _outcome(future: Future[tuple[Finding, ...]], url: str) -> tuple[Finding, ...]:
    if future.done():
        return future.result()
    future.cancel()
    return (findings.fault(CONNECTION, "answer_too_slow", url=url),)


def check(url: str, *, deadline: float) -> tuple[Finding, ...]:
    """Return what was found at each step, up to the first that failed. `deadline` is of time.monotonic()."""
    found = probe.resolve(url, deadline=deadline)
    if isinstance(found, Finding):
        return (found,)
    steps = [_judge_name(found)]
    metadata = probe.ask(findings.metadata_url(url), found, deadline=deadline)
    if not isinstance(metadata, Answer):
        return (*steps, metadata)
    steps += [
        Finding(CONNECTION, True, "connection_good"),
        findings.judge_metadata(metadata, resource=url, issuer=settings.ISSUER),
    ]
    if not steps[-1].ok:
        return tuple(steps)
    challenge = probe.ask(url, found, deadline=deadline, body=INITIALIZE)
    return (*steps, _judge(challenge, url))


def _judge_name(found: list[str]) -> Finding:
    """The name leads somewhere. An address that is not public is worth a word in production: apps that run elsewhere
    may not get there, though we do."""
    is_private = settings.PRODUCTION and not any(addresses.is_public(each) for each in found)
    return Finding(NAME, True, "name_private" if is_private else "name_good")


def _judge(challenge: Answer | Finding, url: str) -> Finding:
    if isinstance(challenge, Answer):
        return findings.judge_challenge(challenge, resource=url)
    return Finding(CHALLENGE, False, challenge.reason, challenge.facts)
