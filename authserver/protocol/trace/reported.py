"""Steps of connection attempts as resource servers report them beside their calls: read strictly, so that a mistake is
told, and with times brought to our clock, so that they stand in the right order among our own."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authserver import policy
from authserver.protocol.connections import report_members as members
from authserver.protocol.connections.report_members import Wrong, malformed
from authserver.protocol.errors import Refusal
from authserver.protocol.resources import LENGTH_MAX
from authserver.protocol.trace.steps import Kind

KINDS = {kind.value: kind for kind in (Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.CALL)}
CODE = re.compile(r"(?:[a-z][a-z0-9_]{0,38}:[a-z][a-z0-9_]{0,38})?", re.ASCII)
REQUEST_ID = re.compile(r"(?:[A-Za-z0-9-]{8,36})?", re.ASCII)
DIGEST = re.compile(r"(?:[0-9a-f]{64})?", re.ASCII)
SKEW_SECONDS_MAX = 10**9


@dataclass(frozen=True, kw_only=True)
class Reported:
    """One step at an MCP server. `address` is the caller's, as it was told; `digest`, if any, that of the credential
    which was refused; `clock_skew_seconds` is by how much the reporter's clock is ahead, where that is worth saying."""

    kind: Kind
    ok: bool
    code: str
    at: datetime
    request_id: str
    resource: str
    address: str
    agent: str
    tool: str
    connection_id: UUID | None
    digest: bytes
    count: int
    clock_skew_seconds: int = 0


def parse(body: object, *, now: datetime) -> tuple[Reported, ...] | Refusal:
    """Return the steps of a report, none where it has no `steps`, or which member is wrong.

    How old a step is counts by the clock that said so: from `at` to `sent_at` of the report, policy.REPORT_AGE_MAX at
    most. Without `sent_at` the reporter's clock is taken for ours.
    """
    steps = body.get("steps", []) if isinstance(body, dict) else []
    if not isinstance(steps, list):
        return malformed("steps must be a list")
    if len(steps) > policy.REPORT_STEPS_MAX:
        return malformed(f"steps holds more than {policy.REPORT_STEPS_MAX} entries")
    read = []
    for number, entry in enumerate(steps):
        try:
            read.append(_step(entry, body.get("sent_at") if isinstance(body, dict) else None, now))
        except Wrong as wrong:
            return malformed(f"steps[{number}]{wrong}")
    return tuple(read)


def _step(entry: object, sent_at: object, now: datetime) -> Reported:
    if not isinstance(entry, dict):
        raise Wrong(" must be an object")
    at, skew = _time(entry, sent_at, now)
    return Reported(
        kind=_kind(entry),
        ok=_ok(entry),
        code=_matching(entry, "code", CODE),
        at=at,
        request_id=_matching(entry, "request_id", REQUEST_ID),
        resource=_text(entry, "resource", most=LENGTH_MAX, is_needed=True),
        address=_text(entry, "address"),
        agent=_agent(entry),
        tool=members.tool(entry) if "tool" in entry else "",
        connection_id=members.connection_id(entry) if "connection_id" in entry else None,
        digest=bytes.fromhex(_matching(entry, "credential_digest", DIGEST)),
        count=members.count(entry),
        clock_skew_seconds=skew,
    )


def _kind(entry: Mapping[str, Any]) -> Kind:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Wrong(f".kind must be one of {', '.join(KINDS)}")
    return KINDS[kind]


def _ok(entry: Mapping[str, Any]) -> bool:
    ok = entry.get("ok")
    if not isinstance(ok, bool):
        raise Wrong(".ok must be true or false")
    return ok


def _text(entry: Mapping[str, Any], member: str, *, most: int = LENGTH_MAX, is_needed: bool = False) -> str:
    text = entry.get(member, None if is_needed else "")
    if not isinstance(text, str) or len(text) > most:
        raise Wrong(f".{member} must be a text of at most {most} characters")
    return text


def _matching(entry: Mapping[str, Any], member: str, form: re.Pattern[str]) -> str:
    text = _text(entry, member)
    if not form.fullmatch(text):
        raise Wrong(f".{member} must be of the form {form.pattern}")
    return text


def _agent(entry: Mapping[str, Any]) -> str:
    kept = _text(entry, "agent")[: policy.AGENT_LENGTH_MAX]
    return kept if kept.isprintable() else ""


def _time(entry: Mapping[str, Any], sent_at: object, now: datetime) -> tuple[datetime, int]:
    """Return when it was by our clock, and by how many seconds the other clock is ahead of it, 0 where by few."""
    at, sent = _seconds(entry.get("at", now.timestamp())), _seconds(sent_at)
    if at is None:
        raise Wrong(".at must be a time in seconds")
    if not math.isfinite(at):
        return now, 0
    ours = now.timestamp()
    theirs = sent if sent is not None and math.isfinite(sent) else max(at, ours)
    age = min(max(theirs - at, 0.0), policy.REPORT_AGE_MAX.total_seconds())
    ahead = max(-SKEW_SECONDS_MAX, min(round(theirs - ours), SKEW_SECONDS_MAX))
    return now - timedelta(seconds=age), ahead if abs(ahead) > policy.REPORT_CLOCK_SKEW.total_seconds() else 0


def _seconds(value: object) -> float | None:
    """Return a number of seconds, or None where it is no number. One beyond every clock is not finite."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
