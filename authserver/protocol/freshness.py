"""How long a fetched document serves before it is asked for again."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from authserver import policy

DIRECTIVE = re.compile(r"([a-z-]+)(?:=\"?(\d+)\"?)?")
NOT_KEPT = {"no-store", "no-cache"}


def lifetime_seconds(headers: Mapping[str, str]) -> int:
    """Return for how many seconds this answer is fresh, within policy.DOCUMENT_AGE_MIN_SECONDS and _MAX_SECONDS.

    `headers` by their names in lower case. A document that forbids keeping is kept for the minimum all the same: the
    bound is what protects its host and us from a fetch per request.

    Obeys: RFC 9111 §4.2.1 (which of them counts), §5.1 (Age), CIMD §5 (own bounds).
    """
    found = dict(DIRECTIVE.findall(headers.get("cache-control", "").lower()))
    if NOT_KEPT & found.keys():
        return policy.DOCUMENT_AGE_MIN_SECONDS
    named = found.get("s-maxage") or found.get("max-age")
    age = int(named[:10]) if named else _until_expiry(headers)
    if age is None:
        return policy.DOCUMENT_AGE_DEFAULT_SECONDS
    spent = headers.get("age", "")
    remaining = age - (int(spent[:10]) if spent.isascii() and spent.isdigit() else 0)
    return max(policy.DOCUMENT_AGE_MIN_SECONDS, min(remaining, policy.DOCUMENT_AGE_MAX_SECONDS))


def _until_expiry(headers: Mapping[str, str]) -> int | None:
    try:
        expires, date = (parsedate_to_datetime(headers[name]) for name in ("expires", "date"))
        return int((expires - date).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return 0 if "expires" in headers else None  # an unreadable date is one in the past (RFC 9111 §5.3)
