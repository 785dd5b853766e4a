"""A revocation racing refreshes, many times over two servers: afterwards nothing of the connection lives."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from typing import Any

import httpx2

from benchmarks.soak import nodes
from benchmarks.soak.nodes import Cluster
from benchmarks.soak.refresh import Soak, introspect

REFRESHES = 3
SPREAD_SECONDS = 0.02


async def race(soak: Soak, held: dict[str, str]) -> None:
    """Send three refreshes and a revocation within 20 ms, to either server, then look for anything that lives."""
    token = {"refresh_token": held["refresh"], "client_id": held["client_id"]}
    refreshes = [post(soak, "token", {"grant_type": "refresh_token"} | token) for _ in range(REFRESHES)]
    end = post(soak, "revoke", {"token": held["refresh"], "client_id": held["client_id"]})
    revoked, *answers = await asyncio.gather(end, *refreshes)
    soak.counts[f"revocations {revoked.status_code}"] += 1
    for answer in answers:
        soak.counts[f"refreshes {answer.status_code}"] += 1
    pairs = [answer.json() for answer in answers if answer.status_code == 200]
    for access in {held["access"], *(pair["access_token"] for pair in pairs)}:
        is_live = await introspect(soak, random.choice(soak.cluster.urls), access)
        soak.counts["live credentials"] += bool(is_live)
        soak.counts["questions without an answer"] += is_live is None
    for refresh in {held["refresh"], *(pair["refresh_token"] for pair in pairs)}:
        again = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": held["client_id"]}
        soak.counts["live refresh tokens"] += (await post(soak, "token", again)).status_code == 200


async def post(soak: Soak, path: str, form: dict[str, str]) -> Any:
    await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))
    return await soak.http.post(f"{random.choice(soak.cluster.urls)}/oauth/{path}", data=form, timeout=20.0)


async def run(cluster: Cluster) -> Counter[str]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        soak = Soak(cluster, http, until=0)
        for number, held in enumerate(cluster.seeded["connections"]):
            await race(soak, held)
            if number % 100 == 99:
                print(f"{number + 1} races  {dict(soak.counts)}", file=sys.stderr, flush=True)
    return soak.counts


def main(arguments: list[str]) -> None:
    """Print what was counted; leave with 1 where anything lived on."""
    parser = argparse.ArgumentParser(prog="./dev bench races")
    parser.add_argument("--races", type=int, default=1000)
    options = parser.parse_args(arguments)
    with nodes.running(connections=options.races, lifetime_seconds=600) as cluster:
        counts = asyncio.run(run(cluster))
    for name, count in sorted(counts.items()):
        print(f"{name:30}{count:>8}")
    both = counts["refreshes 200"] and counts["refreshes 400"]
    alive = counts["live credentials"] + counts["live refresh tokens"]
    print("\n" + ("nothing lived on" if not alive else f"{alive} CREDENTIALS LIVED ON"))
    sys.exit(not both or bool(alive) or bool(counts["questions without an answer"]))
