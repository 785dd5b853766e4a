"""Steps of connection attempts, kept in memory for a moment, then written with one statement.

Noting costs an append and waits for nobody, so it may stand on any road but introspection's. Memory and disk are
bounded: one caller gets policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE, a process policy.TRACE_HELD_MAX, of which strangers
get policy.TRACE_STRANGERS_HELD_MAX: a flood from ever so many addresses leaves room for the steps that belong to a
person or a connection, and those count for them, not for the address that many share. What comes beyond, or is held
when the process is killed, is lost: a trace is a sample, the events are the record.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import salted_hmac

from authserver import policy
from authserver.models import TraceStep
from authserver.protocol.trace.steps import Kind, Step
from authserver.services import batches, events, statements
from authserver.services.batches import Pace
from authserver.services.events import RequestFacts

COLUMNS = (
    "at", "kind", "ok", "code", "request_id", "flow", "origin", "agent", "client_id", "resource", "handle", "person_id",
    "connection_id", "count", "detail",
)  # fmt: skip
MINUTE = timedelta(minutes=1)
ORIGIN_LENGTH = 22

_lock = Lock()
_held: list[Step] = []  # `origin` is the address itself here, and never written so
_held_of_strangers = 0
_of_minute: dict[object, int] = {}
_minute_began = datetime.min.replace(tzinfo=timezone.get_default_timezone())


def note(
    kind: Kind,
    *,
    ok: bool = True,
    code: str = "",
    facts: RequestFacts | None = None,
    flow: str = "",
    client_id: str = "",
    resource: str = "",
    handle: str = "",
    person_id: UUID | None = None,
    connection_id: UUID | None = None,
    **detail: str | int,
) -> None:
    """Take in one step of an attempt. `facts` is of the request, by default the current one; `detail` holds names and
    numbers of ours: never a secret, never what a stranger wrote freely. Nothing is raised or waited for."""
    facts, at = facts or events.current_request.get(), timezone.now()
    if facts.agent == events.DOCTOR:
        return  # nobody's attempt
    if not _is_admitted(connection_id or person_id, facts.address or "", at):
        return  # before a step is made: a flood costs next to nothing
    step = Step(
        at=at, kind=kind, ok=ok, code=code, request_id=facts.request_id, flow=flow,
        origin=facts.address or "", agent=facts.agent, client_id=client_id, resource=resource, handle=handle,
        person_id=person_id, connection_id=connection_id, detail=detail,
    )  # fmt: skip
    with _lock:
        _held.append(step)


def take(step: Step) -> None:
    """Take in a step as it is, its `origin` being the caller's address."""
    if step.agent != events.DOCTOR and _is_admitted(step.connection_id or step.person_id, step.origin, step.at):
        with _lock:
            _held.append(step)


def _is_admitted(known: UUID | None, address: str, at: datetime) -> bool:
    """Count one who comes, and tell whether there is room for their step; `known` is whose it is, if anybody's."""
    global _held_of_strangers
    with _lock:
        if len(_held) >= policy.TRACE_HELD_MAX:
            return False
        if not known and _held_of_strangers >= policy.TRACE_STRANGERS_HELD_MAX:
            return False
        admitted = _is_within_limit(known or address, at)
        _held_of_strangers += admitted and not known
    return admitted


def _is_within_limit(caller: object, at: datetime) -> bool:
    global _minute_began
    # More callers than can be counted begin a new minute: to be counted too little is better than not to be heard.
    if at - _minute_began > MINUTE or len(_of_minute) >= policy.TRACE_CALLERS_COUNTED_MAX:
        _minute_began = at
        _of_minute.clear()
    so_far = _of_minute.get(caller, 0)
    if so_far >= policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE:
        return False
    _of_minute[caller] = so_far + 1
    return True


def origin_of(address: str) -> str:
    """Return what tells callers apart and does not say who they are: a keyed digest of the address."""
    return (
        salted_hmac("authserver.trace.origin", address, algorithm="sha256").hexdigest()[:ORIGIN_LENGTH]
        if address
        else ""
    )


def flush() -> int:
    """Write what this process holds; return how many rows that took. What cannot be written is lost, and the database's
    error is raised: nobody waits for a trace."""
    taken = _taken()
    rows = [_row(step) for step in _folded(taken)]
    for start in range(0, len(rows), policy.TRACE_ROWS_PER_STATEMENT):
        statements.fetch(
            statements.inserting(TraceStep, COLUMNS, rows[start : start + policy.TRACE_ROWS_PER_STATEMENT])
        )
    return len(rows)


def forget() -> None:
    """Drop what is held: for tests."""
    _taken()
    with _lock:
        _of_minute.clear()


def _taken() -> list[Step]:
    global _held, _held_of_strangers
    with _lock:
        taken, _held, _held_of_strangers = _held, [], 0
    return taken


def _folded(steps: list[Step]) -> list[Step]:
    """Return the steps, those that went well as the one before them of the same caller counted in it."""
    found: list[Step] = []
    last: dict[tuple[object, ...], int] = {}
    for step in steps:
        key = (
            step.kind,
            step.ok,
            step.code,
            step.flow,
            step.origin,
            step.agent,
            step.client_id,
            step.resource,
            step.connection_id,
            "" if step.ok else step.request_id,  # somebody was told this one
        )
        place = last.get(key)
        if place is None or step.kind not in REPEATED:
            last[key] = len(found)
            found.append(step)
        else:
            found[place] = replace(found[place], count=found[place].count + step.count)
    return found


REPEATED = frozenset({Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.SERVER_METADATA, Kind.CALL})


def _row(step: Step) -> tuple[object, ...]:
    return (
        step.at, step.kind.value, step.ok, step.code[:80], step.request_id, step.flow, origin_of(step.origin),
        step.agent, step.client_id[:255], step.resource[:500], step.handle[:40], step.person_id,
        step.connection_id, step.count, dict(step.detail),
    )  # fmt: skip


def purge(*, now: datetime, pace: Pace) -> int:
    """Remove steps older than policy.TRACE_KEPT, and the oldest where there are more than policy.TRACE_STEPS_MAX;
    return how many went."""
    gone = batches.remove(TraceStep.objects.filter(at__lt=now - policy.TRACE_KEPT), by="at", pace=pace)
    newest = TraceStep.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    beyond = TraceStep.objects.filter(pk__lte=newest - policy.TRACE_STEPS_MAX)
    return gone + batches.remove(beyond, by="pk", pace=pace)
