"""Attempts, as they are read: the steps that can belong to one are fetched along the indexes, joined, and said what
became of them. A fixed number of queries, and never more steps than policy.TRACE_STEPS_SHOWN_MAX of one kind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from accounts.models import User
from authserver import policy
from authserver.models import AccessToken, Connection, Event, ScopeRequest, TraceStep
from authserver.protocol.trace.attempts import Attempt
from authserver.protocol.trace.joining import join
from authserver.protocol.trace.steps import Kind, Step
from authserver.protocol.trace.verdicts import Happening, Known, Verdict, verdict
from handles import access
from handles.models import Handle
from handles.roles import Role, at_least

LISTED_MAX = 50  # attempts of a list
SEEDS_MAX = 250  # steps that a list begins with
EVENTS_SEARCHED = 10_000  # newest events among which a request is looked for: its id has no index there
MOMENT = timedelta(seconds=2)
Use = tuple[UUID, datetime, datetime | None]  # of a credential: its connection, when it was issued, and first used
ENDS: dict[str, str] = {Event.Tag.CONNECTION_REVOKED: "ended", Event.Tag.REFRESH_LATE: "late"}


@dataclass(frozen=True)
class Read:
    """One attempt, what is known beside its steps, and what became of it."""

    attempt: Attempt
    known: Known
    verdict: Verdict

    def is_live(self, now: datetime) -> bool:
        """Tell whether more may follow soon."""
        last = max([self.attempt.last_at, *([self.known.used_at] if self.known.used_at else [])])
        return not self.verdict.is_over or now - last < policy.TRACE_PATIENCE


# --- Of one id


def of_request(request_id: str, *, viewer: User, now: datetime, as_staff: bool = False) -> Read | None:
    """Return the attempt that the request of this id belongs to, if this person may see it; `as_staff` where they have
    shown that they may enter the administration."""
    seeds = _steps(Q(request_id=request_id)) or _of_event(request_id)
    found = [attempt for attempt in around(seeds) if any(_is_of(step, seeds) for step in attempt.steps)]
    visible = next((attempt for attempt in found if may_see(attempt, viewer, as_staff=as_staff)), None)
    return read([visible], now=now)[0] if visible else None


def of_step(step_id: int, *, now: datetime) -> Read | None:
    """Return the attempt that one step belongs to, for whoever may see it."""
    seeds = _steps(Q(pk=step_id))
    found = next((each for each in around(seeds) if any(_is_of(step, seeds) for step in each.steps)), None)
    return read([found], now=now)[0] if found else None


def may_see(attempt: Attempt, viewer: User, *, as_staff: bool = False) -> bool:
    """Tell whether somebody may see an attempt: their own; one of a handle that they administer; as staff; and one in
    which nobody has signed in, whose id only its own caller was told."""
    people = {step.person_id for step in attempt.steps if step.person_id or step.connection_id}
    if people <= {viewer.pk} or (as_staff and viewer.has_perm("authserver.view_tracestep")):
        return True
    return bool(attempt.handles) and attempt.handles == _administered(attempt.handles, viewer)


def _administered(slugs: Iterable[str], viewer: User) -> frozenset[str]:
    handles = list(Handle.objects.filter(slug__in=slugs))
    held = access.roles_in(handles, viewer)
    roles = {handle.slug: held[handle.pk] for handle in handles}
    return frozenset(slug for slug, role in roles.items() if role and at_least(role, Role.ADMIN))


def _is_of(step: Step, seeds: Sequence[Step]) -> bool:
    return any(step.id == seed.id for seed in seeds)


def _of_event(request_id: str) -> list[Step]:
    """Return the steps of the connection that an event of this request is about."""
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = Event.objects.filter(pk__gt=newest - EVENTS_SEARCHED, request_id=request_id).exclude(connection_id=None)
    event = found.order_by("-pk").first()
    if event is None:
        return []
    steps = _steps(Q(connection_id=event.connection_id, at__lte=event.at + policy.TRACE_PATIENCE))
    return steps[-1:]


# --- Lists


def of_person(person: User, *, now: datetime) -> list[Read]:
    """Return somebody's latest attempts, the newest first."""
    return _listed(Q(person_id=person.pk), lambda attempt: attempt.person_id == person.pk, now)


def of_handle(handle: Handle, *, now: datetime) -> list[Read]:
    """Return the latest attempts at a handle, the newest first. Those that touch another handle too are left out."""
    return _listed(Q(handle=handle.slug), lambda attempt: attempt.handles == {handle.slug}, now)


def _listed(seeds: Q, belongs: Callable[[Attempt], bool], now: datetime) -> list[Read]:
    begun = _steps(seeds, most=SEEDS_MAX)
    attempts = [attempt for attempt in join(_grown(begun)) if belongs(attempt)]
    attempts.sort(key=lambda attempt: attempt.last_at, reverse=True)
    return read(attempts[:LISTED_MAX], now=now)


# --- Steps


