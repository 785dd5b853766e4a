"""The timeline of an attempt: every step of the way in order, what was reached and what was not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authserver.protocol.trace.attempts import MACHINE, Attempt
from authserver.protocol.trace.steps import Kind, Step
from authserver.protocol.trace.verdicts import refusal
from authserver.services.trace import words
from authserver.services.trace.reading import Read

DONE, FAILED, WAITING, MISSED, UNREACHED = "done", "failed", "waiting", "missed", "unreached"
MARKS = {
    DONE: gettext_lazy("Done"),
    FAILED: gettext_lazy("Failed"),
    WAITING: gettext_lazy("Waiting"),
    MISSED: gettext_lazy("Not seen"),
    UNREACHED: gettext_lazy("Not reached"),
}
# The way from the first call to the code; what follows comes in any order, and again and again.
WAY = (
    (Kind.CHALLENGE,),
    (Kind.RESOURCE_METADATA,),
    (Kind.SERVER_METADATA,),
    (Kind.REGISTRATION, Kind.DOCUMENT),
    (Kind.AUTHORIZATION,),
    (Kind.SIGN_IN,),
    (Kind.CONSENT,),
    (Kind.ANSWER,),
    (Kind.TOKEN,),
)
# The step that the verdicts wait for, by the first word of their code.
AWAITED = {
    "where": Kind.RESOURCE_METADATA,
    "metadata": Kind.SERVER_METADATA,
    "registration": Kind.REGISTRATION,
    "authorization": Kind.AUTHORIZATION,
    "sign_in": Kind.SIGN_IN,
    "answer": Kind.ANSWER,
    "code": Kind.TOKEN,
    "call": Kind.CALL,
}
INTROSPECTION = "introspection"


@dataclass(frozen=True)
class Line:
    """One row. `since` is the time since the attempt began, `said` a sentence about a refusal."""

    name: str
    state: str
    at: datetime | None = None
    since: str = ""
    by: str = ""
    agent: str = ""
    count: int = 1
    code: str = ""
    said: str = ""

    @property
    def mark(self) -> str:
        return str(MARKS[self.state])


def lines_of(found: Read) -> list[Line]:
    """Return the whole way of an attempt; one that only uses a connection is told without the way that led there."""
    attempt = found.attempt
    if not attempt.of(*(kind for kinds in WAY for kind in kinds)):
        return list(_uses(found))
    return [*_way(found), *_uses(found)]


def _way(found: Read) -> Iterator[Line]:
    attempt = found.attempt
    furthest = max((place for place, kinds in enumerate(WAY) if attempt.of(*kinds)), default=0)
    if _used(found):
        furthest = len(WAY)
    for place, kinds in enumerate(WAY):
        steps = _shown(attempt, kinds)
        yield from (_line(step, attempt, is_done=step.kind != Kind.SIGN_IN or _signed_in(attempt)) for step in steps)
        if not steps or (kinds == (Kind.SIGN_IN,) and not _signed_in(attempt) and steps[-1].ok):
            state = _state_of_nothing(found, kinds, place < furthest)
            if not steps or state != UNREACHED:
                yield from _unless_there(kinds, state, attempt)


def _unless_there(kinds: tuple[Kind, ...], state: str, attempt: Attempt) -> Iterator[Line]:
    """Yield the row of a step that did not happen. Who was signed in already had no need to sign in."""
    if kinds == (Kind.SIGN_IN,) and _signed_in(attempt):
        yield Line(words.step_name(kinds[0].value), DONE, said=_("Was signed in already."))
    else:
        yield Line(words.step_name(kinds[0].value), state)


def _shown(attempt: Attempt, kinds: tuple[Kind, ...]) -> list[Step]:
    """Return the steps of one stage. Being sent to sign in is told by what came of it."""
    steps = list(attempt.of(*kinds))
    if kinds == (Kind.SIGN_IN,):
        return [step for step in steps if not step.ok] or (steps[-1:] if _signed_in(attempt) else [])
    if kinds == (Kind.SERVER_METADATA,) and any(step.ok for step in steps):
        return [step for step in steps if step.ok]  # the other forms of the address that clients try as well
    if kinds == (Kind.AUTHORIZATION,):  # it arrives again after the sign-in page
        return [step for step in steps if not step.ok] + [step for step in steps if step.ok][:1]
    return steps


def _signed_in(attempt: Attempt) -> bool:
    return any(step.person_id for step in attempt.of(Kind.CONSENT, Kind.ANSWER))


def _used(found: Read) -> bool:
    return bool(found.known.used_at or found.attempt.of(Kind.CALL, Kind.REFRESH))


def _state_of_nothing(found: Read, kinds: tuple[Kind, ...], is_behind: bool) -> str:
    """Return how a step stands that did not happen: waited for, never come, passed without being seen, not reached."""
    awaited, _colon, tense = found.verdict.code.partition(":")
    if tense and AWAITED.get(awaited) in kinds:
        return WAITING if tense == "awaited" else FAILED
    return MISSED if is_behind else UNREACHED


def _uses(found: Read) -> Iterator[Line]:
    """Yield the first question about the credential, then calls and refreshes by time."""
    attempt, used_at = found.attempt, found.known.used_at
    if used_at:
        yield Line(words.step_name(INTROSPECTION), DONE, used_at, _since(attempt, used_at), _("MCP server"))
    elif attempt.of(Kind.ANSWER) or not attempt.of(Kind.CALL):
        yield Line(words.step_name(INTROSPECTION), MISSED if attempt.of(Kind.CALL) else UNREACHED)
    steps = attempt.of(Kind.CALL, Kind.REFRESH)
    yield from (_line(step, attempt) for step in steps)
    if not steps and not used_at:
        yield Line(words.step_name(Kind.CALL.value), _state_of_nothing(found, (Kind.CALL,), is_behind=False))


def _line(step: Step, attempt: Attempt, *, is_done: bool = True) -> Line:
    is_good = step.ok or step.kind == Kind.CHALLENGE  # a 401 is what was wanted
    is_machine = step.kind in MACHINE
    return Line(
        name=words.step_name(step.kind.value),
        state=(DONE if is_done else WAITING) if is_good else FAILED,
        at=step.at,
        since=_since(attempt, step.at),
        by=_("App") if is_machine else _("Browser"),
        agent=step.agent if is_machine else "",
        count=step.count,
        code=step.code if not is_good else "",
        said="" if is_good else words.sentence(refusal(step, attempt)),
    )


def _since(attempt: Attempt, at: datetime) -> str:
    """Return the time since the attempt began, short: "+0.4 s", "+12 s", "+3 min"."""
    seconds = max((at - attempt.began_at).total_seconds(), 0)
    if seconds < 10:
        return _("+%(seconds)s s") % {"seconds": f"{seconds:.1f}"}
    if seconds < 120:
        return _("+%(seconds)s s") % {"seconds": f"{seconds:.0f}"}
    return _("+%(minutes)s min") % {"minutes": f"{seconds / 60:.0f}"}
