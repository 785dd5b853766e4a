"""A replaced refresh token came again, after the leeway: its own client, late, or a thief?

What decides is whether the answer that replaced it was ever used. If not, nobody has it: it was lost on the way (a
closed lid, a killed process), and giving it again makes no second holder who could stay unnoticed, since the first
use of it by another shows as theft at the next turn. If it was used, two programs hold what only one may. Then the
token comes from a second process of the same client only where it comes from the very same place.
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from authserver.protocol.addresses import NETWORK_BITS


class Verdict(StrEnum):
    LATE = "late"
    THEFT = "theft"


@dataclass(frozen=True)
class Caller:
    """Where a token request came from, and what its program calls itself."""

    address: str | None
    agent: str


@dataclass(frozen=True)
class Judgement:
    """A verdict and what it rests on, `subject:what`, for the event."""

    verdict: Verdict
    reasons: tuple[str, ...]


def judge(*, answer_was_used: bool, is_proven: bool, before: Caller, now: Caller) -> Judgement:
    """Return the verdict on a refresh token that came again. `before` is who had it replaced, `now` who brings it.

    `is_proven`: the client showed a secret or key of its own, so that holding the token is not all it has. A user
    agent can be copied; it never decides alone once the answer was used.
    """
    place, agent = _place(before.address, now.address), _agent(before.agent, now.agent)
    reasons = (
        "answer:used" if answer_was_used else "answer:unused",
        "client:proven" if is_proven else "client:unproven",
        f"address:{place}",
        f"agent:{agent}",
    )
    if answer_was_used:
        its_own = is_proven or (place == "same" and agent == "same")
    else:
        nothing_known = place == agent == "silent"
        its_own = is_proven or place in ("same", "near") or agent == "same" or nothing_known
    return Judgement(Verdict.LATE if its_own else Verdict.THEFT, reasons)


def _place(before: str | None, now: str | None) -> str:
    """Return how two addresses compare: same, near (one network), other; or silent, where an address is of a private
    network or a proxy's, so that everybody may share it."""
    if not before or not now:
        return "silent"
    first, second = ipaddress.ip_address(before), ipaddress.ip_address(now)
    if not (first.is_global and second.is_global):
        return "silent"
    if first == second:
        return "same"
    bits = NETWORK_BITS[first.version]
    near = second.version == first.version and second in ipaddress.ip_network((first, bits), strict=False)
    return "near" if near else "other"


def _agent(before: str, now: str) -> str:
    if not before or not now:
        return "silent"
    return "same" if before == now else "other"
