"""What a client did once it had met a fault on purpose: judged from the signs that came next. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Sight(StrEnum):
    """What was seen of a client."""

    REFUSED = "refused"  # a call, or a refresh, was told no
    REFRESHED = "refreshed"
    AUTHORIZED = "authorized"  # it came back from its person with a code
    WORKED = "worked"  # a call went through


class Did(StrEnum):
    """What a client did about its fault, the one thing that got it further."""

    REFRESHED = "refreshed"
    AUTHORIZED = "authorized"
    WENT_ON = "went_on"  # with the credential that it had
    GAVE_UP = "gave_up"


@dataclass(frozen=True)
class Sign:
    at: datetime
    sight: Sight


@dataclass(frozen=True)
class Reaction:
    """What a client did, and how soon, in milliseconds after it met the fault. `refusals` is how often it was told no
    once more before that; `works_after_ms` when its first call went through, None where none was seen."""

    did: Did
    after_ms: int | None = None
    refusals: int = 0
    works_after_ms: int | None = None

    def stored(self) -> dict[str, Any]:
        """Return it as it is kept and exported."""
        return {
            "did": self.did.value,
            "after_ms": self.after_ms,
            "refusals": self.refusals,
            "works_after_ms": self.works_after_ms,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Reaction":
        return cls(Did(stored["did"]), stored["after_ms"], stored["refusals"], stored["works_after_ms"])


def judge(signs: Iterable[Sign], *, met_at: datetime) -> Reaction:
    """Return what these signs of a client, all since it met its fault, say that it did.

    A new authorization tells more than a refresh, which it may have tried in between. Without any sign it gave up; so
    far, where there is still time.
    """
    ordered = sorted(signs, key=lambda sign: sign.at)
    worked = next((sign for sign in ordered if sign.sight == Sight.WORKED), None)
    step = _step(ordered)
    refusals = sum(sign.sight == Sight.REFUSED for sign in ordered if step is None or sign.at < step.at)
    if step is None:
        return Reaction(Did.GAVE_UP, refusals=refusals)
    return Reaction(DID[step.sight], _ms(met_at, step), refusals, _ms(met_at, worked) if worked else None)


DID = {Sight.AUTHORIZED: Did.AUTHORIZED, Sight.REFRESHED: Did.REFRESHED, Sight.WORKED: Did.WENT_ON}


def _step(ordered: list[Sign]) -> Sign | None:
    """Return the sign of what got the client further: what it did before the first call that went through."""
    first = {sign.sight: sign for sign in reversed(ordered)}
    worked = first.get(Sight.WORKED)
    for sight in (Sight.AUTHORIZED, Sight.REFRESHED):
        step = first.get(sight)
        if step and (worked is None or step.at <= worked.at):
            return step
    return worked


def _ms(met_at: datetime, sign: Sign) -> int:
    return max(0, round((sign.at - met_at).total_seconds() * 1000))
