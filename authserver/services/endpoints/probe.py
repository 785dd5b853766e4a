"""One request to an MCP endpoint of this deployment, bounded in time and size.

Unlike `services/fetcher.py`, no stranger chooses where this connects to: the addresses are those of the settings and
of the rows that administrators typed, a handle fills in one label or path segment by its own grammar, and the path is
ours. So private addresses are allowed: behind a proxy, in a compose network or with two views of the DNS, an endpoint
has one. The other bounds are the fetcher's: the name is resolved once and that very address is connected to, nothing is
followed, no cookie or credential is sent, the time is bounded as a whole, and so are the bytes.
"""

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from http.client import HTTPException
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from authserver import policy
from authserver.protocol.endpoints.findings import CONNECTION, NAME, Answer, Finding, fault
from authserver.protocol.setup.snippets import is_on_this_computer

USER_AGENT = "Gatehouse (OAuth authorization server; endpoint check)"
ADDRESSES_MAX = 4
PORTS = {"http": 80, "https": 443}
# getaddrinfo cannot be interrupted: a lookup that hangs keeps its thread, and there are never more than these.
_resolvers = ThreadPoolExecutor(policy.ENDPOINTS_CHECKED_AT_ONCE, thread_name_prefix="resolve-endpoint")
# OpenSSL's X509_V_ERR_… numbers.
CERTIFICATE_EXPIRED = (9, 10)  # not yet valid, expired
CERTIFICATE_OF_OTHER_NAME = (62, 64)  # host name, IP address


def resolve(url: str, *, deadline: float) -> list[str] | Finding:
    """Return the addresses of a URL's host, or why there are none. `deadline` is of time.monotonic()."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", _port_of(parts)
    if is_on_this_computer(url) and not host[-1:].isdigit() and ":" not in host:
        host = "localhost"  # RFC 6761 §6.3; not every system's resolver knows the names below it
    lookup = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        answers = lookup.result(timeout=max(0.0, deadline - time.monotonic()))
    except TooLate:
        lookup.cancel()
        return fault(NAME, "name_too_slow", host=host)
    except (OSError, UnicodeError):
        return fault(NAME, "name_unknown", host=host)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))[:ADDRESSES_MAX]


def ask(url: str, found: list[str], *, deadline: float, body: bytes = b"") -> Answer | Finding:
    """Return what a GET of this URL, or a POST of JSON, answers at one of these addresses, or why nothing came. Never
    raises for what the network or its host does."""
    connection = _connect(urlsplit(url), found, deadline)
    if isinstance(connection, Finding):
        return connection
    # A timeout on the socket starts again with each byte; this one does not.
    alarm = Timer(max(0.0, deadline - time.monotonic()), _cut, [connection.sock])
    alarm.daemon = True
    alarm.start()
    try:
        return _exchange(connection, urlsplit(url), body)
    except (HTTPError, HTTPException, OSError, ValueError):
        late = time.monotonic() >= deadline
        return fault(CONNECTION, "answer_too_slow" if late else "answer_broken", url=url)
    finally:
        alarm.cancel()
        connection.close()


def _port_of(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _cut(connected: socket.socket) -> None:
    """End a connection under the thread that reads from it."""
    with suppress(OSError):  # it ended by itself
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _connect(parts: SplitResult, found: list[str], deadline: float) -> HTTPConnection | Finding:
    host, port = parts.hostname or "", _port_of(parts)
    why = fault(CONNECTION, "connection_too_slow", host=host, port=str(port))
    for number, address in enumerate(found):
        patience = (deadline - time.monotonic()) / (len(found) - number)
        if patience <= 0:
            break
        connection = _connection_to(parts, address, patience)
        try:
            connection.connect()
        except (HTTPError, OSError) as error:
            connection.close()
            why = _why(error, host=host, port=str(port))
            continue
        return connection
    return why


def _connection_to(parts: SplitResult, address: str, patience: float) -> HTTPConnection:
    if parts.scheme == "http":
        return HTTPConnection(address, _port_of(parts), timeout=patience)
    trust = ssl.create_default_context()  # the system's, or those of SSL_CERT_FILE
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    name = (parts.hostname or "").rstrip(".")
    return HTTPSConnection(address, _port_of(parts), timeout=patience, ssl_context=trust, server_hostname=name)


def _why(error: Exception, *, host: str, port: str) -> Finding:
    """Return what kept us from connecting, told by the kind of error: its text may hold anything."""
    cause = error if isinstance(error, OSError) else error.__cause__  # urllib3 wraps what the system said
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = "certificate_untrusted"
        if cause.verify_code in CERTIFICATE_EXPIRED:
            reason = "certificate_expired"
        elif cause.verify_code in CERTIFICATE_OF_OTHER_NAME:
            reason = "certificate_other_name"
        return fault(CONNECTION, reason, host=host, port=port)
    if isinstance(cause, ssl.SSLError):
        return fault(CONNECTION, "tls_failed", host=host, port=port)
    return fault(
        CONNECTION,
        "connection_too_slow" if isinstance(cause, TimeoutError) else "connection_refused",
        host=host,
        port=port,
    )


def _exchange(connection: HTTPConnection, parts: SplitResult, body: bytes) -> Answer:
    """Send the one request and read its answer, as much of it as anybody looks at."""
    headers = {
        "Host": parts.netloc,
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "Connection": "close",
    }
    if body:
        headers["Content-Type"] = "application/json"
    connection.request(
        "POST" if body else "GET",
        parts.path or "/",
        body=body or None,
        headers=headers,
        preload_content=False,
        decode_content=False,
    )
    return _read(connection.getresponse())


def _read(response: BaseHTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    # A server that lets us in may answer with a stream that has no end: what counts is that it did.
    is_stream = headers.get("content-type", "").startswith("text/event-stream")
    body = b"" if is_stream else response.read(policy.ENDPOINT_BODY_BYTES_MAX)
    return Answer(response.status, headers, body)
