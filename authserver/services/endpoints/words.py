"""What the doctor reported, in words: the step, how it went, the cause and what to do. In the reader's language.

The sentences are the doctor's own English ones (`gatehouse.words`), which are the keys of the message catalogs too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language_bidi, gettext
from django.utils.translation import gettext_lazy as _

from authserver.models import DoctorReport
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
}
STEPS: Mapping[str, str | Promise] = {
    "name": _("Name"),
    "connection": _("Connection"),
    "clock": _("Clock"),
    "challenge": _("Sign-in challenge"),
    "resource_metadata": _("Metadata of the address"),
    "server_metadata": _("Metadata of the sign-in server"),
    "endpoints": _("What the sign-in server offers"),
    "cors": _("Calls from web pages"),
    "registration": _("Registration of the app"),
    "authorization": _("Sign-in page"),
    "token": _("Credentials"),
}
OUTCOMES: Mapping[str, str | Promise] = {
    "good": _("Good"),
    "warned": _("Worth a look"),
    "failed": _("Failed"),
    "skipped": _("Not needed"),
}
# Reports outlive an update: a node may read what a newer one found.
OF_ANOTHER_VERSION = (_("The check failed for a reason that this version does not know."), _("Check again."))


@dataclass(frozen=True)
class Told:
    """One step for a person to read. `outcome` is a key of OUTCOMES; `cause` and `fix` are empty where nothing is
    wrong; `sent` and `got` are the doctor's own lines."""

    title: str
    outcome: str
    word: str
    sent: str
    got: str
    cause: str
    fix: str

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
    code, outcome = step.get("code"), step["outcome"]
    cause, fix = _sentences(code, step.get("facts", {})) if code else ("", "")
    title, word = STEPS.get(step["name"], step["name"]), OUTCOMES.get(outcome, outcome)
    return Told(str(title), outcome, str(word), step["sent"], step["got"], cause, fix)


def _sentences(code: str, facts: Mapping[str, str]) -> tuple[str, str]:
    if get_language_bidi():  # addresses run from left to right inside a sentence that does not
        facts = {name: f"{ISOLATE}{value}{ISOLATE_END}" for name, value in facts.items()}
    cause, fix = WORDS.get(code, OF_ANOTHER_VERSION)
    try:
        return gettext(str(cause)).format(**facts), gettext(str(fix)).format(**facts)
    except KeyError:  # a newer one says more in it
        return str(OF_ANOTHER_VERSION[0]), str(OF_ANOTHER_VERSION[1])
