"""One HTTP request as a client sends it: bounded in time and size, redirected within one origin at most.

A server is a stranger: it may be slow, endless, silent, or send us elsewhere. Every one of these ends in `Failed`.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

from gatehouse import __version__
from gatehouse.words import failed

AGENT = f"gatehouse/{__version__}"
TIMEOUT_SECONDS = 10
ANSWER_BYTES_MAX = 256 * 1024
REDIRECTS_MAX = 3
REDIRECTS = (301, 302, 303, 307, 308)
PORTS = {"http": 80, "https": 443}
# Printable ASCII that may stand in a URI (RFC 3986 §2), without a fragment.
URL = re.compile(r"https?://[A-Za-z0-9.\-_\[\]:]+(/[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)?\Z")
LOOPBACK = re.compile(r"localhost|[a-z0-9.\-]+\.localhost|127(\.\d{1,3}){3}|::1")


@dataclass(frozen=True)
class Answer:
    """What came back. Header names in lower case; of several headers of one name, all values in order."""

    url: str
    status: int
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    body: bytes = field(repr=False)
    took_seconds: float = 0.0

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return self.headers.get(name, ("",))[0]


def split(url: str) -> SplitResult:
    """Return the parts of an address that may be called. Raises Failed for any other."""
    try:
        parts = urlsplit(url)
        usable = bool(URL.match(url) and parts.hostname and parts.port != 0)
    except ValueError:  # a port that is none, a bracket that is not closed
        usable = False
    if not usable:
        raise failed("bad_address", url=url)
    return parts


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port, by which origins are compared. Raises Failed where there is none."""
    parts = split(url)
    return parts.scheme, str(parts.hostname), parts.port or PORTS[parts.scheme]


def joined(url: str, location: str) -> str:
    """Return the address that a redirect from `url` leads to. Raises Failed where it leads nowhere."""
    try:
        return urljoin(url, location)
    except ValueError as error:  # a bracket that is not closed
        raise failed("bad_address", url=location) from error


def is_loopback(url: str) -> bool:
    """Tell whether the host is this computer."""
    return bool(LOOPBACK.fullmatch(split(url).hostname or ""))


def get(url: str) -> Answer:
    """Return the answer to a GET of JSON, redirects within the origin followed. Raises Failed."""
    here = url
    for _ in range(REDIRECTS_MAX + 1):
        answer = _once("GET", here)
        if answer.status not in REDIRECTS:
            return answer
        there = joined(here, answer.header("location"))
        if origin(there) != origin(url):
            break
        here = there
    raise failed("moved", url=url, location=there)


def post(url: str, body: bytes, *, accept: str = "application/json", bearer: str = "") -> Answer:
    """Return the answer to a POST of JSON; never redirected, so that a bearer goes nowhere else. Raises Failed."""
    headers = {"Content-Type": "application/json", "Accept": accept}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    answer = _once("POST", url, body=body, headers=headers)
    if answer.status in REDIRECTS:
        raise failed("moved", url=url, location=joined(url, answer.header("location")))
    return answer


def exchange(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float | None = None
) -> Answer:
    """Return the answer to one request with these headers and no others of our choice (but Host); redirects are not
    followed. It takes `seconds` at most, TIMEOUT_SECONDS where nothing is said. Raises Failed."""
    parts = split(url)
    seconds = TIMEOUT_SECONDS if seconds is None else seconds
    target = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
    connection = _connection(parts, seconds)
    began = time.monotonic()
    with _told_in_words(url, parts, seconds), _ended_in_time(connection, seconds):
        connection.request(method, target, body=body, headers={"Host": parts.netloc, **headers, "Connection": "close"})
        response = connection.getresponse()
        content = response.read(ANSWER_BYTES_MAX + 1)
    if len(content) > ANSWER_BYTES_MAX:
        raise failed("too_large", url=url, limit=ANSWER_BYTES_MAX)
    found: dict[str, tuple[str, ...]] = {}
    for name, value in response.getheaders():
        found[name.lower()] = (*found.get(name.lower(), ()), value)
    return Answer(url, response.status, found, content, time.monotonic() - began)


def _once(method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    own = {"Accept": "application/json", "User-Agent": AGENT}
    return exchange(method, url, headers={**own, **(headers or {})}, body=body)


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(resolvable(host), port, timeout=seconds)


def resolvable(host: str) -> str:
    """Return the name to ask a resolver for. RFC 6761 §6.3: names below localhost are this computer, which not every
    resolver knows."""
    return "127.0.0.1" if host.endswith(".localhost") else host


@contextmanager
def _ended_in_time(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Connect, and cut the line when the whole exchange takes too long: the timeout of a socket is per read, and a
    server that sends a byte now and then never meets it."""
    over_at = time.monotonic() + seconds
    connection.connect()
    timer = threading.Timer(max(over_at - time.monotonic(), 0), _cut, (connection.sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
        if time.monotonic() >= over_at:
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= over_at:
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        connection.close()


def _cut(line: socket.socket) -> None:
    """Wake whoever reads. SSLSocket's own shutdown would take the TLS away from under them."""
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)


@contextmanager
def _told_in_words(url: str, parts: SplitResult, seconds: float) -> Iterator[None]:
    """Turn what the network throws into Failed."""
    host = parts.hostname
    try:
        yield
    except (socket.gaierror, UnicodeError) as error:
        raise failed("host_not_found", host=host) from error
    except ConnectionRefusedError as error:
        raise failed("connection_refused", host=host, port=parts.port or PORTS[parts.scheme]) from error
    except ssl.SSLCertVerificationError as error:
        raise failed("tls_failed", host=host, reason=error.verify_message.rstrip(".")) from error
    except ssl.SSLError as error:
        raise failed("tls_failed", host=host, reason=(error.reason or "no TLS").replace("_", " ").lower()) from error
    except TimeoutError as error:
        raise failed("too_slow", url=url, seconds=round(seconds, 1)) from error
    except (OSError, http.client.HTTPException) as error:
        raise failed("no_http", url=url) from error
