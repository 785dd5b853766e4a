"""Refusals: an expected no. Two sentences each: what the caller is told, and what we know."""

from dataclasses import dataclass, field

from authserver.protocol.trace.steps import Whose

# RFC 6749 §5.2, §4.1.2.1; RFC 8707 §2; RFC 7591 §3.2.2; OpenID Connect Core §3.1.2.6 for the prompt codes.
STATUS = {
    "invalid_client": 401,
    "invalid_token": 401,
    "temporarily_unavailable": 503,
    "slow_down": 429,
    "too_many_requests": 429,
    "not_found": 404,
}


@dataclass(frozen=True)
class Refusal:
    """An expected no.

    `code` and `description` are public: the RFC's own code, and printable ASCII without quote and backslash (RFC 6749
    §5.2) that never repeats what the caller sent. `reason` is private, `subject:what`, for events and logs;
    so is `whose` connection it is about, where that is known.
    """

    code: str
    description: str
    reason: str
    whose: Whose | None = field(default=None, repr=False, compare=False)

    @property
    def status(self) -> int:
        return STATUS.get(self.code, 400)

    def body(self) -> dict[str, str]:
        return {"error": self.code, "error_description": self.description}


class Refused(Exception):
    """Carries a refusal through code that reports errors by raising (forms, the seam to oauthlib)."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def invalid_grant(reason: str) -> Refusal:
    """Return the one public answer for every dead code or refresh token (RFC 6749 §5.2): nothing tells them apart."""
    return Refusal("invalid_grant", "The code or refresh token is not valid. Start the authorization again.", reason)


def invalid_client(reason: str) -> Refusal:
    """Return the one public answer for every failed client authentication (RFC 6749 §5.2)."""
    return Refusal("invalid_client", "This client is not known here, or did not prove itself.", reason)


def invalid_target(reason: str) -> Refusal:
    return Refusal("invalid_target", "The resource is not an endpoint of this server.", reason)
