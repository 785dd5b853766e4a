"""What the doctor reported, in words: the step, how it went, the cause and what to do. In the reader's language.

The sentences are the doctor's own English ones (`gatehouse.words`), which are the keys of the message catalogs too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language_bidi, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from authserver.models import DoctorReport
from gatehouse.doctor.report import TITLES
from gatehouse.words import WORDS

ISOLATE, ISOLATE_END = "\u2066", "\u2069"  # U+2066 LEFT-TO-RIGHT ISOLATE, and its end

PROFILES: Mapping[str, str | Promise] = {
    "generic": _("any app"),
    "chatgpt": "ChatGPT",
    "claude": "Claude",
    "claude-code": "Claude Code",
    "vscode": "VS Code",
    "cursor": "Cursor",
    "codex": "Codex",
    "gemini": "Gemini CLI",
    "mcp-remote": "mcp-remote",
    "inspector": "MCP Inspector",
    "browser": _("an app in a web page"),
}
OUTCOMES: Mapping[str, str | Promise] = {
    "good": _("Good"),
    "warned": _("Worth a look"),
    "failed": _("Failed"),
    "skipped": _("Not looked at"),
}
OWN_NAMES = ("what", "reason")  # facts that may be a name of the doctor's own, and then have words too
# Reports outlive an update: a node may read what a newer one found.
OF_ANOTHER_VERSION = (
    gettext_noop("The check found something that this version does not know."),
    gettext_noop("Check again."),
)


@dataclass(frozen=True)
class Said:
    """One thing that was found: the cause, and what to do about it."""

    cause: str
    fix: str


@dataclass(frozen=True)
class Told:
    """One step for a person to read. `title` is what holds where it is good, `outcome` a key of OUTCOMES; `sent` and
    `got` are the doctor's own lines."""

    title: str
    outcome: str
    word: str
    sent: str
    got: str
    found: tuple[Said, ...]

    @property
    def is_quiet(self) -> bool:
        """Nobody has to read it."""
        return self.outcome in ("good", "skipped")

    @property
    def icon(self) -> str:
        return {"good": "check", "warned": "warn", "failed": "error"}.get(self.outcome, "info")


def told(row: DoctorReport) -> tuple[Told, ...]:
    """Return the steps of a report in the language that is spoken at the moment."""
    return tuple(_told(step) for step in row.steps)


def profile_name(profile: str) -> str:
    return str(PROFILES.get(profile, profile))


def _told(step: Mapping[str, Any]) -> Told:
    outcome, found = step["outcome"], tuple(_said(each["code"], each["facts"]) for each in step.get("findings", ()))
    title, word = gettext(TITLES.get(step["name"], step["name"])), str(OUTCOMES.get(outcome, outcome))
    return Told(title, outcome, word, step["sent"], step["got"], found)


def _said(code: str, facts: Mapping[str, str]) -> Said:
    facts = {name: _shown(name, fact) for name, fact in facts.items()}
    cause, fix = WORDS.get(code, OF_ANOTHER_VERSION)
    try:
        return Said(gettext(cause).format(**facts), gettext(fix).format(**facts))
    except KeyError:  # another version says something else in it
        return Said(*map(gettext, OF_ANOTHER_VERSION))


def _shown(name: str, fact: str) -> str:
    """Return a fact as it stands in a sentence: in the reader's words where it is a name of the doctor's own; else from
    left to right, inside a sentence that is not."""
    words = gettext(fact) if name in OWN_NAMES else fact
    return f"{ISOLATE}{fact}{ISOLATE_END}" if words == fact and get_language_bidi() else words
