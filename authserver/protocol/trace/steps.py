"""One step of a connection attempt.

A step says what came of one request: ids, names and reasons of ours, never a secret and never what a stranger wrote
freely. Who called is a digest of the address (`origin`), so that a trace can be shown and shared.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID


class Kind(Enum):
    """What was asked, in the order of the flow."""

    CHALLENGE = "challenge"  # the MCP server: a call without a credential was told to sign in
    RESOURCE_METADATA = "resource_metadata"  # the MCP server: where to sign in was read
    SERVER_METADATA = "server_metadata"
    REGISTRATION = "registration"
    DOCUMENT = "document"  # the client's own description was fetched
    AUTHORIZATION = "authorization"  # a person was sent to us
    SIGN_IN = "sign_in"  # and from there to the sign-in page
    CONSENT = "consent"  # the page that asks was shown
    ANSWER = "answer"  # the person decided, or was told why nothing can be decided
    TOKEN = "token"  # the client came back with the code
    REFRESH = "refresh"
    CALL = "call"  # the MCP server: a call with a credential


@dataclass(frozen=True, kw_only=True)
class Step:
    """What came of one request. `code` is the private reason of a refusal (`subject:what`), or how it went well.

    `flow` ties together what belongs to one authorization request, `origin` tells callers apart without naming them.
    `count` is how often the same happened in a row.
    """

    at: datetime
    kind: Kind
    ok: bool
    code: str = ""
    request_id: str = ""
    flow: str = ""
    origin: str = ""
    agent: str = ""
    client_id: str = ""
    resource: str = ""
    handle: str = ""
    person_id: UUID | None = None
    connection_id: UUID | None = None
    count: int = 1
    detail: Mapping[str, str | int] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose connection a token request turned out to be about, whatever came of it. Ids are text, with dashes or
    without; `flow` is of the authorization that led there, where that is known; `seconds` since the refresh token was
    replaced, where it was."""

    connection_id: str
    person_id: str
    client_id: str
    handle: str
    resource: str
    flow: str = ""
    seconds: int | None = None


def flow_of(client_id: str, code_challenge: str) -> str:
    """Return what names one authorization request from its first arrival to the exchange of its code: the client and
    its S256 challenge, which nobody repeats (RFC 7636 §4.2). Without a challenge there is no flow."""
    if not code_challenge:
        return ""
    digest = hashlib.sha256(f"{client_id}\n{code_challenge}".encode()).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def challenge_of(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2), or nothing where there is no verifier."""
    if not code_verifier:
        return ""
    digest = hashlib.sha256(code_verifier.encode("ascii", "replace")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
