"""`./dev bench day`: a day of refreshes in minutes, and what it does to the memory of every process.

Each client refreshes as often as it would in 24 hours with credentials of ten minutes, and a resource server asks about
each credential some times. What grows with requests shows; what grows with rows is on the database's disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from benchmarks.faults import plant as plants
from benchmarks.faults.crowd import Crowd
from benchmarks.faults.plant import Plant

REFRESHES = 24 * 6
QUESTIONS = 3  # about each credential
AT_ONCE = 24
SAMPLES = 12
WARM = 0.25  # of the day, after which nothing may grow any more
GROWTH_MAX_MEGABYTES = 8.0


@dataclass
class Day:
    """The clients that are left to refresh, how often they did, and megabytes per process at each sample."""

    crowd: Crowd
    holders: list[dict[str, str]]
    done: int = 0
    refused: int = 0
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def whole(self) -> int:
        return REFRESHES * len(self.holders)


def megabytes(plant: Plant) -> dict[str, float]:
    """Return what each process and its children hold in memory that they share with nobody."""
    found = {}
    for process in (*plant.nodes, plant.worker, plant.beat):
        if process and process.process:
            found[process.name] = sum(map(_private_megabytes, _family(process.process.pid)))
    return found


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _private_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


async def live(day: Day, holder: dict[str, str]) -> None:
    """Refresh as often as in a day, one after the other."""
    for _ in range(REFRESHES):
        form = {"grant_type": "refresh_token", "refresh_token": holder["refresh"], "client_id": holder["client_id"]}
        answer = await day.crowd.ask("refresh", "/oauth/token", data=form)
        if answer is None or answer.status_code != 200:
            day.refused += 1
            return
        pair = answer.json()
        holder["access"], holder["refresh"] = pair["access_token"], pair["refresh_token"]
        for _ in range(QUESTIONS):
            day.refused += await day.crowd.is_active(holder["access"]) is not True
        day.done += 1
        day.crowd.marks.clear()


async def watch(day: Day) -> None:
    """Take a sample each time another part of the day is over."""
    began = time.monotonic()
    for sample in range(1, SAMPLES + 1):
        while day.done + REFRESHES * day.refused < day.whole * sample / SAMPLES:
            await asyncio.sleep(0.1)
        found = megabytes(day.crowd.plant)
        for name, size in found.items():
            day.memory[name].append(size)
        sizes = "  ".join(f"{name} {size:.0f} MB" for name, size in found.items())
        print(
            f"{24 * sample / SAMPLES:4.0f} h  {time.monotonic() - began:4.0f} s  {sizes}", file=sys.stderr, flush=True
        )


async def warm(day: Day) -> None:
    """Have each node draw a few pages: what that loads once is no growth."""
    for url in day.crowd.plant.urls:
        for path in ("/", "/accounts/login/", "/oauth/authorize?client_id=nobody", "/nowhere"):
            for accept in ("text/html", "application/json"):
                await day.crowd.http.get(url + path, headers={"Accept": accept})


async def run(plant: Plant) -> Day:
    limits = httpx2.Limits(max_connections=AT_ONCE * 2, max_keepalive_connections=AT_ONCE * 2)
    async with httpx2.AsyncClient(limits=limits, trust_env=False) as http:
        day = Day(Crowd(plant, http), plant.seeded["connections"])
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(holder: dict[str, str]) -> None:
            async with gate:
                await live(day, holder)

        await warm(day)
        await asyncio.gather(watch(day), *map(one, day.holders))
    return day


def main(arguments: list[str]) -> None:
    """Print how much each process grew; leave with 1 where one did, or where anything was refused."""
    parser = argparse.ArgumentParser(prog="./dev bench day")
    parser.add_argument("--clients", type=int, default=300)
    options = parser.parse_args(arguments)
    with plants.running(connections=options.clients) as plant:
        day = asyncio.run(run(plant))
    print(f"{day.done:,} refreshes, {day.done * QUESTIONS:,} questions, {day.refused} refused")
    grew = {name: sizes[-1] - sizes[int(SAMPLES * WARM) - 1] for name, sizes in day.memory.items()}
    for name, size in grew.items():
        print(f"{name:10} {day.memory[name][-1]:6.0f} MB, {size:+.1f} MB since 6 h")
    sys.exit(bool(day.refused) or any(size > GROWTH_MAX_MEGABYTES for size in grew.values()))
