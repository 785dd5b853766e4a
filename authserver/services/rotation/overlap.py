"""A secret and the one before it, which works on for policy.SECRET_OVERLAP: of clients, resource servers and initial
access tokens alike."""

from datetime import datetime

from authserver import policy
from authserver.models import Client, InitialAccessToken, ResourceServer

Holder = Client | ResourceServer | InitialAccessToken
FIELDS = ("secret_digest", "previous_secret_digest", "previous_secret_expires_at")


def begin(row: Holder, digest: bytes, *, now: datetime) -> None:
    """Store a new secret; the one so far, if there is one, becomes the former one, and a former one is void."""
    old = bytes(row.secret_digest)
    row.secret_digest = digest
    row.previous_secret_digest = old
    row.previous_secret_expires_at = now + policy.SECRET_OVERLAP if old else None
    row.save(update_fields=FIELDS)


def end(row: Holder, *, now: datetime) -> bool:
    """Void the former secret; return whether it still worked."""
    if former_of(row, now=now) is None:
        return False
    row.previous_secret_digest, row.previous_secret_expires_at = b"", None
    row.save(update_fields=FIELDS)
    return True


def former_of(row: Holder, *, now: datetime) -> bytes | None:
    """Return the digest of the former secret while that works on, or None."""
    expires_at = row.previous_secret_expires_at
    return bytes(row.previous_secret_digest or b"") or None if expires_at and expires_at > now else None
