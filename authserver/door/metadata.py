"""Authorization server metadata at the door: bytes that are kept, and made anew by a thread once they are old."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from authserver import policy
from authserver.door.http import Request, Response, facts_of, issuer_of
from authserver.door.thread_lines import ThreadLine
from authserver.protocol.trace.steps import Kind
from authserver.services import discovery
from authserver.services.trace import note

HEADERS = b"content-type: application/json\r\ncache-control: %s\r\n" % discovery.CACHE_CONTROL.encode()


@dataclass(frozen=True, slots=True)
class Made:
    """The document, as the catalog was when this was made."""

    at: float  # time.monotonic()
    response: Response


_newest: dict[str, Made] = {}  # by issuer


def read(request: Request) -> Response | Request | None:
    """Return the document, or the request where it has to be made first."""
    if request.method not in ("GET", "HEAD"):
        return None
    note(Kind.SERVER_METADATA, facts=facts_of(request), form="oauth-authorization-server")
    kept = _newest.get(issuer_of(request))
    is_new = kept is not None and time.monotonic() - kept.at < policy.METADATA_KEPT_SECONDS
    return kept.response if kept and is_new else request


def act(requests: Sequence[Request]) -> list[Response]:
    """Make the document of each issuer anew for all who wait, and keep it."""
    asked = [issuer_of(request) for request in requests]
    for issuer in set(asked):
        at = time.monotonic()
        _newest[issuer] = Made(at, Response(200, json.dumps(discovery.metadata(issuer)).encode(), HEADERS))
    return [_newest[issuer].response for issuer in asked]


line: ThreadLine[Request, Response] = ThreadLine("metadata", act, is_repeatable=True)


def told(request: Request, response: Response) -> Response:
    return response
