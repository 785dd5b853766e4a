"""The one way out: a small JSON document from an address that a stranger named.

A stranger chooses where we connect to, so nothing is left to a library's defaults: the name is resolved once and every
answer must be a public address, the connection goes to that very address, nothing is followed, and everything has a
bound: time as a whole, bytes, connections at once, fetches per origin, tries after failures.

Obeys: CIMD §4, §6.5, §6.6; RFC 6890 (special-use addresses).
"""

import hashlib
import json
import logging
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import BoundedSemaphore, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.cache import cache
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from authserver import policy
from authserver.protocol import addresses, freshness
from authserver.services.events import current_request
from authserver.telemetry import spans

log = logging.getLogger(__name__)

USER_AGENT = "Gatehouse (OAuth authorization server; client ID metadata documents)"
ADDRESSES_MAX = 4
STATUS_REASON = "fetch:status_"
# Answers that speak of us or of the moment, not of the document. Some hosts refuse data centers with 403.
TEMPORARY_STATUS = frozenset({401, 403, 408, 421, 425, 429})
_slots = BoundedSemaphore(policy.FETCHES_IN_FLIGHT_MAX)
# getaddrinfo cannot be interrupted: a lookup that hangs keeps its thread, and there are never more than these.
_resolvers = ThreadPoolExecutor(policy.FETCHES_IN_FLIGHT_MAX, thread_name_prefix="resolve")


