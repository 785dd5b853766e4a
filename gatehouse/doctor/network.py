"""Name, connection and clock: whether the server can be reached at all, and where else it can be."""

import json
import socket
import time
from email.utils import parsedate_to_datetime

from gatehouse import addresses, discovery, documents, wire
from gatehouse.doctor.line import bounded
from gatehouse.doctor.profiles import BOTH_KINDS, MODERN, Opening
from gatehouse.doctor.walk import Notes, Skipped, Walk
from gatehouse.documents import text
from gatehouse.wire import Answer
from gatehouse.words import Failed
from gatehouse.words.marking import gettext_noop

CLOCK_TOLERANCE_SECONDS = 30
SLOW_SECONDS = 5.0
DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "server/discover",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "gatehouse", "version": "0"},
        }
    },
}


def look_up_name(walk: Walk, notes: Notes) -> None:
    """The host name leads to an address."""
    walk.line.say(walk.url, "not asked")
    host = str(wire.split(walk.url).hostname)
    walk.line.say(f"DNS {host}", "nothing")
    discovery.secure(walk.url, gettext_noop("the MCP URL"), walk.url)
    try:
        found = bounded(lambda: _resolve(host), url=walk.url, seconds=walk.line.remaining(walk.url))
    except (socket.gaierror, UnicodeError):
        instead = elsewhere(walk)
        if instead:
            notes.fail("hosted_name_missing", host=host, instead=instead)
        else:
            notes.fail("host_not_found", host=host)
        return
    walk.is_named = True
    walk.line.got = ", ".join(sorted({str(address[4][0]) for address in found}))
    if walk.profile.calls_from_ipv4 and all(address[0] == socket.AF_INET6 for address in found):
        notes.warn("no_ipv4", host=host)


def _resolve(host: str) -> list[tuple]:
    return socket.getaddrinfo(wire.resolvable(host), None, type=socket.SOCK_STREAM)


def connect(walk: Walk, notes: Notes) -> None:
    """Somebody listens there and proves by TLS to be that host: the first request of the client is answered."""
    if not walk.is_named:
        raise Skipped
    try:
        walk.opening = open_with(walk, walk.url)
    except Failed as failure:
        instead = elsewhere(walk) if failure.finding.code == "tls_failed" else ""
        if not instead:
            raise
        notes.fail("hosted_tls_missing", host=wire.split(walk.url).hostname, instead=instead)
        return
    note_slowness(walk.opening, notes)


def open_with(walk: Walk, url: str) -> Answer:
    """Return the answer to the first request of this client. Raises Failed."""
    opening, call = walk.profile.opening, walk.line.call
    shows = "www-authenticate"
    if opening in (Opening.GET, Opening.HEAD):
        accept = "text/event-stream" if opening is Opening.GET else "application/json"
        return call(opening.value, url, headers=walk.headers(Accept=accept), shows=shows)
    said, own = discovery.HELLO, walk.headers(Content_Type="application/json", Accept=BOTH_KINDS)
    if opening is Opening.DISCOVER:
        said = DISCOVER
        own |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": "server/discover"}
    return call("POST", url, headers=own, body=json.dumps(said).encode(), tells=str(said["method"]), shows=shows)


def elsewhere(walk: Walk) -> str:
    """Return the compatibility address of the same handle if it answers there, else nothing: as it was given, or as
    the signpost of the authorization server names it. What is known of the failure keeps its lines."""
    lines = walk.line.sent, walk.line.got
    try:
        url = walk.compat_url or compatibility(walk)
        found = url if url and url != walk.url and open_with(walk, url).status == 401 else ""
    except Failed:
        found = ""
    walk.line.sent, walk.line.got = lines
    return found


def compatibility(walk: Walk) -> str:
    """Return the address of the handle of this URL in the path, from the signpost of the issuer, or nothing. Raises
    Failed."""
    if not walk.expected_issuer:
        return ""
    answer = walk.line.call("GET", walk.expected_issuer.rstrip("/") + "/", headers={"Accept": "application/json"})
    endpoints = documents.read(answer, gettext_noop("the signpost of the authorization server")).get("endpoints")
    told = endpoints if isinstance(endpoints, dict) else {}
    before, found, behind = text(told, addresses.HOSTED).partition(addresses.PLACEHOLDER)
    is_hosted = found and walk.url.startswith(before) and walk.url.endswith(behind)
    handle = walk.url[len(before) : len(walk.url) - len(behind)] if is_hosted else ""
    pattern = text(told, addresses.COMPATIBILITY)
    return pattern.replace(addresses.PLACEHOLDER, handle) if addresses.HANDLE.fullmatch(handle) else ""


def compare_clocks(walk: Walk, notes: Notes) -> None:
    """The time there is ours."""
    if walk.opening is None or not walk.opening.header("date"):
        raise Skipped
    walk.line.sent, walk.line.got = "the clock here", f"Date: {walk.opening.header('date')}"
    judge_clock(walk, notes, walk.opening)


def judge_clock(walk: Walk, notes: Notes, answer: Answer) -> None:
    """Note a clock that is wrong, once for each host. An answer without a readable date says nothing."""
    host = wire.split(answer.url).hostname or ""
    try:
        there = parsedate_to_datetime(answer.header("date")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    apart = abs(there - time.time())
    if apart > CLOCK_TOLERANCE_SECONDS + answer.took_seconds and host not in walk.wrong_clocks:
        walk.wrong_clocks.add(host)
        notes.fail("clock_skew", host=host, seconds=round(apart))


def note_slowness(answer: Answer, notes: Notes) -> None:
    if answer.took_seconds > SLOW_SECONDS:
        notes.warn("slow", url=answer.url, seconds=round(answer.took_seconds, 1))
