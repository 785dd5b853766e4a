"""What a resource server reports about tool calls: read strictly, so that a mistake is told, and taken with care, since
whoever reports may be wrong about anything but its own calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from authserver import policy
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


class _Wrong(Exception):
    """Names the member that is not as it has to be."""


def parse(body: object, *, now: datetime) -> tuple[Call, ...] | Refusal:
    """Return the calls of a report, or which member of it is wrong.

    A count beyond policy.REPORT_COUNT_MAX stands for that many; a time that cannot be is `now`; what nobody can read
    in a tool's name is replaced.
    """
    calls = body.get("calls") if isinstance(body, dict) else None
    if not isinstance(calls, list):
        return _refusal("calls must be a list")
    if len(calls) > policy.REPORT_CALLS_MAX:
        return _refusal(f"calls holds more than {policy.REPORT_CALLS_MAX} entries")
    read = []
    for number, entry in enumerate(calls):
        try:
            read.append(_call(entry, now))
        except _Wrong as wrong:
            return _refusal(f"calls[{number}]{wrong}")
    return tuple(read)


def _refusal(what: str) -> Refusal:
    return Refusal("invalid_request", f"{what}.", "report:malformed")


def _call(entry: object, now: datetime) -> Call:
    if not isinstance(entry, dict):
        raise _Wrong(" must be an object")
    outcome = _outcome(entry)
    missing = _scopes(entry, "missing")[: policy.REPORT_WISHES_PER_CALL_MAX]
    return Call(
        connection_id=_connection_id(entry),
        tool=_tool(entry),
        scopes=_joined(_scopes(entry, "scopes")),
        missing=missing if outcome == Outcome.INSUFFICIENT_SCOPE else (),
        outcome=outcome,
        count=max(1, min(_whole(entry), policy.REPORT_COUNT_MAX)),
        at=_at(entry, now),
    )


def _connection_id(entry: Mapping[str, Any]) -> UUID:
    text = entry.get("connection_id")
    try:
        return UUID(text if isinstance(text, str) else "")
    except ValueError:
        raise _Wrong(".connection_id must be the connection_id of an introspection answer") from None


def _tool(entry: Mapping[str, Any]) -> str:
    name = entry.get("tool")
    if not isinstance(name, str) or not name.strip():
        raise _Wrong(".tool must be the name of a tool")
    readable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name[: policy.TOOL_LENGTH_MAX])
    return readable.strip() or "\ufffd"


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    try:
        return Outcome(entry.get("outcome"))  # type: ignore[arg-type]
    except ValueError:
        raise _Wrong(f".outcome must be one of {', '.join(Outcome)}") from None


def _scopes(entry: Mapping[str, Any], member: str) -> tuple[str, ...]:
    names = entry.get(member, [])
    if not isinstance(names, list) or len(names) > policy.SCOPE_COUNT_MAX or not all(map(is_token, names)):
        raise _Wrong(f".{member} must be a list of scopes")
    return tuple(dict.fromkeys(names))


def _joined(names: tuple[str, ...]) -> str:
    """Return the scopes in one order, as many as there is room for."""
    text = ""
    for name in sorted(names):
        longer = f"{text} {name}".strip()
        if len(longer) <= policy.TOOL_SCOPES_LENGTH_MAX:
            text = longer
    return text


def _whole(entry: Mapping[str, Any]) -> int:
    count = entry.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool):
        raise _Wrong(".count must be a whole number")
    return count


def _at(entry: Mapping[str, Any], now: datetime) -> datetime:
    at = entry.get("at", now.timestamp())
    if not isinstance(at, int | float) or isinstance(at, bool):
        raise _Wrong(".at must be a time in seconds")
    earliest, latest = now - policy.REPORT_AGE_MAX, now + policy.REPORT_AHEAD_MAX
    if not earliest.timestamp() <= at <= latest.timestamp():  # NaN is not either
        return now
    return datetime.fromtimestamp(at, UTC)
