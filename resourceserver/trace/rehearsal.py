"""Faults on purpose: the authorization server asks us to answer a request of one connection wrongly, once, so that
somebody sees how a client behaves (its handle is marked for testing).

Each fault only refuses. It is claimed before it is answered, so that it fires once among all processes; where the claim
gets no clear answer, nothing is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from resourceserver import challenges
from resourceserver.challenges import Challenger, Refusal

FAULTS = frozenset({"handle_mismatch", "clock_skew", "unavailable"})
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Rehearsal:
    """A fault that a connection is to meet."""

    id: str
    fault: str

    @property
    def path(self) -> str:
        """Where it is claimed, relative to the address of introspection."""
        return f"rehearsals/{self.id}/met"


def read(answer: Mapping[str, Any]) -> Rehearsal | None:
    """Return the rehearsal that an introspection answer tells of; None where there is none that we know."""
    told = answer.get("rehearsal")
    if not isinstance(told, dict):
        return None
    name, fault = told.get("id"), told.get("fault")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return None
    return Rehearsal(name, fault) if isinstance(fault, str) and fault in FAULTS else None


def refusal_of(rehearsal: Rehearsal, challenger: Challenger) -> Refusal:
    """Return what a client is answered that meets this fault. Its reason tells it from a real one."""
    answers = {
        "unavailable": challenges.temporarily_unavailable,
        "handle_mismatch": challenger.session_handle_mismatch,
        "clock_skew": challenger.invalid_token,
    }
    return replace(answers[rehearsal.fault](), reason=f"rehearsal:{rehearsal.fault}")
