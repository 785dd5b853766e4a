"""What a 401 says in WWW-Authenticate (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s+(.*))?$", re.IGNORECASE | re.DOTALL)
PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')


@dataclass(frozen=True)
class Challenge:
    """A Bearer challenge: where the metadata is (empty: at the well-known path), which scopes a connection begins
    with, what is wrong with the credential; and how it is written: the first scheme, its values quoted."""

    metadata_url: str
    scopes: tuple[str, ...]
    error: str = ""
    is_first: bool = True
    is_quoted: bool = True


def parse(values: Sequence[str]) -> Challenge | None:
    """Return the first Bearer challenge among the values of WWW-Authenticate, or None."""
    for place, value in enumerate(values):
        found = BEARER.search(value)
        if found:
            return _challenge(found, is_first=place == 0 and found.start() == 0)
    return None


def _challenge(found: re.Match[str], *, is_first: bool) -> Challenge:
    parameters = PARAMETER.findall(found[1] or "")
    told = {name.lower(): quoted or bare for name, quoted, bare in parameters}
    # `error` is a token that may go bare; an address and a list of scopes may not.
    bare = [name for name, _, bare in parameters if bare and name.lower() in ("resource_metadata", "scope")]
    scopes = tuple(told.get("scope", "").split())
    return Challenge(
        told.get("resource_metadata", ""), scopes, told.get("error", ""), is_first=is_first, is_quoted=not bare
    )
