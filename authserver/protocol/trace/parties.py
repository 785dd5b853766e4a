"""What tells that a step of nobody's belongs to an attempt, and what speaks against it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from uuid import UUID

from authserver import policy
from authserver.protocol.trace.attempts import BEFOREHAND, MACHINE, order
from authserver.protocol.trace.steps import Kind, Step

ASKING = frozenset({Kind.AUTHORIZATION, Kind.SIGN_IN, Kind.CONSENT, Kind.ANSWER})


class Core:
    """Steps that surely belong together: of one authorization request, one connection or one person. What is joined to
    them by circumstance is kept apart, so that one guess never carries another."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps: list[Step] = sorted(steps, key=order)
        self.joined: list[Step] = []
        self.read()

    def add(self, step: Step) -> None:
        self.steps = sorted([*self.steps, step], key=order)
        self.read()

    def read(self) -> None:
        """Learn again what its steps say."""
        steps = self.steps
        self.first, self.last = steps[0].at, steps[-1].at
        self.people: set[UUID] = {step.person_id for step in steps if step.person_id}
        self.connections: set[UUID] = {step.connection_id for step in steps if step.connection_id}
        self.clients = {step.client_id for step in steps if step.client_id}
        self.resources = {step.resource for step in steps if step.resource}
        self.browsers = {_pair(step) for step in steps if step.kind in ASKING and step.origin}
        self.homes = {origin for origin, _ in self.browsers}
        self.begins = any(step.kind == Kind.AUTHORIZATION for step in steps)  # a person was sent to us
        self.redeemed_at = next((step.at for step in steps if step.kind == Kind.TOKEN and step.ok), None)
        self.machines = {_pair(step) for step in [*steps, *self.joined] if step.kind in MACHINE and step.origin}

    def all(self) -> list[Step]:
        return sorted([*self.steps, *self.joined], key=order)


def _pair(step: Step) -> tuple[str, str]:
    return step.origin, step.agent


@dataclass(frozen=True)
class Choice:
    """Where a step belongs: to `core`; or to nobody known, which is `doubtful` where it could be either of several."""

    core: Core | None = None
    is_doubtful: bool = False


def choose(step: Step, cores: Iterable[Core], *, window: timedelta) -> Choice:
    """Return the only one of these that a step can belong to. Where several can, it belongs to none of them, unless
    they are the same person's or browser's: then to the nearest."""
    fitting = [core for core in cores if _fits(step, core, window)]
    at_home = [core for core in fitting if _is_at_home(step, core)]
    possible = at_home or [core for core in fitting if _is_possible(step, core)]
    evident = [core for core in possible if _speaks_for(step, core)]
    if not evident:
        return Choice()
    if not all(_are_alike(one, other) for one, other in combinations(possible, 2)):
        return Choice(is_doubtful=True)
    return Choice(_nearest(step, evident))


def _fits(step: Step, core: Core, window: timedelta) -> bool:
    """Tell whether nothing speaks against it: the client, the address that is called, the time."""
    if step.client_id and core.clients and step.client_id not in core.clients:
        return False
    if step.resource and core.resources and step.resource not in core.resources:
        return False
    if step.kind not in BEFOREHAND:
        return core.first <= step.at <= core.last + window
    if not core.begins:
        return False
    return core.first - window <= step.at <= core.first or _goes_on(step, core)


def _goes_on(step: Step, core: Core) -> bool:
    """Tell whether a client may read metadata once more on its way: soon, and before it has what it came for. Later it
    starts over."""
    before = [each for each in core.steps if each.at <= step.at]
    if not before or (core.redeemed_at and step.at > core.redeemed_at):
        return False
    return before[-1].ok and step.at - before[-1].at <= policy.TRACE_PATIENCE


def _is_at_home(step: Step, core: Core) -> bool:
    """Tell whether a step comes from where the person's browser is, by the same program as far as it is known."""
    agents = {agent for _, agent in core.machines}
    return bool(step.origin) and step.origin in core.homes and (not agents or step.agent in agents)


def _is_possible(step: Step, core: Core) -> bool:
    """Tell whether the program that made this step may be that of the attempt: not where that one runs at the person's
    own place, and the step comes from elsewhere. Where nothing is known of the program, it may be."""
    if core.homes & {origin for origin, _ in core.machines}:
        return False
    return not core.machines or _speaks_for(step, core)


def _speaks_for(step: Step, core: Core) -> bool:
    """Tell whether something speaks for it: the same client, program or place, or a first call of that address by such
    a program."""
    if step.client_id:
        return step.client_id in core.clients
    if step.origin and _pair(step) in core.machines:
        return True
    if step.resource and step.resource not in core.resources:
        return False
    if _is_at_home(step, core):
        return True
    is_first_call = bool(step.resource) and step.kind in (Kind.CHALLENGE, Kind.RESOURCE_METADATA)
    return is_first_call and (not core.machines or step.agent in {agent for _, agent in core.machines})


def _are_alike(one: Core, other: Core) -> bool:
    """Tell whether both are the same person's, as far as anybody can tell."""
    if one.people and other.people:
        return one.people == other.people
    return bool(one.browsers & other.browsers)


def _nearest(step: Step, cores: list[Core]) -> Core:
    """Return the one that begins next; after the last has begun, that one."""
    later = [core for core in cores if core.first >= step.at]
    if step.kind in BEFOREHAND and later:
        return min(later, key=_began)
    earlier = [core for core in cores if core.first <= step.at]
    return max(earlier or cores, key=_began)


def _began(core: Core) -> tuple[datetime, int]:
    return core.first, core.steps[0].id
