"""Which clients a handle lets in: its word on one client first, its policy for all others second.

A handle speaks of a client by its exact id, or by its registration fingerprint, which all registrations of one product
share: the 42 rows that call themselves "Claude" are one entry. Administrators' blocks are not asked here; they end a
client for every handle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import TextChoices


class Mode(TextChoices):
    """What a handle does about clients that it has no word on."""

    ALL = "all", "Every client may connect"
    VERIFIED = "verified", "Only clients that an administrator has verified"
    ASK = "ask", "New clients wait until an admin of the handle lets them in"
    LISTED = "listed", "Only clients on the list"


class Decision(TextChoices):
    """A handle's word on one client. `pending` is a question, not yet a word."""

    ALLOW = "allow", "Allowed"
    BLOCK = "block", "Blocked"
    PENDING = "pending", "Waiting"


class Kind(TextChoices):
    CLIENT_ID = "client_id", "Client id"
    FINGERPRINT = "fingerprint", "Registration fingerprint"


class Outcome(TextChoices):
    ALLOW = "allow"
    ASK = "ask"
    BLOCK = "block"


@dataclass(frozen=True)
class Entry:
    """What a handle's word is about: one client by its id, or every registration of one fingerprint."""

    kind: str
    value: str


@dataclass(frozen=True)
class Facts:
    """What is known of a client, as far as the rules need it. `fingerprint` is empty for what did not register itself:
    a document or an administrator's row says who it is by its id alone."""

    client_id: str
    fingerprint: str
    is_verified: bool

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that speak of this client, the most exact first."""
        exact = Entry(Kind.CLIENT_ID.value, self.client_id)
        return (exact, Entry(Kind.FINGERPRINT.value, self.fingerprint)) if self.fingerprint else (exact,)

    @property
    def entry(self) -> Entry:
        """The entry under which this client is listed and asked about."""
        return self.entries[-1]


@dataclass(frozen=True)
class Verdict:
    """Whether a client may act for a handle now; `reason` is private, `subject:what`, empty for yes."""

    outcome: Outcome
    reason: str = ""

    @property
    def lets_in(self) -> bool:
        return self.outcome == Outcome.ALLOW


ALLOWED = Verdict(Outcome.ALLOW)
BLOCKED = Verdict(Outcome.BLOCK, "client:blocked_by_handle")
UNVERIFIED = Verdict(Outcome.BLOCK, "client:not_verified_for_handle")
UNLISTED = Verdict(Outcome.BLOCK, "client:not_listed_by_handle")
WAITS = Verdict(Outcome.ASK, "client:waits_for_handle")


def word(decisions: Iterable[str | None]) -> str | None:
    """Return the first of these decisions that is a word, or None: nothing said, or only asked."""
    return next((decision for decision in decisions if decision is not None and decision != Decision.PENDING), None)


def verdict(mode: str | None, decisions: Iterable[str | None], *, is_verified: bool) -> Verdict:
    """Return what a handle's policy and rules say of one client.

    `mode` is None where the handle set no policy: all are let in. `decisions` are its words on this client, the most
    exact first, None where there is none; the first that is a word counts. A mode or word that the code does not know
    lets nobody in.
    """
    said = word(decisions)
    if said is not None:
        return ALLOWED if said == Decision.ALLOW else BLOCKED
    if mode is None or mode == Mode.ALL:
        return ALLOWED
    if mode == Mode.VERIFIED:
        return ALLOWED if is_verified else UNVERIFIED
    return WAITS if mode == Mode.ASK else UNLISTED


def verdict_on(facts: Facts, *, mode: str | None, words: Mapping[Entry, str]) -> Verdict:
    """Return the verdict on a client, from all that the handle has said."""
    return verdict(mode, [words.get(entry) for entry in facts.entries], is_verified=facts.is_verified)


def entry_to_keep(facts: Facts, *, mode: str | None, words: Mapping[Entry, str]) -> Entry | None:
    """Return the entry to allow so that a client which this mode lets in stays in under any other; None where it is
    not let in, or a word on it holds anyway. What was let in for being verified is kept by its own id: others of its
    fingerprint are not verified with it."""
    said = word(words.get(entry) for entry in facts.entries)
    if said or not verdict(mode, [], is_verified=facts.is_verified).lets_in:
        return None
    return facts.entries[0] if mode == Mode.VERIFIED else facts.entry
