"""Every refusal of a resource server: its status, its JSON body and its one ``WWW-Authenticate`` value.

Pure. A refusal says the public code and one sentence; it never echoes what the caller sent.

Obeys: RFC 6750 §3 (one Bearer challenge, quoted values, their characters), §3.1 (no ``error`` when no
credentials came); RFC 9728 §5.1 (``resource_metadata``).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

RETRY_AFTER_SECONDS = 5
RETRY_LATER = (("Retry-After", str(RETRY_AFTER_SECONDS)),)

_NOT_IN_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+\Z")
_URL = re.compile(r"https?://[\x21\x23-\x5B\x5D-\x7E]+\Z")


@dataclass(frozen=True)
class Refusal:
    """An expected no, ready for the wire: status, public code, public sentence, extra headers.

    ``reason`` is how the authorization server is told of it: ``subject:what``, finer than the public code.
    """

    status: int
    error: str
    description: str
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    def body(self, about: str = "") -> bytes:
        """Return the JSON body: ``error``, ``error_description``, and ``error_uri``, the page ``about`` it if any."""
        members = {"error": self.error, "error_description": self.description}
        return json.dumps(members | {"error_uri": about} if about else members).encode()


def bearer(
    *, metadata_url: str, scopes: Iterable[str], error: str | None = None, description: str | None = None
) -> str:
    """Return the challenge on one line: ``Bearer error=…, error_description=…, resource_metadata=…, scope=…``.

    Characters that RFC 6750 §3 forbids are replaced in ``description`` and refused elsewhere.
    Raises ValueError when ``metadata_url`` or a scope could not stand in a quoted value.
    """
    if not _URL.match(metadata_url):
        raise ValueError("a metadata URL has characters that a challenge cannot carry")
    members = [("error", error), ("error_description", _printable(description) if description else None)]
    members += [("resource_metadata", metadata_url), ("scope", _scope_value(scopes))]
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in members if value)


def _printable(text: str) -> str:
    return _NOT_IN_DESCRIPTION.sub("?", text)


def _scope_value(scopes: Iterable[str]) -> str:
    tokens = tuple(dict.fromkeys(scopes))
    if not all(_SCOPE_TOKEN.match(token) for token in tokens):
        raise ValueError("a scope has characters that a challenge cannot carry")
    return " ".join(tokens)


@dataclass(frozen=True)
class Challenger:
    """Makes the refusals of one endpoint: they all name its metadata URL and the scopes a first connection needs."""

    metadata_url: str
    baseline_scopes: tuple[str, ...]

    def missing_bearer_token(self, *, scopes: Iterable[str] = (), in_query: bool = False) -> Refusal:
        """Return 401: no credential came. ``scopes`` are asked for besides the baseline."""
        description = "Send a bridge credential: Authorization: Bearer mcpv1_..."
        if in_query:
            description = "A credential belongs in the Authorization header, never in the URL."
        value = bearer(metadata_url=self.metadata_url, scopes=(*self.baseline_scopes, *scopes))
        reason = "credential:in_url" if in_query else "credential:missing"
        return Refusal(401, "missing_bearer_token", description, (("WWW-Authenticate", value),), reason)

    def invalid_token_format(self) -> Refusal:
        """Return 401: a bearer came that cannot be a bridge credential."""
        description = "The bearer is not a bridge credential (mcpv1_...)."
        return self._unauthorized("invalid_token_format", description, reason="credential:malformed")

    def invalid_token(self, reason: str = "credential:refused") -> Refusal:
        """Return 401: unknown, expired, revoked, or for another resource; the caller is not told which."""
        description = "The credential is unknown, expired, revoked or not for this URL."
        return self._unauthorized("invalid_token", description, reason=reason)

    def session_handle_mismatch(self) -> Refusal:
        """Return 401: the MCP session was opened by another person, handle or client."""
        description = "This MCP session was opened for another handle."
        return self._unauthorized("session_handle_mismatch", description, reason="session:foreign")

    def several_credentials(self) -> Refusal:
        """Return 400: more than one credential in one request (RFC 6750 §3.1, ``invalid_request``)."""
        description = "Send exactly one credential, in one Authorization header."
        return self._challenged(
            400, "invalid_request", description, error="invalid_request", reason="credential:several"
        )

    def insufficient_scope(self, *, needed: tuple[str, ...], missing: tuple[str, ...]) -> Refusal:
        """Return 403 naming all scopes of the operation in the challenge and the missing ones in the sentence."""
        description = f"Not approved yet: {' '.join(missing)}."
        return self._insufficient(description, needed=needed, reason="scope:missing")

    def new_tool(self, *, needed: tuple[str, ...], approve_at: str) -> Refusal:
        """Return 403: the scopes are there, but the tool came after its person allowed them. Clients that authorize
        again with the scopes in the challenge lead the person to the whole consent page, which shows the new tools."""
        description = f"This tool is new: its person has to approve it at {approve_at} first."
        return self._insufficient(description, needed=needed, reason="tool:withheld")

    def _unauthorized(self, code: str, description: str, *, reason: str) -> Refusal:
        return self._challenged(401, code, description, error="invalid_token", reason=reason)

    def _insufficient(self, description: str, *, needed: tuple[str, ...], reason: str) -> Refusal:
        error = "insufficient_scope"
        return self._challenged(403, "insufficient_scope", description, error=error, reason=reason, scopes=needed)

    def _challenged(
        self,
        status: int,
        code: str,
        description: str,
        *,
        error: str,
        reason: str,
        scopes: tuple[str, ...] | None = None,
    ) -> Refusal:
        named = self.baseline_scopes if scopes is None else scopes
        value = bearer(metadata_url=self.metadata_url, scopes=named, error=error, description=description)
        return Refusal(status, code, description, (("WWW-Authenticate", value),), reason)


def temporarily_unavailable() -> Refusal:
    """Return 503 with Retry-After: nobody could be asked about the credential, so nobody gets in."""
    description = "The authorization server did not answer. Try again soon."
    return Refusal(503, "temporarily_unavailable", description, RETRY_LATER, "introspection:unclear")


def not_published() -> Refusal:
    """Return 503 with Retry-After: the authorization server has not taken this server's tools yet, so that nobody can
    have been shown them."""
    description = "This tool is not published yet. Try again soon."
    return Refusal(503, "temporarily_unavailable", description, RETRY_LATER, "tool:unpublished")


def rate_limited(retry_after_seconds: int) -> Refusal:
    """Return 429 with Retry-After in whole seconds (RFC 6585 §4)."""
    description = f"Too many requests. Try again in {retry_after_seconds} s."
    headers = (("Retry-After", str(retry_after_seconds)),)
    return Refusal(429, "rate_limited", description, headers, "connection:limited")


NOT_FOUND = Refusal(404, "not_found", "There is nothing at this address.")
ORIGIN_NOT_ALLOWED = Refusal(
    403, "origin_not_allowed", "Pages of this origin may not call this server.", reason="origin:not_allowed"
)
BODY_TOO_LARGE = Refusal(
    413, "body_too_large", "The request body is larger than this server accepts.", reason="body:too_large"
)
UNLISTED_TOOL = Refusal(
    403, "unlisted_tool", "No scopes are declared for this tool, so nobody may call it.", reason="tool:unlisted"
)
SESSION_NOT_FOUND = Refusal(
    404,
    "session_not_found",
    "This MCP session is unknown or has ended. Open a new one.",
    reason="session:unknown",
)
SEVERAL_SESSIONS = Refusal(400, "invalid_request", "Name one MCP session at most.", reason="session:several")
UNREADABLE_BODY = Refusal(400, "parse_error", "The body is not JSON.", reason="body:unreadable")
