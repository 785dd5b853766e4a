"""Whose name this server answers under: each issuer is an origin, and the Host of a request says which one was asked.

Obeys: RFC 8414 §3.3, RFC 9207 §2.4 (a client compares the issuer byte by byte with the one it asked).
"""

from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

from authserver.protocol import resources
from authserver.services import events


def everywhere() -> tuple[str, ...]:
    """Return every issuer that is served, today's first."""
    return (settings.ISSUER, *settings.FORMER_ISSUERS)


@lru_cache(maxsize=256)  # introspection asks this every time; settings change only with a restart
def of_host(host: str) -> str:
    """Return the issuer at this Host header. A host that is let in and is no issuer's, as an inner address is, stands
    for today's. Whether it is let in is not decided here."""
    asked = resources.canonical(f"{urlsplit(settings.ISSUER).scheme}://{host}")
    return asked if asked in everywhere() else settings.ISSUER


def current() -> str:
    """Return the issuer that the current request asked; outside of any, today's."""
    return events.current_request.get().issuer or settings.ISSUER
