"""Which request is the door's, and which is Django's."""

import gc
import logging
from functools import lru_cache

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from authserver.door import http, introspection
from authserver.door.http import Desk, Receive, Request, Response, Scope, Send
from authserver.door.lines import Unavailable
from authserver.door.pages import Pages
from authserver.protocol import requests

log = logging.getLogger(__name__)
DESKS: dict[str, Desk] = {"/oauth/introspect": introspection.answer}


class Door:
    """The ASGI application of this server."""

    def __init__(self) -> None:
        self._pages = Pages()
        gc.collect()
        gc.freeze()  # what is loaded by now stays: the collector need not look at it again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await http.read(scope, receive)
        except TimeoutError:
            body = None
        if body is None:  # gone, or too slow: nobody is told, nothing was done
            return
        desk = DESKS.get(scope["path"])
        request = plain(scope, body) if desk else None
        response = await _served(desk, request) if desk and request else None
        if response and request:
            await http.answer(send, response, request.id)
        else:
            await self._pages(scope, body, send)


async def _served(desk: Desk, request: Request) -> Response | None:
    try:
        return await desk(request)
    except Unavailable as error:
        return http.unavailable(str(error))
    except Exception as error:  # logged by the line, with its place
        log.error("%s failed: %s", request.path, type(error).__name__)
        return http.no_store({"error": "server_error", "error_description": "Something failed here."}, status=500)


def plain(scope: Scope, body: bytes) -> Request | None:
    """Return the request where nothing about it is unusual: each header once, a host of ours, the scheme that is
    wanted. None: Django knows what to say."""
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or scope["query_string"]:
        return None
    if not is_host_of_ours(headers.get(b"host", b"")) or (settings.SECURE_SSL_REDIRECT and not _is_secure(headers)):
        return None
    client = scope.get("client")
    request_id = requests.id_of(headers.get(b"x-request-id", b"").decode("latin-1"))
    return Request(scope["method"], scope["path"], headers, client[0] if client else "", request_id, body)


def _is_secure(headers: dict[bytes, bytes]) -> bool:
    return bool(settings.TRUSTED_PROXY_COUNT) and headers.get(b"x-forwarded-proto") == b"https"


@lru_cache(maxsize=256)
def is_host_of_ours(host: bytes) -> bool:
    """Tell whether Django would let this Host header in (settings.ALLOWED_HOSTS)."""
    domain, _ = split_domain_port(host.decode("latin-1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