@dataclass(frozen=True)
class Fetched:
    """An answer of 200 with JSON in it, and for how long it is fresh."""

    body: bytes = field(repr=False)
    max_age_seconds: int

    def content(self) -> object:
        """Return what the JSON says, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class FetchFailed:
    """Why there is no document. Temporary: asking again later may help; otherwise there is none to be had there."""

    reason: str
    is_temporary: bool


def status_in(reason: str) -> dict[str, Any]:
    """Return the HTTP status that a failure is about, by its name; nothing where it is about something else."""
    status = reason.removeprefix(STATUS_REASON)
    return {"status": int(status)} if status != reason and status.isdecimal() else {}


def fetch(url: str, *, bytes_max: int) -> Fetched | FetchFailed:
    """Return what stands at this https address, or why not. Never raises for what the network or its host does, and
    never takes longer than policy.FETCH_DEADLINE_SECONDS."""
    refused = _pause_of(url) or _over_budget(url)
    if refused:
        return refused
    if not _slots.acquire(blocking=False):
        return FetchFailed("fetch:busy", True)
    try:
        answer = _fetch(urlsplit(url), bytes_max, time.monotonic() + policy.FETCH_DEADLINE_SECONDS)
    finally:
        _slots.release()
    if isinstance(answer, FetchFailed):
        log.warning("no document from %s: %s", urlsplit(url).hostname, answer.reason)
        _count(_key("failures", url), policy.FETCH_PAUSE_SECONDS)
    return answer


# --- Bounds


def _key(what: str, value: str) -> str:
    return f"fetch:{what}:{hashlib.sha256(value.encode()).hexdigest()}"


def _count(key: str, seconds: int) -> int:
    """Add one to a counter that starts again `seconds` after its first; return the new count."""
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # it ran out in between
        return 1


def _pause_of(url: str) -> FetchFailed | None:
    if cache.get(_key("failures", url), 0) < policy.FETCH_FAILURES_BEFORE_PAUSE:
        return None
    return FetchFailed("fetch:paused_after_failures", True)


def _over_budget(url: str) -> FetchFailed | None:
    """Hold whoever made us fetch to a share, and each origin to what it has to bear from us."""
    caller = current_request.get().counted
    if caller and _count(_key("caller", caller), 60) > policy.FETCHES_PER_CALLER_PER_MINUTE:
        return FetchFailed("fetch:caller_budget", True)
    asked = _count(_key("origin", urlsplit(url).netloc), 60)
    return FetchFailed("fetch:origin_budget", True) if asked > policy.FETCHES_PER_ORIGIN_PER_MINUTE else None


# --- The way


def _fetch(url: SplitResult, bytes_max: int, deadline: float) -> Fetched | FetchFailed:
    found = _resolve(url, deadline)
    if isinstance(found, FetchFailed):
        return found
    connection = _connect(url, found, deadline)
    if isinstance(connection, FetchFailed):
        return connection
    # A timeout on the socket starts again with each byte; this one does not.
    alarm = Timer(max(0.0, deadline - time.monotonic()), _cut, [connection.sock])
    alarm.daemon = True
    alarm.start()
    try:
        answer = _exchange(connection, url, bytes_max)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        answer = FetchFailed(f"fetch:broken_{type(error).__name__}", True)
    finally:
        alarm.cancel()
        connection.close()
    return FetchFailed("fetch:too_slow", True) if time.monotonic() >= deadline else answer


def _cut(connected: socket.socket) -> None:
    """End a connection under the thread that reads from it (TLS would first wait for the other side)."""
    with suppress(OSError):  # it ended by itself
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _resolve(url: SplitResult, deadline: float) -> list[str] | FetchFailed:
    """Return the addresses of the host, each of which we may connect to. One that is not public refuses them all: a
    host that mixes them is trying something."""
    port = url.port or 443
    lookup = _resolvers.submit(socket.getaddrinfo, url.hostname, port, type=socket.SOCK_STREAM)
    try:
        answers = lookup.result(timeout=max(0.0, deadline - time.monotonic()))
    except TooLate:
        lookup.cancel()
        return FetchFailed("fetch:name_too_slow", True)
    except socket.gaierror as error:
        return FetchFailed("fetch:name_unknown", error.errno == socket.EAI_AGAIN)
    except (OSError, UnicodeError):
        return FetchFailed("fetch:name_unreadable", False)
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not found or not all(_may_connect(address, port) for address in found):
        return FetchFailed("fetch:address_not_public", False)
    return found[:ADDRESSES_MAX]


def _may_connect(address: str, port: int) -> bool:
    if settings.INSECURE_CIMD_ALLOW_LOOPBACK and addresses.is_loopback(address):
        return True
    return port == 443 and addresses.is_public(address)


def _connect(url: SplitResult, found: list[str], deadline: float) -> HTTPSConnection | FetchFailed:
    """Connect to one of the addresses, with the certificate checked against the name."""
    trust = ssl.create_default_context()  # the system's, or those of SSL_CERT_FILE
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    reason = "fetch:too_slow"
    for number, address in enumerate(found):
        patience = (deadline - time.monotonic()) / (len(found) - number)
        if patience <= 0:
            break
        connection = HTTPSConnection(
            address,
            url.port or 443,
            timeout=patience,
            ssl_context=trust,
            server_hostname=(url.hostname or "").rstrip("."),
        )
        try:
            connection.connect()
        except (HTTPError, OSError) as error:
            connection.close()
            reason = f"fetch:unreachable_{type(error).__name__}"
            continue
        return connection
    return FetchFailed(reason, True)


def _exchange(connection: HTTPSConnection, url: SplitResult, bytes_max: int) -> Fetched | FetchFailed:
    """Send the one request and read the answer: no cookies, no credentials, nothing followed or unpacked."""
    headers = {
        "Host": url.netloc,
        "Accept": "application/json, application/*+json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "Connection": "close",
    }
    target = url.path + (f"?{url.query}" if url.query else "")
    connection.request("GET", target, headers=headers | spans.context(), preload_content=False, decode_content=False)
    return _read(connection.getresponse(), bytes_max)


def _read(answer: BaseHTTPResponse, bytes_max: int) -> Fetched | FetchFailed:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status != 200:
        return FetchFailed(f"{STATUS_REASON}{answer.status}", answer.status in TEMPORARY_STATUS or answer.status >= 500)
    if not _is_json(headers.get("content-type", "")) or headers.get("content-encoding", "identity") != "identity":
        return FetchFailed("fetch:not_json", False)
    body = answer.read(bytes_max + 1)
    if len(body) > bytes_max:
        return FetchFailed("fetch:too_large", False)
    if headers.get("content-length", str(len(body))) != str(len(body)):
        return FetchFailed("fetch:broken_off", True)
    return Fetched(body, freshness.lifetime_seconds(headers))


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
