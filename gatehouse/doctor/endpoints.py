"""What the authorization server's metadata offers, held against what this client needs."""

import ipaddress
import re
from dataclasses import replace

from gatehouse import discovery, wire
from gatehouse.doctor.profiles import Document
from gatehouse.doctor.walk import Notes, Walk
from gatehouse.documents import text, texts
from gatehouse.words import Failed

# RFC 8414 §2: what holds where the metadata says nothing.
METHODS_WHERE_UNSAID = ("client_secret_basic",)
GRANTS_WHERE_UNSAID = ("authorization_code", "implicit")
ADDRESSES = (
    "authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri",
)  # fmt: skip
INTERNAL = re.compile(r"[^.:]+|.*\.(local|localhost|internal|intranet|lan|svc|cluster\.local|home\.arpa)")


def look_at_endpoints(walk: Walk, notes: Notes) -> None:
    """The addresses, methods and grants are those that this client needs."""
    server = walk.server
    walk.line.sent, walk.line.got = f"GET {walk.metadata_url}", "200, as read before"
    for member in ("authorization_endpoint", "token_endpoint"):
        if not text(server, member):
            notes.fail("member_missing", url=walk.metadata_url, member=member)
    if "code" not in texts(server, "response_types_supported"):
        notes.fail("member_missing", url=walk.metadata_url, member='"code" in response_types_supported')
    if "S256" not in texts(server, "code_challenge_methods_supported"):
        notes.fail("no_pkce", url=walk.metadata_url)
    for member in ADDRESSES:
        if text(server, member):
            _check_address(walk, notes, member)
    _check_identity(walk, notes)
    _check_refresh(walk, notes)
    if server.get("authorization_response_iss_parameter_supported") is not True:
        notes.warn("iss_not_advertised")


def _check_address(walk: Walk, notes: Notes, member: str) -> None:
    url = text(walk.server, member)
    try:
        if not walk.is_local and is_internal(url):
            notes.fail("internal_address", url=url, what=member)
        discovery.secure(url, member, walk.anchor)
    except Failed as failure:
        notes.add(failure.finding)


def is_internal(url: str) -> bool:
    """Tell whether an address leads nowhere from outside: this computer, a private address, or a name without a public
    domain. Raises Failed where it is no address."""
    host = wire.split(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return bool(INTERNAL.fullmatch(host.lower()))


def document_for(walk: Walk) -> Document | None:
    """Return the document by which this client goes here, or None where it registers."""
    server, profile = walk.server, walk.profile
    if server.get("client_id_metadata_document_supported") is not True or profile.document is None:
        return None
    if profile.document.needs_none_listed and "none" not in methods(walk):
        return None
    begins, pattern = profile.documents_of_callbacks
    given = next(iter(walk.redirect_uris), "")
    if begins and given.startswith(begins):
        name = given.removeprefix(begins)
        return replace(profile.document, url=pattern.replace("{name}", name), redirect_uri=given)
    answers_iss = server.get("authorization_response_iss_parameter_supported") is True
    return profile.document if answers_iss else profile.document_without_iss or profile.document


def methods(walk: Walk) -> tuple[str, ...]:
    """Return how clients may prove themselves here."""
    return texts(walk.server, "token_endpoint_auth_methods_supported") or METHODS_WHERE_UNSAID


def _check_identity(walk: Walk, notes: Notes) -> None:
    """There is a way to a client id, and a way to prove it at the token endpoint."""
    if walk.client_id:
        return
    document = document_for(walk)
    if document is None and not text(walk.server, "registration_endpoint"):
        notes.fail("no_way_in")
        return
    if document is None and walk.profile.document and _would_take_documents(walk):
        notes.warn("document_unused")
    wanted = document.methods if document else walk.profile.methods
    if not set(wanted) & set(methods(walk)):
        notes.fail("no_usable_method", wanted=" or ".join(wanted), told=" ".join(methods(walk)))


def _would_take_documents(walk: Walk) -> bool:
    return walk.server.get("client_id_metadata_document_supported") is True


def _check_refresh(walk: Walk, notes: Notes) -> None:
    grants = texts(walk.server, "grant_types_supported") or GRANTS_WHERE_UNSAID
    if "authorization_code" not in grants:
        notes.fail("member_missing", url=walk.metadata_url, member='"authorization_code" in grant_types_supported')
    if "refresh_token" not in grants:
        notes.warn("no_refresh", url=walk.metadata_url)
    elif walk.profile.asks_offline_access and "offline_access" not in texts(walk.server, "scopes_supported"):
        notes.warn("no_offline_access")
