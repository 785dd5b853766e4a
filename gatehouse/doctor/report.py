"""What the doctor found: one `Step` after the other, up to the first that a client could not get past, and beyond it
whatever can still be told."""

from dataclasses import dataclass, field
from enum import Enum

from gatehouse.words import Finding


class Outcome(Enum):
    """How a step went. WARNED: this client goes on, others or a later day may not. SKIPPED: nothing to look at."""

    GOOD = "good"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the walk. `sent` and `got` are one line each for people, printable and bounded, without secrets;
    `finding` says cause and fix where something is wrong."""

    name: str  # of STEPS
    outcome: Outcome
    sent: str = ""
    got: str = ""
    finding: Finding | None = None


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


PROFILES = (
    "generic", "chatgpt", "claude", "claude-code", "vscode", "cursor", "codex", "gemini", "mcp-remote", "inspector",
)  # fmt: skip
# In the order of the walk.
STEPS = (
    "name",  # the host name leads to an address
    "connection",  # somebody listens there and proves by TLS to be that host
    "clock",  # and the time there is ours
    "challenge",  # a call without a credential is told where to sign in
    "resource_metadata",
    "server_metadata",
    "endpoints",  # the addresses, methods and grants that the metadata names are those that this client needs
    "cors",  # pages of this client may call
    "registration",  # this client gets a client id: by registering, or by the address of its document
    "authorization",  # a person who is sent there comes to a sign-in page; errors come back with `iss`
    "token",  # the token endpoint answers, and errors in its own form
)
