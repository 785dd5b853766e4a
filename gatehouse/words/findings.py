"""A finding, the exception that carries one, and how what a server said is shown.

What a server said may stand in a sentence; it is shown on one line, printable and bounded, because it is a stranger's
text in somebody's terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatehouse.words.connecting import CONNECTING
from gatehouse.words.examining import EXAMINING

SHOWN_LENGTH_MAX = 300
AROUND = 8  # characters shown before and behind the one that differs
WORDS: dict[str, tuple[str, str]] = CONNECTING | EXAMINING


@dataclass(frozen=True)
class Finding:
    """What failed: a code for programs, the cause and the fix as one line each, and the facts that stand in them."""

    code: str
    cause: str
    fix: str
    facts: Mapping[str, str] = field(default_factory=dict)


class Failed(Exception):
    """Ends the steps. Carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def finding(code: str, **facts: object) -> Finding:
    """Return the finding of this code of WORDS; the facts stand in its sentences."""
    cause, fix = WORDS[code]
    told = {name: shown(fact) for name, fact in facts.items()}
    return Finding(code, cause.format(**told), fix.format(**told), told)


def failed(code: str, **facts: object) -> Failed:
    """Return the failure of this code of WORDS; the facts stand in its sentences."""
    return Failed(finding(code, **facts))


def shown(fact: object) -> str:
    """Return a foreign value for a sentence: printable, cut where it gets long. Nothing is shown as ""."""
    text = str(fact)
    return printable(text[:SHOWN_LENGTH_MAX]) + ("…" if len(text) > SHOWN_LENGTH_MAX else "") or '""'


def printable(text: str) -> str:
    """Return a foreign text on one line of printable characters: nothing that moves a terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in text)


def first_difference(told: str, expected: str) -> int:
    """Return the place, counted from 1, of the first character in which two strings differ."""
    pairs = zip(told, expected, strict=False)
    beyond = min(len(told), len(expected)) + 1
    return next((place for place, (one, other) in enumerate(pairs, 1) if one != other), beyond)


def differing(told: str, expected: str) -> dict[str, object]:
    """Return the facts of two strings that should be one: both, the place where they first differ, and what stands
    around it in each, the differing character in brackets (`…/mcp[/]` against `…/mcp[]`)."""
    place = first_difference(told, expected)
    around = {"told_there": _around(told, place), "expected_there": _around(expected, place)}
    return {"told": told, "expected": expected, "place": place, **around}


def _around(text: str, place: int) -> str:
    begin = max(place - 1 - AROUND, 0)
    before, there, behind = text[begin : place - 1], text[place - 1 : place], text[place : place + AROUND]
    return ("…" if begin else "") + f"{before}[{there}]{behind}" + ("…" if len(text) > place + AROUND else "")
