"""Both metadata documents, compared as this client compares. Obeys: RFC 9728 §3.3, RFC 8414 §3.3."""

from urllib.parse import SplitResult, urlsplit

from gatehouse import discovery, wire
from gatehouse.discovery import OF_RESOURCE, OF_SERVER, OPENID_METADATA, RESOURCE_METADATA, SERVER_METADATA
from gatehouse.doctor import reading
from gatehouse.doctor.challenge import remember
from gatehouse.doctor.profiles import Match
from gatehouse.doctor.walk import Notes, Skipped, Walk
from gatehouse.documents import Json, text, texts
from gatehouse.wire import Answer
from gatehouse.words import Failed, differing
from gatehouse.words.marking import gettext_noop

ROOT = "/"


# --- The resource's


def read_resource(walk: Walk, notes: Notes) -> None:
    """The MCP server says which authorization server it trusts, about itself."""
    if walk.opening is None:
        raise Skipped
    found = reading.first(walk, notes, _addresses(walk, notes, walk.opening), what=OF_RESOURCE)
    if found is None:
        raise _resource_missing(walk, notes)
    url, document = found
    walk.resource = document
    reading.note_empty(walk, notes, document, url)
    _check_resource(walk, notes, text(document, "resource"))
    _check_offer(walk, notes, document)


def _addresses(walk: Walk, notes: Notes, opening: Answer) -> list[str]:
    named = walk.challenge.metadata_url if walk.challenge else ""
    if not named:
        return discovery.well_known_of_resource(walk.url)
    if wire.origin(named) != wire.origin(walk.url):
        remember(walk, opening)
        notes.judge("metadata_elsewhere", fails=not walk.profile.resource_anywhere, url=walk.url, told=named)
    return [named]


def _resource_missing(walk: Walk, notes: Notes) -> Failed:
    url = (walk.challenge.metadata_url if walk.challenge else "") or discovery.well_known_of_resource(walk.url)[0]
    other = [
        each for each in (*discovery.well_known_of_resource(walk.url), walk.url + RESOURCE_METADATA) if each != url
    ]
    return reading.misplaced(walk, notes, url, other, what=OF_RESOURCE)


def _check_resource(walk: Walk, notes: Notes, told: str) -> None:
    walk.resource_name = told
    if told == walk.url:
        return
    fails = not is_same(told, walk.url, walk.profile.resource_match)
    if fails:
        walk.resource_name = walk.url  # as it should be: what comes of a wrong one need not be said
    notes.judge("resource_differs", fails=fails, **differing(told, walk.url))


def _check_offer(walk: Walk, notes: Notes, document: Json) -> None:
    """The authorization servers and the scopes that the resource names."""
    if "offline_access" in texts(document, "scopes_supported"):
        notes.warn("offline_access_in_resource")
    if not walk.scopes:
        notes.warn("no_scopes")
    servers = texts(document, "authorization_servers")
    if not servers:
        notes.fail("no_authorization_server", url=walk.url)
        return
    walk.issuer = servers[0]
    if len(servers) > 1:
        notes.warn("several_authorization_servers", number=len(servers))
    expected = walk.expected_issuer
    if expected and servers[0] != expected:
        if is_same(servers[0], expected, Match.SLASH):
            notes.warn("issuer_slash", told=servers[0], expected=expected)  # no client sees what we expect
        else:
            notes.fail("wrong_authorization_server", url=walk.url, told=servers[0], expected=expected)


# --- The authorization server's


def read_server(walk: Walk, notes: Notes) -> None:
    """The authorization server describes itself, under the name by which it was called."""
    walk.issuer = walk.issuer or walk.expected_issuer
    if not walk.issuer:
        raise Skipped
    walk.line.sent, walk.line.got = f"GET {walk.issuer}{SERVER_METADATA}", "not asked"
    discovery.secure(walk.issuer, gettext_noop("the authorization server"), walk.anchor)
    urls = discovery.well_known_of_server(walk.issuer)
    found = reading.first(walk, notes, urls, what=OF_SERVER)
    if found is None:
        raise reading.misplaced(walk, notes, urls[0], _other_places(walk), what=OF_SERVER)
    walk.metadata_url, walk.metadata = found
    reading.note_empty(walk, notes, walk.metadata, walk.metadata_url)
    _check_issuer(walk, notes, text(walk.metadata, "issuer"))
    lines = walk.line.sent, walk.line.got
    if walk.profile.probes:
        _check_openid(walk, notes)
    walk.line.sent, walk.line.got = lines


def _other_places(walk: Walk) -> list[str]:
    """Where the metadata lies by mistake: behind the path, at the root although the issuer has a path, below a folder
    of the server's pages, or on the MCP server's host."""
    parts = urlsplit(walk.issuer)
    root = f"{parts.scheme}://{parts.netloc}"
    mcp = urlsplit(walk.url)
    found = [walk.issuer.rstrip("/") + SERVER_METADATA, root + SERVER_METADATA]
    found += [root + folder + SERVER_METADATA for folder in ("/oauth", "/oauth2", "/auth")]
    found.append(f"{mcp.scheme}://{mcp.netloc}{SERVER_METADATA}")
    tried = discovery.well_known_of_server(walk.issuer)
    return [url for url in dict.fromkeys(found) if url not in tried]


def _check_issuer(walk: Walk, notes: Notes, told: str) -> None:
    if told == walk.issuer:
        return
    if is_same(told, walk.issuer, Match.SLASH) and walk.profile.issuer_match is Match.SLASH:
        notes.warn("issuer_slash", told=told, expected=walk.issuer)
    else:
        notes.fail("issuer_differs", **differing(told, walk.issuer))


def _check_openid(walk: Walk, notes: Notes) -> None:
    """Some clients read the OpenID document first or too: the same, or nothing (404)."""
    urls = [url for url in discovery.well_known_of_server(walk.issuer) if OPENID_METADATA in url]
    if walk.metadata_url in urls:
        return
    try:
        answer = reading.follow(walk, notes, urls[0])
        told = reading.content(walk, notes, answer, what=OF_SERVER) if answer.status != 404 else {}
    except Failed:
        told = {"issuer": ""}
    if told and text(told, "issuer") != text(walk.server, "issuer"):
        notes.warn("openid_metadata_differs", url=urls[0])


# --- Comparing


def is_same(told: str, expected: str, match: Match) -> bool:
    """Tell whether a client takes these for the same."""
    if told == expected:
        return True
    if match is Match.SLASH:
        return told.rstrip("/") == expected.rstrip("/") and abs(len(told) - len(expected)) == 1
    if match is Match.EXACT:
        return False
    try:
        told_parts, parts = urlsplit(told), urlsplit(expected)
        same_origin = _origin(told_parts) == _origin(parts)
    except ValueError:  # a port that is none
        return False
    told_path, path = told_parts.path or ROOT, parts.path or ROOT
    if match is Match.SAME_URL:
        return same_origin and told_path == path
    return same_origin and f"{path.rstrip('/')}/".startswith(f"{told_path.rstrip('/')}/")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme and host in small letters, and the port, also where it goes without saying."""
    return parts.scheme, parts.hostname, parts.port or wire.PORTS.get(parts.scheme)
