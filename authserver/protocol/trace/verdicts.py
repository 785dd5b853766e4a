"""What became of an attempt, as a code: which step it stopped at, why, and whether anything can still follow.

The reasons are the private ones of the steps (`subject:what`). A reason that nobody has words for still gives a true
verdict: which step was refused, and the reason itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from authserver import policy
from authserver.protocol.trace.attempts import Attempt
from authserver.protocol.trace.reasons import ENDED, MEANINGS, SUBJECTS
from authserver.protocol.trace.steps import Kind, Step

PREPARING = (Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.SERVER_METADATA)
FOR_PEOPLE = policy.TRACE_JOIN_WINDOW  # how long a page may stay open before it counts as left
# What comes next after a step that went well, and how long one waits for it before it is said never to have come.
NEXT: Mapping[Kind, tuple[str, timedelta]] = {
    Kind.CHALLENGE: ("where", policy.TRACE_PATIENCE),
    Kind.RESOURCE_METADATA: ("metadata", policy.TRACE_PATIENCE),
    Kind.SERVER_METADATA: ("registration", policy.TRACE_PATIENCE),
    Kind.REGISTRATION: ("authorization", policy.TRACE_PATIENCE),
    Kind.DOCUMENT: ("sign_in", FOR_PEOPLE),
    Kind.AUTHORIZATION: ("sign_in", FOR_PEOPLE),
    Kind.SIGN_IN: ("sign_in", FOR_PEOPLE),
    Kind.CONSENT: ("answer", FOR_PEOPLE),
    Kind.ANSWER: ("code", policy.AUTHORIZATION_CODE_LIFETIME),
    Kind.TOKEN: ("call", policy.TRACE_PATIENCE),
}


@dataclass(frozen=True)
class Happening:
    """What the events say of the attempt's connection meanwhile. `code` is `ended` or `late`; `reason` why it ended."""

    at: datetime
    code: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of an attempt beside its steps: when an MCP server first asked about its credential, what happened
    to its connection, and what a refused call lacked."""

    used_at: datetime | None = None
    happened: tuple[Happening, ...] = ()
    missing_scopes: str = ""
    tool: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of it. `facts` stand in its sentence; `is_over` where nothing more is waited for, `is_good` where it
    works. Neither: it goes on."""

    code: str
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    is_over: bool = True
    is_good: bool = False


def verdict(attempt: Attempt, *, now: datetime, known: Known | None = None) -> Verdict:
    """Return what became of an attempt by now."""
    known = known or Known()
    last = _last(attempt)
    ended = next((each for each in reversed(known.happened) if each.code == "ended"), None)
    if not last.ok and last.kind != Kind.CHALLENGE:
        return refusal(last, attempt, known)
    if ended and ended.at >= last.at:
        return Verdict("ended", {"reason": ended.reason})
    if last.kind in (Kind.CALL, Kind.REFRESH) or (last.kind == Kind.TOKEN and known.used_at):
        return _well(attempt, last, known)
    return _waiting(last, now)


def _last(attempt: Attempt) -> Step:
    """Return the step that says how far it came: reading metadata again says nothing once more was done."""
    telling = [step for step in attempt.steps if step.kind not in PREPARING]
    if telling:
        return telling[-1]
    prepared = [step for kind in PREPARING for step in attempt.of(kind) if _counts(step)]
    return prepared[-1] if prepared else attempt.steps[-1]


def _counts(step: Step) -> bool:
    """Tell whether a step of preparation was taken. A 401 is one, being refused is its purpose; a metadata document
    that is not here is none."""
    return step.ok or step.kind == Kind.CHALLENGE


def refusal(step: Step, attempt: Attempt, known: Known | None = None) -> Verdict:
    """Return what a refused step means."""
    known = known or Known()
    end = step.detail.get("end_reason") or (step.code.startswith(ENDED) and step.code.removeprefix(ENDED))
    if end:
        return Verdict("ended", {"reason": end})
    facts: dict[str, str | int] = {"step": step.kind.value, "reason": step.code, "handle": attempt.handle}
    facts |= {"asked": step.detail.get("is_for") or attempt.resource, "called": step.resource}
    facts |= {"tool": known.tool, "scopes": known.missing_scopes, "seconds": int(step.detail.get("seconds", 0))}
    facts |= {name: step.detail[name] for name in ("differs_at", "asked_host") if step.detail.get(name)}
    return Verdict(meaning(step), facts)


def meaning(step: Step) -> str:
    """Return the code of the sentence about a refused step: for its reason, else for the reason's subject, else the one
    that names both."""
    exact = MEANINGS.get(f"{step.kind.value} {step.code}") or MEANINGS.get(step.code)
    subject = step.code.partition(":")[0]
    return exact or SUBJECTS.get(f"{step.kind.value} {subject}") or SUBJECTS.get(subject) or "refused"


def _well(attempt: Attempt, last: Step, known: Known) -> Verdict:
    """Return the good end: calls get through. The time counts from the first 401, where one was seen."""
    late = next((each for each in known.happened if each.code == "late"), None)
    replaced = last.kind == Kind.REFRESH and int(last.detail.get("seconds", 0))
    if replaced or (late and last.kind == Kind.REFRESH):
        return Verdict("late", {"seconds": replaced or 0}, is_good=True)
    calls = [step.at for step in attempt.of(Kind.CALL) if step.ok]
    first_use = min([*calls, *([known.used_at] if known.used_at else [])], default=None)
    challenges = attempt.of(Kind.CHALLENGE)
    if not challenges or not attempt.of(Kind.TOKEN) or first_use is None or first_use < challenges[0].at:
        return Verdict("works", is_good=True)
    seconds = (first_use - challenges[0].at).total_seconds()
    return Verdict("well", {"seconds": round(seconds, 1) if seconds < 10 else round(seconds)}, is_good=True)


def _waiting(last: Step, now: datetime) -> Verdict:
    awaited, patience = NEXT[last.kind]
    waited = max(now - last.at, timedelta())
    is_over = waited > patience
    facts: dict[str, str | int] = {"seconds": int(waited.total_seconds())}
    return Verdict(f"{awaited}:{'never' if is_over else 'awaited'}", facts, is_over=is_over)
