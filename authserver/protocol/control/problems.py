"""What the control-plane API answers instead of what was asked for.

Obeys: RFC 9457 (problem details). The kinds are a closed list; each is described at its own address.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

MEDIA_TYPE = "application/problem+json"
PATH = "/api/v1/problems"


class Kind(Enum):
    """One kind of problem: its name in the address, its status, its title."""

    MALFORMED = ("malformed", 400, "The request cannot be read")
    INVALID = ("invalid", 400, "A part of the request is not valid")
    UNAUTHENTICATED = ("unauthenticated", 401, "Sign in, or send a personal access token")
    BAD_TOKEN = ("bad-token", 401, "The token is not valid")
    BRIDGE_CREDENTIAL = ("bridge-credential", 401, "A bridge credential works at MCP endpoints only")
    BAD_CSRF = ("bad-csrf", 403, "The request does not prove that it comes from our own pages")
    MISSING_SCOPE = ("missing-scope", 403, "The token lacks a scope")
    PERSON_NEEDED = ("person-needed", 403, "Only the person can do this, signed in")
    FORBIDDEN = ("forbidden", 403, "Your role does not reach so far")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    BAD_METHOD = ("bad-method", 405, "This address does not know the method")
    CONFLICT = ("conflict", 409, "It cannot be done as things stand")
    NOT_ADDABLE = ("not-addable", 409, "Nobody with this address can be added")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    BAD_MEDIA_TYPE = ("bad-media-type", 415, "The body has to be JSON")
    TOO_MANY = ("too-many-requests", 429, "Too many requests")
    SERVER_ERROR = ("server-error", 500, "The request could not be answered")
    UNAVAILABLE = ("unavailable", 503, "The server cannot answer now")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug, self.status, self.title = slug, status, title


@dataclass(frozen=True)
class Problem:
    """One answer. `fields` are pairs of a field and what is wrong with it; `scope` names what a token lacks."""

    kind: Kind
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    scope: str = ""
    retry_after_seconds: int = 0

    def body(self, *, issuer: str, instance: str) -> dict[str, Any]:
        """Return the JSON of it. `instance` is the request's id, which is a reference of its own (RFC 3986 §4.1)."""
        told: dict[str, Any] = {
            "type": type_of(self.kind, issuer=issuer),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail or f"{self.kind.title}.",
            "instance": instance,
        }
        if self.fields:
            told["errors"] = [{"field": field, "detail": detail} for field, detail in self.fields]
        return told | ({"scope": self.scope} if self.scope else {})

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that go with it (RFC 6750 §3, RFC 9110 §10.2.3)."""
        found = {"Cache-Control": "no-store"}
        if self.kind.status == 401:
            found["WWW-Authenticate"] = CHALLENGE if self.kind is Kind.UNAUTHENTICATED else f"{CHALLENGE}, {INVALID}"
        if self.scope:
            found["WWW-Authenticate"] = f'{CHALLENGE}, error="insufficient_scope", scope="{self.scope}"'
        if self.retry_after_seconds:
            found["Retry-After"] = str(self.retry_after_seconds)
        return found


CHALLENGE = 'Bearer realm="control plane"'
INVALID = 'error="invalid_token"'


class Stopped(Exception):
    """Carries a problem through code that reports errors by raising."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.kind.slug)
        self.problem = problem


def type_of(kind: Kind, *, issuer: str) -> str:
    return f"{issuer}{PATH}#{kind.slug}"


def catalog(*, issuer: str) -> list[dict[str, Any]]:
    """Return every kind, as the address of the types tells them."""
    return [{"type": type_of(kind, issuer=issuer), "title": kind.title, "status": kind.status} for kind in Kind]
