"""A caller who writes the headers that a proxy writes: at every place that reads one, with and without proxies."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import get_ip
from django.test import RequestFactory

from authserver.door import http
from authserver.door.http import Request
from authserver.door.pages import _caller
from authserver.middleware import client_address
from authserver.services.events import RequestFacts
from authserver.views.metrics import _may_read
from resourceserver.answers import RequestView
from resourceserver.trace.steps import counted

PEER = "198.51.100.1"
SPOOFED = "203.0.113.66"
PROXY, CALLER = "10.0.0.1", "192.0.2.7"
SIX, ITS_64 = "2001:db8:1:2:aaaa::1", "2001:db8:1:2::"

TABLE = [  # proxies, X-Forwarded-For, whose address it is, what limits count
    (0, None, PEER, PEER),
    (0, SPOOFED, PEER, PEER),
    (0, f"{SPOOFED}, {PROXY}", PEER, PEER),
    (1, CALLER, CALLER, CALLER),
    (1, f"{SPOOFED}, {CALLER}", CALLER, CALLER),
    (1, f"{SPOOFED},{SPOOFED} ,{CALLER}:4711", CALLER, CALLER),
    (1, None, PEER, PEER),
    (1, "", PEER, PEER),
    (1, "unknown", PEER, PEER),
    (2, f"{SPOOFED}, {CALLER}, {PROXY}", CALLER, CALLER),
    (2, SPOOFED, PEER, PEER),  # it came around the proxies
    (1, SIX, SIX, ITS_64),
    (1, f"{SPOOFED}, [{SIX}]:4711", SIX, ITS_64),
    (1, f"::ffff:{CALLER}", CALLER, CALLER),
]

# The kit takes what a trusted proxy wrote as it is.
KIT_TABLE = [row for row in TABLE if row[1] != "unknown" and ":4711" not in (row[1] or "")]


@pytest.mark.covers("M-sizes")
@pytest.mark.parametrize(("proxies", "forwarded", "address", "count"), TABLE)
def test_every_place_sees_the_same_caller(
    settings: Any, proxies: int, forwarded: str | None, address: str, count: str
) -> None:
    """Middleware (events, limits, fetches, steps), the door, the threads of pages, sign-in."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = settings.TRUSTED_PROXY_COUNT = proxies
    others = {"forwarded": f"for={SPOOFED}", "x-real-ip": SPOOFED, "x-client-ip": SPOOFED, "true-client-ip": SPOOFED}
    headers = others | ({} if forwarded is None else {"x-forwarded-for": forwarded})
    asked = RequestFactory().get("/", headers=headers, REMOTE_ADDR=PEER)
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    at_door = http.facts_of(Request("GET", "/", raw, PEER, "a" * 32, b""))
    assert client_address(asked) == at_door.address == get_adapter().get_client_ip(asked) == address
    assert RequestFacts(address).counted == at_door.counted == get_ip(asked) == count
    assert _caller({"headers": list(raw.items()), "client": (PEER, 4711)}) == count


@pytest.mark.parametrize(("proxies", "forwarded", "address", "count"), KIT_TABLE)
def test_the_kit_sees_the_same_caller(proxies: int, forwarded: str | None, address: str, count: str) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    view = RequestView.of({"method": "GET", "path": "/", "headers": headers, "client": (PEER, 4711)})
    assert view.caller(proxies).removeprefix("::ffff:") == address
    assert counted(view.caller(proxies)) == count


@pytest.mark.parametrize("name", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"])
def test_no_header_makes_a_stranger_local(name: str) -> None:
    """And one makes a local caller a stranger."""
    for value in ("127.0.0.1", "for=127.0.0.1", "::1"):
        for peer in (PEER, "127.0.0.1"):
            assert not _may_read(RequestFactory().get("/metrics", headers={name: value}, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "Front-End-Https", "X-Url-Scheme", "Forwarded"]
)
def test_without_proxies_no_header_makes_a_request_secure_or_another_hosts(settings: Any, header: str) -> None:
    headers = {header: "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "443"}
    asked = RequestFactory().get("/", headers=headers)
    assert not asked.is_secure()
    assert asked.get_host() == "testserver"
    raw = {name.lower().encode(): value.encode() for name, value in headers.items()}
    assert not http._is_secure(raw)
