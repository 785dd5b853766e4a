"""How clients differ, as data: what one client sends, reads and needs on its way to a sign-in page.

The strictness of a comparison is the client's own. Where nothing is known of a client it is what its SDK does, and
where that is not known either, what the specification says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
BOTH_KINDS = "application/json, text/event-stream"
NONE, POST_BODY, BASIC, SIGNED = "none", "client_secret_post", "client_secret_basic", "private_key_jwt"


class Opening(Enum):
    """The first request to the MCP URL."""

    INITIALIZE = "POST initialize"
    DISCOVER = "POST server/discover"
    GET = "GET"
    HEAD = "HEAD"


class Match(Enum):
    """When two spellings are one. EXACT: character by character. SLASH: one slash at the end aside. SAME_URL: capitals
    in scheme and host and the port that goes without saying aside. PARENT: the same origin, and a path above."""

    EXACT = "exact"
    SLASH = "slash"
    SAME_URL = "same url"
    PARENT = "parent"


class ScopesFrom(Enum):
    """Where a client takes the scopes from that it asks for. CHALLENGE: there, else from the resource metadata."""

    CHALLENGE = "challenge"
    SERVER = "server"


@dataclass(frozen=True)
class Document:
    """A client that describes itself at an https address (CIMD): the address is its id. It is used where the server
    says so; some want `none` among the methods too."""

    url: str
    redirect_uri: str
    methods: tuple[str, ...] = (NONE,)
    needs_none_listed: bool = False


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One client. `agent` empty: it sends no User-Agent; `metadata_accept` likewise. `redirect_uri` is the callback it
    comes with, which may have another port than the registered one."""

    name: str
    title: str
    # The first call
    opening: Opening = Opening.INITIALIZE
    agent: str = "node"
    metadata_accept: str = "application/json"
    needs_challenge: bool = True  # without WWW-Authenticate it does not go on to the well-known paths
    reads_first_scheme_only: bool = False
    # The documents
    resource_match: Match = Match.EXACT
    resource_anywhere: bool = False  # metadata on another origin will do
    issuer_match: Match = Match.EXACT
    refuses_null: bool = False
    # Its identity
    document: Document | None = None
    document_without_iss: Document | None = None  # used instead where the server does not send `iss`
    # What a callback begins with that has a document of its own, and where that lies; both end in the same name.
    documents_of_callbacks: tuple[str, str] = ("", "")
    registration: Mapping[str, object] = field(default_factory=dict)
    registers_scope: bool = True
    redirect_uri: str = ""
    methods: tuple[str, ...] = (NONE,)  # those it can use when it registers, the best first
    # What it asks for
    scopes_from: ScopesFrom = ScopesFrom.CHALLENGE
    asks_offline_access: bool = False  # where the server lists it; with prompt=consent
    preflights: bool = False  # it asks the authorize address itself before it opens a browser
    needs_iss: bool = False  # even where the metadata does not promise it
    # Where it runs
    page_origin: str = ""  # a page of a browser, with CORS
    page_calls_mcp: bool = True
    calls_from_ipv4: bool = False
    # Beyond any client: what none tries but all rely on
    probes: bool = False


def registration(name: str, *uris: str, method: str = NONE, **members: object) -> Mapping[str, object]:
    """Return a registration as clients send it (RFC 7591 §2). An empty method is left out: the server decides."""
    said: dict[str, object] = {
        "client_name": name,
        "redirect_uris": list(uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        **({"token_endpoint_auth_method": method} if method else {}),
        **members,
    }
    return MappingProxyType(said)
