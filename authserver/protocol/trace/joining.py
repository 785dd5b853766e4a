"""Which steps belong to one attempt.

An authorization request, a connection and a person are sure signs. What clients do before, and where they failed, says
nothing of who they are: it is joined by client, by where it came from, by the address that was called and by time,
and only where exactly one attempt can be meant. Many people share a client's id, and one address of the network: what
could be either person's is shown to neither.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from authserver import policy
from authserver.protocol.trace.attempts import BEFOREHAND, Attempt, order
from authserver.protocol.trace.parties import ASKING, Core, choose
from authserver.protocol.trace.steps import Kind, Step


def join(steps: Iterable[Step], *, window: timedelta = policy.TRACE_JOIN_WINDOW) -> list[Attempt]:
    """Return the attempts that these steps are of, the earliest first; each step is in exactly one. `window` is how far
    apart steps may be that only place and time join, and the pause after which using a connection is another attempt.
    The order of `steps` does not matter."""
    ordered = sorted(steps, key=order)
    cores, loose = _cores(ordered, window)
    doubtful: list[Step] = []
    unknown: list[Step] = []
    for batch in _batches(loose):
        choices = [(step, choose(step, cores, window=window)) for step in batch]
        for step, choice in choices:
            if choice.core:
                choice.core.joined.append(step)
            else:
                (doubtful if choice.is_doubtful else unknown).append(step)
        for core in cores:
            core.read()
    groups = [core.all() for core in cores] + [[step] for step in doubtful] + _runs(sorted(unknown, key=order), window)
    return _linked([Attempt(tuple(group)) for group in groups])


def _batches(loose: list[Step]) -> tuple[list[Step], ...]:
    """Return the steps in the order in which they tell most: what a client's id joins shows where its program is, and
    so do calls of an address; then the rest."""
    named = [step for step in loose if step.client_id]
    placed = [step for step in loose if not step.client_id and step.resource]
    return named, placed, [step for step in loose if not step.client_id and not step.resource]


# --- What surely belongs together


def _cores(ordered: list[Step], window: timedelta) -> tuple[list[Core], list[Step]]:
    """Return what surely belongs together, and the steps of nobody known."""
    cores, rest = _by_flow(ordered)
    requests: dict[str, Core] = {step.request_id: core for core in cores for step in core.steps if step.request_id}
    loose: list[Step] = []
    for step in rest:
        if step.connection_id:
            _add_by_connection(step, cores, window)
            continue
        core = requests.get(step.request_id)
        if core and step.person_id in (None, *core.people):
            core.add(step)
        elif step.person_id or step.kind in ASKING:
            core = Core([step])
            cores.append(core)
            if step.request_id:
                requests.setdefault(step.request_id, core)
        else:
            loose.append(step)
    return cores, loose


def _by_flow(ordered: list[Step]) -> tuple[list[Core], list[Step]]:
    """Return a core for each authorization request that a person was sent with, and all other steps."""
    flows: dict[str, list[Step]] = defaultdict(list)
    for step in ordered:
        flows[step.flow].append(step)
    rest = flows.pop("", [])
    people = {step.connection_id: step.person_id for step in ordered if step.connection_id and step.person_id}
    cores: list[Core] = []
    for steps in flows.values():
        if any(step.kind in ASKING for step in steps):
            mine, others = _of_one_person(steps, people)
            cores.append(Core(mine))
            rest += others
        else:
            rest += steps
    return cores, sorted(rest, key=order)


def _of_one_person(steps: list[Step], people: dict[UUID, UUID]) -> tuple[list[Step], list[Step]]:
    """Return the steps of whoever answered a request, or came last, and of nobody; and those of anybody else: people
    switch accounts on the way."""
    answered = [step for step in steps if step.kind == Kind.ANSWER and step.ok and step.person_id]
    named = answered or [step for step in steps if step.person_id]
    person = named[-1].person_id if named else None
    bound = [step for step in steps if step.connection_id and people.get(step.connection_id, person) == person]
    connection = bound[-1].connection_id if bound else None
    mine = [step for step in steps if step.person_id in (None, person) and step.connection_id in (None, connection)]
    taken = {id(step) for step in mine}
    return mine, [step for step in steps if id(step) not in taken]


def _add_by_connection(step: Step, cores: list[Core], window: timedelta) -> None:
    """Add the step to the attempt that its connection was in last, or begin another after a pause."""
    known = [core for core in cores if step.connection_id in core.connections and core.first <= step.at]
    latest = max(known, key=lambda core: core.first, default=None)
    if latest and step.at - latest.last <= window and (not latest.people or step.person_id in (None, *latest.people)):
        latest.add(step)
    else:
        cores.append(Core([step]))


# --- What is nobody's


def _runs(steps: list[Step], window: timedelta) -> list[list[Step]]:
    """Return what one program did in one go, before anybody is known."""
    runs: list[list[Step]] = []
    open_runs: dict[tuple[str, str], list[list[Step]]] = defaultdict(list)
    for step in steps:
        of_program = open_runs[(step.origin, step.agent)]
        fitting = [run for run in of_program if step.origin and _goes_on(run, step, window)]
        if len(fitting) == 1:
            fitting[0].append(step)
        else:
            run = [step]
            runs.append(run)
            of_program.append(run)
    return runs


def _goes_on(run: list[Step], step: Step, window: timedelta) -> bool:
    """Tell whether a step follows on these: no other client or address, no pause, and not begun anew."""
    clients, resources = {each.client_id for each in run} - {""}, {each.resource for each in run} - {""}
    if step.client_id and clients and step.client_id not in clients:
        return False
    if step.resource and resources and step.resource not in resources:
        return False
    begins_anew = step.kind in BEFOREHAND and any(each.kind not in BEFOREHAND or _registered(each) for each in run)
    return step.at - run[-1].at <= window and not begins_anew


def _registered(step: Step) -> bool:
    return step.kind == Kind.REGISTRATION and step.ok


# --- What came before, and after


def _linked(attempts: list[Attempt]) -> list[Attempt]:
    """Return the attempts by time, each with the ids of its neighbours: of the same connection, else of the same client
    from the same place."""
    found = sorted(attempts, key=lambda attempt: order(attempt.steps[0]))
    for place in range(len(found)):
        number = next((each for each in range(place - 1, -1, -1) if _is_continued(found[each], found[place])), None)
        if number is not None:
            found[number], found[place] = _neighbours(found[number], found[place])
    return found


def _neighbours(earlier: Attempt, later: Attempt) -> tuple[Attempt, Attempt]:
    same = bool(later.connection_id) and earlier.connection_id == later.connection_id
    after, before = (later.id if _may_tell(later, earlier) else ""), (earlier.id if _may_tell(earlier, later) else "")
    return replace(earlier, after=after, next_at=later.began_at if same else None), replace(later, before=before)


def _may_tell(of: Attempt, to: Attempt) -> bool:
    """Tell whether those who may see one attempt may learn the id of the other: not of somebody else's."""
    same = bool(of.connection_id) and of.connection_id == to.connection_id
    return same or of.person_id in (None, to.person_id)


def _is_continued(earlier: Attempt, later: Attempt) -> bool:
    if earlier.connection_id and later.connection_id:
        return earlier.connection_id == later.connection_id
    if not earlier.client_id or earlier.client_id != later.client_id:
        return False
    if earlier.person_id and later.person_id:
        return earlier.person_id == later.person_id
    return bool({step.origin for step in earlier.steps} & {step.origin for step in later.steps} - {""})
