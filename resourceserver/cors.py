"""Which browser pages may call the MCP endpoints, and what their preflight is told.

Obeys: MCP Streamable HTTP (an Origin that is present and not allowed is answered 403), Fetch §3.3 (CORS).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from resourceserver.answers import Answer, Headers

DEFAULT_ORIGINS = ("https://chatgpt.com", "https://chat.openai.com", "https://platform.openai.com")
METHODS = "GET, POST, OPTIONS, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID"
)
EXPOSED_HEADERS = "WWW-Authenticate, Mcp-Session-Id"
PREFLIGHT_SECONDS = 600

ANY_ORIGIN: Headers = (("Access-Control-Allow-Origin", "*"),)


@dataclass(frozen=True)
class OriginPolicy:
    """The origins that may call: the listed ones, ``*`` for all, and pages on this machine in development."""

    origins: tuple[str, ...] = DEFAULT_ORIGINS
    loopback: bool = False

    def allows(self, origin: str) -> bool:
        """Return whether a page of ``origin`` may call. Compared exactly, as browsers write it."""
        return "*" in self.origins or origin in self.origins or (self.loopback and is_loopback(origin))

    def answer_headers(self, origin: str) -> Headers:
        """Return the headers that let an allowed page read an answer. There are no cookies, hence no credentials."""
        return (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
            ("Vary", "Origin"),
        )


def is_loopback(url: str) -> bool:
    """Return whether an http(s) URL or origin is on this machine: 127.0.0.1, [::1], localhost or *.localhost."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    return host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost")


def preflight(allowed: Iterable[tuple[str, str]], *, methods: str = METHODS) -> Answer:
    """Return the answer to an OPTIONS request, ``allowed`` being the headers for its origin."""
    return Answer(
        204,
        headers=(
            *allowed,
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", REQUEST_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        ),
    )
