"""Everything that is not the door's: Django, behind a bridge from ASGI to WSGI with threads of its own."""

from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

from authserver import policy
from authserver.door.http import Application, Message, Scope, Send

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Pages:
    """Django as an ASGI application. A thread is taken only once the request is there to its end."""

    def __init__(self) -> None:
        self._bridge: Application = WSGIMiddleware(get_wsgi_application(), workers=policy.PAGE_THREADS)

    async def __call__(self, scope: Scope, body: bytes, send: Send) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._bridge(tidied(scope, len(body)), receive, send)


def tidied(scope: Scope, length: int) -> Scope:
    """Return the scope as WSGI can carry it: printable ASCII in the query; no header whose name would be taken for
    another's (`X_Forwarded_For` and `X-Forwarded-For` are one in WSGI); the length of a body that came in pieces."""
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    if length and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % length))
    query = quote(scope["query_string"], safe=PRINTABLE).encode()
    return {**scope, "headers": headers, "query_string": query}
