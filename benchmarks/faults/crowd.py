"""Who uses it meanwhile: clients that refresh, resource servers that ask, clients that revoke, people who allow.

Each asks one node, and the other one where that gives no answer, as behind a load balancer. What was answered is
remembered, and held against the database at the end.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from benchmarks.faults.plant import Plant

TIMEOUT_SECONDS = 10.0
CODE_SECONDS = 50.0
# As benchmarks/soak/seed.py has them, from tests/people.py, which wants Django's settings.
PASSWORD = "correct horse battery staple"
CALLBACK = "https://chatgpt.com/connector/oauth/abc"
GATEWAY = "http://127.0.0.1:8001/mcp"
READS = "mcp.connect skills.read links.read"
GOOD, UNAVAILABLE, BROKEN, WRONG = "answered", "503", "no answer", "500"
REFUSED = "no connection"
ONCE = ("code", "consent")  # what no client and no browser sends again by itself where it may have arrived


@dataclass(frozen=True)
class Mark:
    """What one request came to, and when (time.monotonic())."""

    at: float
    what: str
    outcome: str


@dataclass
class Crowd:
    """Everybody, and what they saw. `revoked` and `allowed` were answered: they have to hold whatever happens."""

    plant: Plant
    http: httpx2.AsyncClient
    is_over: bool = False
    marks: list[Mark] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    live: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    async def ask(self, what: str, path: str, **request: Any) -> httpx2.Response | None:
        """Ask one node, then the other. None: neither answered."""
        outcome, answer = BROKEN, None
        for url in random.sample(self.plant.urls, len(self.plant.urls)):
            outcome, answer = await self._once(url + path, **request)
            if outcome in (GOOD, WRONG) or (outcome == BROKEN and what in ONCE):
                break
            self.counts[f"a node gave {outcome}"] += 1
        self.marks.append(Mark(time.monotonic(), what, outcome))
        return answer

    async def _once(self, url: str, *, method: str = "POST", **request: Any) -> tuple[str, httpx2.Response | None]:
        try:
            answer = await self.http.request(method, url, timeout=TIMEOUT_SECONDS, **request)
        except httpx2.ConnectError:
            return REFUSED, None
        except (httpx2.HTTPError, OSError):
            return BROKEN, None
        status = answer.status_code
        outcome = GOOD if status < 500 else UNAVAILABLE if status == 503 else WRONG
        return outcome, answer if outcome == GOOD else None

    @property
    def asker(self) -> dict[str, str]:
        asker = self.plant.seeded["asker"]
        return {"Authorization": "Basic " + base64.b64encode(f"{asker['id']}:{asker['secret']}".encode()).decode()}

    async def is_active(self, token: str) -> bool | None:
        answer = await self.ask("introspection", "/oauth/introspect", data={"token": token}, headers=self.asker)
        return None if answer is None else bool(answer.json()["active"])


async def refresher(crowd: Crowd, holder: dict[str, str]) -> None:
    """Refresh again and again; `invalid_grant` would make a real client ask its person."""
    while not crowd.is_over:
        await asyncio.sleep(random.uniform(0.3, 1.5))
        form = {"grant_type": "refresh_token", "refresh_token": holder["refresh"], "client_id": holder["client_id"]}
        answer = await crowd.ask("refresh", "/oauth/token", data=form)
        if answer is None:
            continue
        if answer.status_code != 200:
            crowd.counts[f"clients told {answer.json().get('error')}"] += 1
            return
        pair = answer.json()
        holder["access"], holder["refresh"] = pair["access_token"], pair["refresh_token"]
        crowd.counts["refreshed"] += 1


async def asker(crowd: Crowd, holders: list[dict[str, str]]) -> None:
    """Ask about what clients hold, and about what was revoked."""
    while not crowd.is_over:
        await asyncio.sleep(0.02)
        if crowd.revoked and random.random() < 0.3:
            state = await crowd.is_active(random.choice(crowd.revoked))
            crowd.counts["revoked credentials called active"] += state is True
        else:
            state = await crowd.is_active(random.choice(holders)["access"])
            crowd.counts["live credentials called inactive"] += state is False
            crowd.counts["live credentials called active"] += state is True


async def revoker(crowd: Crowd, holders: list[dict[str, str]]) -> None:
    """Revoke one connection after the other; once that is answered it stays so."""
    for holder in holders:
        if crowd.is_over:
            return
        await asyncio.sleep(random.uniform(0.4, 0.8))
        while not crowd.is_over:
            form = {"token": holder["refresh"], "client_id": holder["client_id"]}
            answer = await crowd.ask("revocation", "/oauth/revoke", data=form)
            if answer is not None and answer.status_code == 200:
                crowd.revoked.append(holder["access"])
                break
            await asyncio.sleep(0.2)


async def prober(crowd: Crowd) -> None:
    """A load balancer: is there a node that says it can serve?"""
    while not crowd.is_over:
        await asyncio.sleep(0.5)
        await crowd.ask("readyz", "/readyz", method="GET")


async def approver(crowd: Crowd, number: int) -> None:
    """A person with a browser: connect one new client after the other, and exchange the code."""
    limits = httpx2.Limits(max_connections=4)
    async with httpx2.AsyncClient(limits=limits, trust_env=False, headers={"Accept": "text/html"}) as browser:
        own = Crowd(crowd.plant, browser, marks=crowd.marks, counts=crowd.counts)
        while not crowd.is_over:
            await asyncio.sleep(random.uniform(0.2, 0.6))
            try:
                await connect(crowd, own, f"Drill {number}")
            except (KeyError, TypeError, AttributeError):  # an answer was missing on the way: the person begins again
                crowd.counts["approvals begun again"] += 1


async def connect(crowd: Crowd, browser: Crowd, name: str) -> None:
    body = {
        "client_name": f"{name} {secrets.token_hex(4)}",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    }
    registered = await crowd.ask("registration", "/oauth/register", json=body)
    client_id = registered.json()["client_id"]  # type: ignore[union-attr]
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": READS, "state": "s",
        "code_challenge": challenge, "code_challenge_method": "S256", "resource": GATEWAY,
    }  # fmt: skip
    page = await open_page(browser, f"/oauth/authorize?{urlencode(query)}")
    form = {
        "csrfmiddlewaretoken": field_of(page, "csrfmiddlewaretoken"),
        "request": field_of(page, "request"),
        "decision": "allow",
        "handle": "acme",
        "scope": READS.split(),
    }
    answer = await browser.ask("consent", "/oauth/authorize", data=form)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]  # type: ignore[union-attr]
    crowd.allowed.append(client_id)  # from here on it may not be lost
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": client_id}
    pair = await exchange(crowd, form | {"code_verifier": verifier})
    crowd.counts["codes without an answer" if pair is None else f"codes answered {pair.status_code}"] += 1
    if pair is None:
        crowd.allowed.remove(client_id)  # nobody holds anything of it, and the purge ends it


async def exchange(crowd: Crowd, form: dict[str, str]) -> httpx2.Response | None:
    """Exchange the code; where the answer is 503, again, as `Retry-After` says. None: it may have arrived, and a code
    is never sent twice then; or it has expired."""
    until = time.monotonic() + CODE_SECONDS
    while time.monotonic() < until:
        pair = await crowd.ask("code", "/oauth/token", data=form)
        if pair is not None or crowd.marks[-1].outcome == BROKEN:
            return pair
        await asyncio.sleep(1)
    return None


async def open_page(browser: Crowd, path: str) -> str:
    """Return the consent page, after the sign-in page where that comes first."""
    answer = await browser.ask("pages", path, method="GET")
    if answer is not None and answer.status_code == 302:
        login = answer.headers["location"]
        page = await browser.ask("pages", login, method="GET")
        form = {name: field_of(page.text, name) for name in ("csrfmiddlewaretoken", "next")}  # type: ignore[union-attr]
        form |= {"login": "alice@example.com", "password": PASSWORD}
        await browser.ask("pages", urlsplit(login).path, data=form)
        answer = await browser.ask("pages", path, method="GET")
    return answer.text  # type: ignore[union-attr]


def field_of(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return unescape(found[1])  # type: ignore[index]
