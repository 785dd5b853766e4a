"""One push over the network (RFC 8935): a POST with a deadline, nothing followed, nothing believed but the status."""

import json
import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPException
from threading import Timer
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from authserver import policy
from authserver.protocol.receipts.requests import error_code

ANSWER_BYTES_MAX = 4_096
HEADERS = {
    "Content-Type": "application/secevent+jwt",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "Gatehouse (OAuth authorization server; security events)",
    "Connection": "close",
}


def post(url: str, token: str) -> str:
    """Send one security event token; return "" where it was taken (202), otherwise why not, in a word of ours.

    Takes policy.PUSH_DEADLINE_SECONDS per address of the host at the most. Never raises for what the network does.

    Obeys: RFC 8935 §2.2, §2.4.
    """
    deadline = time.monotonic() + policy.PUSH_DEADLINE_SECONDS
    connection = _connection(url)
    # A timeout on the socket starts again with each byte; this one does not.
    alarm = Timer(policy.PUSH_DEADLINE_SECONDS, _cut, [connection])
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(
            "POST", urlsplit(url).path or "/", body=token.encode(), headers=HEADERS, preload_content=False
        )
        verdict = _verdict(connection.getresponse())
        return verdict if time.monotonic() < deadline else "too_slow"  # a cut answer looks like a complete one
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return f"network_{type(error).__name__}"
    finally:
        alarm.cancel()
        connection.close()


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
    if answer.status == 202:
        return ""
    if answer.status != 400:
        return f"status_{answer.status}"
    with suppress(ValueError, RecursionError):
        told = json.loads(answer.read(ANSWER_BYTES_MAX))
        if isinstance(told, dict):
            return f"receiver_{error_code(told.get('err'))}"
    return "status_400"
