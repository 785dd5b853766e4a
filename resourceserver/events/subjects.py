"""Whose remembered answers an event is about.

Obeys: RFC 9493 §3.2 (subject identifier formats), §4 (complex subjects as CAEP uses them).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Subject:
    """Matches the answers in which everything that is set is the same. Nothing set: all answers."""

    connection: str | None = None
    person: str | None = None
    handle: str | None = None
    client: str | None = None

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return what is set, as (name, value)."""
        named = (
            ("connection", self.connection),
            ("person", self.person),
            ("handle", self.handle),
            ("client", self.client),
        )
        return tuple((name, value) for name, value in named if value is not None)

    def matches(self, other: "Subject") -> bool:
        """Return whether ``other``, of which everything is known, is among those that this one is about."""
        return set(self.pairs()) <= set(other.pairs())


EVERYTHING = Subject()

# Member of a complex subject -> the format it has to have, where its value stands, the field it fills.
_PARTS = {
    "session": ("opaque", "id", "connection"),
    "user": ("iss_sub", "sub", "person"),
    "tenant": ("opaque", "id", "handle"),
    "application": ("opaque", "id", "client"),
}


def read(claim: Any, *, issuer: str) -> Subject:
    """Return the subject in a ``sub_id`` claim; EVERYTHING for any form that is not understood to the last member.

    Doubt drops more answers, never fewer.
    """
    if not isinstance(claim, dict) or claim.get("format") != "complex":
        return EVERYTHING
    found: dict[str, str] = {}
    for name, part in claim.items():
        if name == "format":
            continue
        value = _value(name, part, issuer=issuer)
        if value is None:
            return EVERYTHING
        found[_PARTS[name][2]] = value
    return Subject(**found)


def _value(name: str, part: Any, *, issuer: str) -> str | None:
    if name not in _PARTS or not isinstance(part, dict):
        return None
    form, member, _ = _PARTS[name]
    expected = {"format", member} | ({"iss"} if form == "iss_sub" else set())
    if set(part) != expected or part["format"] != form or part.get("iss", issuer) != issuer:
        return None
    value = part[member]
    return value if isinstance(value, str) and value else None
