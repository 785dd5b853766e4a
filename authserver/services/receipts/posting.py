"""One POST over the network: with a deadline, nothing followed, nothing believed but the status. A push of security
events (RFC 8935), or what operators are told.

Whose address it is was settled before: nothing here keeps from private ones.
"""

import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from threading import Timer
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from authserver import policy
from authserver.protocol.receipts.requests import error_code
from authserver.telemetry import spans

ANSWER_BYTES_MAX = 4_096
BARE = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
HEADERS = BARE | {
    "Content-Type": "application/secevent+jwt",
    "User-Agent": "Gatehouse (OAuth authorization server; security events)",
}


def post(url: str, token: str) -> str:
    """Send one security event token; return "" where it was taken (202), otherwise why not, in a word of ours.

    Obeys: RFC 8935 §2.2, §2.4.
    """
    return _exchange(url, token.encode(), headers=HEADERS, verdict=_verdict)


def send(url: str, body: bytes, *, headers: Mapping[str, str]) -> str:
    """Send this; return "" where it was taken (any 2xx), otherwise why not, in a word of ours."""
    return _exchange(
        url, body, headers=BARE | dict(headers), verdict=lambda answer: _said(answer.status // 100 == 2, answer)
    )


def _said(is_taken: bool, answer: BaseHTTPResponse) -> str:
    return "" if is_taken else f"status_{answer.status}"


def _exchange(url: str, body: bytes, *, headers: Mapping[str, str], verdict: Callable[[BaseHTTPResponse], str]) -> str:
    """Send a body and return what `verdict` says of the answer.

    Takes policy.PUSH_DEADLINE_SECONDS per address of the host at the most. Never raises for what the network does.
    """
    deadline = time.monotonic() + policy.PUSH_DEADLINE_SECONDS
    connection = _connection(url)
    # A timeout on the socket starts again with each byte; this one does not.
    alarm = Timer(policy.PUSH_DEADLINE_SECONDS, _cut, [connection])
    alarm.daemon = True
    alarm.start()
    try:
        told = {**headers, **spans.context()}
        connection.request("POST", _target(url), body=body, headers=told, preload_content=False)
        found = verdict(connection.getresponse())
        return found if time.monotonic() < deadline else "too_slow"  # a cut answer looks like a complete one
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return f"network_{type(error).__name__}"
    finally:
        alarm.cancel()
        connection.close()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    host, timeout = parts.hostname or "", policy.PUSH_DEADLINE_SECONDS
    if parts.scheme != "https":
        return HTTPConnection(host, parts.port or 80, timeout=timeout)
    trust = ssl.create_default_context()  # the system's authorities, or those of SSL_CERT_FILE
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    return HTTPSConnection(host, parts.port or 443, timeout=timeout, ssl_context=trust)


def _cut(connection: HTTPConnection) -> None:
    """End a connection under the thread that uses it (TLS would first wait for the other side)."""
    with suppress(OSError, TypeError):  # it ended by itself, or had not begun
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _verdict(answer: BaseHTTPResponse) -> str:
    if answer.status != 400:
        return _said(answer.status == 202, answer)
    with suppress(ValueError, RecursionError):
        told = json.loads(answer.read(ANSWER_BYTES_MAX))
        if isinstance(told, dict):
            return f"receiver_{error_code(told.get('err'))}"
    return "status_400"