def around(seeds: Sequence[Step]) -> list[Attempt]:
    """Return the attempts among the steps that can have to do with these: their own requests and connections first,
    then what was near in time and alike, and once more what that led to."""
    if not seeds:
        return []
    found = _grown(seeds)
    for _ in range(2):
        own = [each for each in join(found) if any(_is_of(step, seeds) for step in each.steps)]
        found = _grown(_together(found, _near([step for attempt in own for step in attempt.steps])))
    return join(found)


def _grown(steps: Sequence[Step]) -> list[Step]:
    """Return these steps, and those of the same authorization requests and connections."""
    flows = {step.flow for step in steps if step.flow}
    connections = {step.connection_id for step in steps if step.connection_id}
    more = _steps(Q(flow__in=flows) & ~Q(flow="")) if flows else []
    connections |= {step.connection_id for step in more if step.connection_id}
    used = _steps(Q(connection_id__in=connections)) if connections else []
    return _with_people(_together(steps, more, used))


def _with_people(steps: list[Step]) -> list[Step]:
    """Return the steps, those of a connection with its person: an MCP server does not say who it is."""
    asked = {step.connection_id for step in steps if step.connection_id and not step.person_id}
    found = Connection.objects.filter(pk__in=asked).values_list("pk", "user_id") if asked else []
    people: dict[UUID | None, UUID] = dict(found)
    return [replace(step, person_id=step.person_id or people.get(step.connection_id)) for step in steps]


def _near(steps: Sequence[Step]) -> list[Step]:
    """Return the steps of the same clients, callers and addresses around these in time. Where there are more than can
    be looked at, none of them is returned: whose they are could not be told."""
    window = policy.TRACE_JOIN_WINDOW
    times = [step.at for step in steps]
    between = Q(at__gte=min(times) - window, at__lte=max(times) + window)
    found: list[Step] = []
    for name in ("client_id", "origin", "resource"):
        values = {getattr(step, name) for step in steps} - {""}
        near = _steps(between & Q(**{f"{name}__in": values}) & ~Q(**{name: ""})) if values else []
        if len(near) < policy.TRACE_STEPS_SHOWN_MAX:
            found += near
    return found


def _together(*lists: Iterable[Step]) -> list[Step]:
    return list({step.id: step for steps in lists for step in steps}.values())


def _steps(condition: Q, *, most: int = policy.TRACE_STEPS_SHOWN_MAX) -> list[Step]:
    rows = TraceStep.objects.filter(condition).order_by("-pk")[:most]
    return [_step(row) for row in rows][::-1]


def _step(row: TraceStep) -> Step:
    return Step(
        at=row.at, kind=Kind(row.kind), ok=row.ok, code=row.code, request_id=row.request_id, flow=row.flow,
        origin=row.origin, agent=row.agent, client_id=row.client_id, resource=row.resource, handle=row.handle,
        person_id=row.person_id, connection_id=row.connection_id, count=row.count, detail=row.detail, id=row.pk,
    )  # fmt: skip


# --- What is known beside the steps


def read(attempts: Sequence[Attempt], *, now: datetime) -> list[Read]:
    """Return these attempts with what became of them, with three queries for all."""
    connections = {attempt.connection_id for attempt in attempts if attempt.connection_id}
    uses = AccessToken.objects.filter(connection__in=connections).exclude(used_at=None)
    used = list(uses.values_list("connection_id", "issued_at", "used_at"))
    events = Event.objects.filter(connection_id__in=connections, tag__in=ENDS).order_by("pk")
    asked = list(ScopeRequest.objects.filter(connection__in=connections).order_by("last_asked_at"))
    happened = list(events)
    known = [_known(attempt, used, happened, asked) for attempt in attempts]
    return [
        Read(each, beside, verdict(each, now=now, known=beside)) for each, beside in zip(attempts, known, strict=True)
    ]


def _known(attempt: Attempt, used: list[Use], events: list[Event], asked: list[ScopeRequest]) -> Known:
    mine, until = attempt.connection_id, attempt.next_at or attempt.last_at + policy.TRACE_JOIN_WINDOW
    wished = [each for each in asked if each.connection_id == mine and attempt.began_at <= each.last_asked_at <= until]
    happened = [event for event in events if event.connection_id == mine and attempt.began_at <= event.at <= until]
    return Known(
        used_at=_first_use(attempt, [use for use in used if use[0] == mine]),
        happened=tuple(Happening(event.at, ENDS[event.tag], str(event.detail.get("reason", ""))) for event in happened),
        missing_scopes=" ".join(each.scope for each in wished[-3:]),
        tool=wished[-1].tool if wished else "",
    )


def _first_use(attempt: Attempt, used: list[Use]) -> datetime | None:
    """Return when an MCP server first asked about the credential that came for the code. Steps are noted a moment after
    what they tell of."""
    exchanged = [step.at for step in attempt.of(Kind.TOKEN) if step.ok]
    uses = [at for _, issued, at in used if at and any(abs(issued - each) <= MOMENT for each in exchanged)]
    return min(uses, default=None)
