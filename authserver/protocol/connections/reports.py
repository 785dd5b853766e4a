"""What a resource server reports about tool calls: read strictly, so that a mistake is told, and taken with care, since
whoever reports may be wrong about anything but its own calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from authserver import policy
from authserver.protocol.connections import report_members as members
from authserver.protocol.connections.report_members import Wrong, malformed
from authserver.protocol.errors import Refusal
from authserver.protocol.scopes import is_token


class Outcome(StrEnum):
    ALLOWED = "allowed"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    LIMITED = "limited"


@dataclass(frozen=True)
class Call:
    """Calls of one tool under one connection. `missing` is empty unless scopes were missing."""

    connection_id: UUID
    tool: str
    scopes: str
    missing: tuple[str, ...]
    outcome: Outcome
    count: int
    at: datetime


def parse(body: object, *, now: datetime) -> tuple[Call, ...] | Refusal:
    """Return the calls of a report, or which member of it is wrong.

    A count beyond policy.REPORT_COUNT_MAX stands for that many; a time that cannot be is `now`; what nobody can read
    in a tool's name is replaced.
    """
    calls = body.get("calls") if isinstance(body, dict) else None
    if not isinstance(calls, list):
        return malformed("calls must be a list")
    if len(calls) > policy.REPORT_CALLS_MAX:
        return malformed(f"calls holds more than {policy.REPORT_CALLS_MAX} entries")
    read = []
    for number, entry in enumerate(calls):
        try:
            read.append(_call(entry, now))
        except Wrong as wrong:
            return malformed(f"calls[{number}]{wrong}")
    return tuple(read)


def _call(entry: object, now: datetime) -> Call:
    if not isinstance(entry, dict):
        raise Wrong(" must be an object")
    outcome = _outcome(entry)
    missing = _scopes(entry, "missing")[: policy.REPORT_WISHES_PER_CALL_MAX]
    return Call(
        connection_id=members.connection_id(entry),
        tool=members.tool(entry),
        scopes=_joined(_scopes(entry, "scopes")),
        missing=missing if outcome == Outcome.INSUFFICIENT_SCOPE else (),
        outcome=outcome,
        count=members.count(entry),
        at=_at(entry, now),
    )


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    try:
        return Outcome(entry.get("outcome"))  # type: ignore[arg-type]
    except ValueError:
        raise Wrong(f".outcome must be one of {', '.join(Outcome)}") from None


def _scopes(entry: Mapping[str, Any], member: str) -> tuple[str, ...]:
    names = entry.get(member, [])
    if not isinstance(names, list) or len(names) > policy.SCOPE_COUNT_MAX or not all(map(is_token, names)):
        raise Wrong(f".{member} must be a list of scopes")
    return tuple(dict.fromkeys(names))


def _joined(names: tuple[str, ...]) -> str:
    """Return the scopes in one order, as many as there is room for."""
    text = ""
    for name in sorted(names):
        longer = f"{text} {name}".strip()
        if len(longer) <= policy.TOOL_SCOPES_LENGTH_MAX:
            text = longer
    return text


def _at(entry: Mapping[str, Any], now: datetime) -> datetime:
    at = entry.get("at", now.timestamp())
    if not isinstance(at, int | float) or isinstance(at, bool):
        raise Wrong(".at must be a time in seconds")
    earliest, latest = now - policy.REPORT_AGE_MAX, now + policy.REPORT_AHEAD_MAX
    if not earliest.timestamp() <= at <= latest.timestamp():  # NaN is not either
        return now
    return datetime.fromtimestamp(at, UTC)
