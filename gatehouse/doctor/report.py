"""What the doctor found: one `Step` after the other, up to the first that a client could not get past, and beyond it
whatever can still be told."""

from dataclasses import dataclass, field
from enum import Enum

from gatehouse.words import Finding
from gatehouse.words.marking import gettext_noop


class Outcome(Enum):
    """How a step went. WARNED: this client goes on, others or a later day may not. SKIPPED: nothing to look at."""

    GOOD = "good"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the walk. `sent` and `got` are one line each for people, printable and bounded, without secrets;
    `finding` says cause and fix where something is wrong, and `further` what else is, the worst first."""

    name: str  # of STEPS
    outcome: Outcome
    sent: str = ""
    got: str = ""
    finding: Finding | None = None
    further: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return ((self.finding,) if self.finding else ()) + self.further


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole walk. It is good where no step failed."""

    url: str
    profile: str
    steps: tuple[Step, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return all(step.outcome is not Outcome.FAILED for step in self.steps)

    @property
    def first_failure(self) -> Step | None:
        return next((step for step in self.steps if step.outcome is Outcome.FAILED), None)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all findings, in the order of the walk."""
        return tuple(finding.code for step in self.steps for finding in step.findings)


PROFILES = (
    "generic", "chatgpt", "claude", "claude-code", "vscode", "cursor", "codex", "gemini", "mcp-remote", "inspector",
    "browser",
)  # fmt: skip
# In the order of the walk, with what holds where a step is good.
TITLES = {
    "name": gettext_noop("The host name leads to an address"),
    "connection": gettext_noop("The server answers there and proves to be that host"),
    "clock": gettext_noop("Its clock is right"),
    "challenge": gettext_noop("A call without a credential is told where to sign in"),
    "resource_metadata": gettext_noop("The MCP server says which authorization server it trusts"),
    "server_metadata": gettext_noop("The authorization server describes itself"),
    "endpoints": gettext_noop("It offers what this client needs"),
    "cors": gettext_noop("Pages of this client may call"),
    "registration": gettext_noop("This client gets a client id"),
    "authorization": gettext_noop("People come to a sign-in page, and the client gets an answer"),
    "token": gettext_noop("The token endpoint answers"),
}
STEPS = tuple(TITLES)
