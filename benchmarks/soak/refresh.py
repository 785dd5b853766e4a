"""Clients that refresh all day, eight requests at a time, whose answers get lost and whose servers are killed.

Every client behaves as the real ones do: it sends a refresh per call that met a 401, keeps whichever answer reaches it
last, asks again with what it has where none does, and asks a person only where it is told `invalid_grant`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2
import psycopg

from benchmarks.soak import nodes
from benchmarks.soak.nodes import Cluster

LIFETIME_SECONDS = 5
PARALLEL = 8
LOST_ANSWERS = 0.4  # of the answers that a server gave, how many never reach their client
HANG_UPS = 0.1  # of the requests, how many are given up before the answer
KILL_EVERY_SECONDS = 6.0
REPORT_EVERY_SECONDS = 10.0
DOUBLE_LIVE = """SELECT count(*) FROM (SELECT connection_id FROM authserver_refreshtoken WHERE rotated_at IS NULL
    GROUP BY connection_id HAVING count(*) > 1) twice"""
ENDED = "SELECT count(*) FROM authserver_connection WHERE ended_at IS NOT NULL"
VERDICTS = "SELECT tag, count(*) FROM authserver_event WHERE tag LIKE 'refresh:%' GROUP BY tag"


@dataclass
class Soak:
    """What is running, and what was counted."""

    cluster: Cluster
    http: httpx2.AsyncClient
    until: float
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class SimulatedClient:
    """One MCP client with one connection."""

    soak: Soak
    client_id: str
    access: str
    refresh: str

    async def live(self) -> None:
        """Use the credential, refresh, use it again, until the time is over; then once more in peace."""
        while time.monotonic() < self.soak.until:
            await asyncio.sleep(random.uniform(0.2, LIFETIME_SECONDS))
            await self.renew()
            await self.use()

    async def renew(self) -> None:
        """Refresh from eight places at once, until an answer gets through."""
        for attempt in range(200):
            answers = await asyncio.gather(*(self.ask() for _ in range(PARALLEL)))
            pairs = [answer for answer in answers if answer]
            if pairs:
                self.access, self.refresh = random.choice(pairs)
                self.soak.counts["renewals"] += 1
                return
            await asyncio.sleep(min(2.0, 0.1 * 2**attempt))
        self.soak.counts["clients without an answer"] += 1

    async def ask(self) -> tuple[str, str] | None:
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh, "client_id": self.client_id}
        counts = self.soak.counts
        counts["refresh requests"] += 1
        timeout = random.uniform(0.001, 0.05) if random.random() < HANG_UPS else 20.0
        try:
            url = f"{random.choice(self.soak.cluster.urls)}/oauth/token"
            answer = await self.soak.http.post(url, data=form, timeout=timeout)
        except (httpx2.HTTPError, OSError):
            counts["requests that broke off"] += 1
            return None
        counts[f"answers {answer.status_code}"] += 1
        if answer.status_code == 400:
            counts["re-authorizations"] += 1
        if answer.status_code != 200 or random.random() < LOST_ANSWERS:
            return None
        return answer.json()["access_token"], answer.json()["refresh_token"]

    async def use(self) -> None:
        """Have a resource server ask about the credential, at whichever node answers."""
        for url in random.sample(self.soak.cluster.urls, len(self.soak.cluster.urls)):
            state = await introspect(self.soak, url, self.access)
            if state is not None:
                self.soak.counts["credentials that were active" if state else "credentials that had run out"] += 1
                return


async def introspect(soak: Soak, url: str, token: str) -> bool | None:
    asker = soak.cluster.seeded["asker"]
    pair = base64.b64encode(f"{asker['id']}:{asker['secret']}".encode()).decode()
    try:
        answer = await soak.http.post(
            f"{url}/oauth/introspect", data={"token": token}, headers={"Authorization": f"Basic {pair}"}, timeout=20.0
        )
    except (httpx2.HTTPError, OSError):
        return None
    return answer.json()["active"] if answer.status_code == 200 else None


async def kill_in_turn(soak: Soak) -> None:
    """Kill one node after the other; each is back before the next one goes."""
    turn = 0
    while time.monotonic() < soak.until - KILL_EVERY_SECONDS:
        await asyncio.sleep(KILL_EVERY_SECONDS)
        node = soak.cluster.nodes[turn % len(soak.cluster.nodes)]
        turn += 1
        await asyncio.to_thread(node.kill)
        soak.counts["kills"] += 1
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(node.wait)


async def watch(soak: Soak) -> None:
    """Look into the database every second; say where things stand every now and then."""
    begun = reported = time.monotonic()
    async with await psycopg.AsyncConnection.connect(dsn(soak.cluster), autocommit=True) as database:
        while time.monotonic() < soak.until:
            await asyncio.sleep(1)
            soak.counts["connections with two live refresh tokens"] += (await one(database, DOUBLE_LIVE))[0]
            if time.monotonic() - reported > REPORT_EVERY_SECONDS:
                reported = time.monotonic()
                line = f"{reported - begun:4.0f} s  {dict(soak.counts)}"
                print(line, file=sys.stderr, flush=True)


async def one(database: psycopg.AsyncConnection, statement: str) -> tuple:
    return await (await database.execute(statement)).fetchone() or ()


def dsn(cluster: Cluster) -> str:
    """Return libpq's words for the database: django-environ's URL names the socket's folder as a path."""
    folder, _, name = cluster.database_url.removeprefix("postgres://postgres@/").rpartition("/")
    return f"host={folder} dbname={name} user=postgres"


