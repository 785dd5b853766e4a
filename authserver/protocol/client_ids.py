"""Client ids that are addresses of documents (draft-ietf-oauth-client-id-metadata-document, CIMD)."""

import re
from urllib.parse import SplitResult, urlsplit

from authserver import policy
from authserver.protocol import redirects

PREFIX = "https://"
CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
DOTS = {".", ".."}


def is_address(client_id: str) -> bool:
    """Tell whether this client id is meant as the address of a document. Ids that we generate never are."""
    return client_id.startswith(PREFIX)


def document_url(client_id: str, *, any_port: bool = False) -> str | None:
    """Return the address to fetch for this client id, which is the id itself, or None where it is not fit for one.

    Ids are compared as plain strings, so only one spelling is let in: scheme and host in lower case, no dot segments
    in any disguise. `any_port` is for documents on this machine, in development.

    Obeys: CIMD §3 (https, a path, no fragment, no user, no dot segments).
    """
    if not is_address(client_id) or len(client_id) > policy.CLIENT_ID_LENGTH_MAX:
        return None
    if not CHARACTERS.fullmatch(client_id) or BAD_ESCAPE.search(client_id):
        return None
    try:
        parts = urlsplit(client_id)
        port = parts.port
    except ValueError:
        return None
    if port not in (None, 443) and not any_port:
        return None
    return client_id if _has_host(parts) and _has_plain_path(parts.path) else None


def _has_host(parts: SplitResult) -> bool:
    return (
        bool(parts.hostname)
        and "@" not in parts.netloc
        and parts.netloc == parts.netloc.lower()
        and not parts.netloc.endswith(":")
        and redirects.HOST.fullmatch(parts.hostname or "") is not None
    )


def _has_plain_path(path: str) -> bool:
    """Tell whether there is a path without dot segments; `%2e` is a dot too for whoever decodes first."""
    segments = re.sub("%2e", ".", path, flags=re.IGNORECASE).split("/")
    return path.startswith("/") and not DOTS & set(segments)


def host_of(client_id: str) -> str:
    """Return the host that vouches for a client whose id is an address, or nothing."""
    return (urlsplit(client_id).hostname or "") if is_address(client_id) else ""