async def run(cluster: Cluster, *, seconds: float) -> Counter[str]:
    limits = httpx2.Limits(max_connections=400, max_keepalive_connections=100)
    async with httpx2.AsyncClient(limits=limits, trust_env=False) as http:
        soak = Soak(cluster, http, until=time.monotonic() + seconds)
        crowd = [
            SimulatedClient(soak, each["client_id"], each["access"], each["refresh"])
            for each in cluster.seeded["connections"]
        ]
        await asyncio.gather(kill_in_turn(soak), watch(soak), *(each.live() for each in crowd))
        await finish(soak, crowd)
    return soak.counts


async def finish(soak: Soak, crowd: list[SimulatedClient]) -> None:
    """In peace: every client refreshes once more and is let in, and the database agrees."""
    soak.counts["connections lost"] += 0
    for client in crowd:
        await client.renew()
        if not await introspect(soak, soak.cluster.urls[0], client.access):
            soak.counts["connections lost"] += 1
    async with await psycopg.AsyncConnection.connect(dsn(soak.cluster), autocommit=True) as database:
        soak.counts["connections ended"] += (await one(database, ENDED))[0]
        soak.counts["connections with two live refresh tokens"] += (await one(database, DOUBLE_LIVE))[0]
        for tag, count in await (await database.execute(VERDICTS)).fetchall():
            soak.counts[f"events {tag}"] += count


MUST_BE_ZERO = (
    "re-authorizations",
    "connections lost",
    "connections ended",
    "connections with two live refresh tokens",
    "clients without an answer",
    "answers 500",
)


def main(arguments: list[str]) -> None:
    """Print what was counted; leave with 1 where something that must be zero is not."""
    parser = argparse.ArgumentParser(prog="./dev bench soak")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=240)
    options = parser.parse_args(arguments)
    with nodes.running(connections=options.clients, lifetime_seconds=LIFETIME_SECONDS) as cluster:
        counts = asyncio.run(run(cluster, seconds=options.seconds))
    for name, count in sorted(counts.items()):
        print(f"{name:45}{count:>10}")
    failed = [name for name in MUST_BE_ZERO if counts[name]]
    print("\n" + (f"NOT ZERO: {', '.join(failed)}" if failed else f"all zero: {', '.join(MUST_BE_ZERO)}"))
    sys.exit(bool(failed))
