"""`./dev bench faults`: break each part in turn under load, and count what anybody noticed.

What has to hold, whatever breaks: nobody who allowed something has to do so again, nothing that was revoked works
again, no client is told to ask its person, and nothing is answered 500. How long answers were missing is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from benchmarks.faults import crowd as people
from benchmarks.faults import failover
from benchmarks.faults import plant as plants
from benchmarks.faults.cluster import Cluster
from benchmarks.faults.crowd import GOOD, WRONG, Crowd, Mark
from benchmarks.faults.plant import ROOT, Plant
from benchmarks.faults.stores import Databases

CLIENTS, REVOCATIONS, PEOPLE, ASKERS = 40, 200, 2, 4
CALM_SECONDS = 3.0  # without a missing answer, until it counts as over
FAULT_SECONDS = 90.0  # after which it has to be over, once it is mended
CHECKED = ROOT / "benchmarks" / "faults" / "checking.py"
MUST_BE_ZERO = (
    "answers 500",
    "revoked credentials called active",
    "clients told to ask their person",
    "approvals lost",
    "faults that were not over in time",
)


@dataclass(frozen=True)
class Fault:
    """One thing that happens; `act` returns when it is mended, or when nothing is left to be done by hand."""

    name: str
    act: Callable[[Plant], None]


def node_killed(plant: Plant) -> None:
    plant.nodes[0].kill()


def other_node_killed(plant: Plant) -> None:
    plant.nodes[1].kill()


def worker_killed(plant: Plant) -> None:
    assert plant.worker
    plant.worker.kill()


def scheduler_killed(plant: Plant) -> None:
    assert plant.beat
    plant.beat.kill()


def cache_lost(plant: Plant) -> None:
    """Gone for five seconds, then there again, and empty."""
    plant.cache.kill()
    time.sleep(5)
    plant.cache.start()


def database_restarted(plant: Plant) -> None:
    assert isinstance(plant.databases, Databases)
    plant.databases.restart()


def failed_over(plant: Plant) -> None:
    """The primary is lost; two seconds later, as a watcher notices, its standby takes over. The lost one comes back as
    the new one's standby."""
    assert isinstance(plant.databases, Databases)
    plant.databases.fail_over(after_seconds=2)
    plant.databases.follow()


def disk_full(plant: Plant) -> None:
    """The worker may not write a byte to any file for ten seconds: as on a disk without room."""
    assert plant.worker
    assert plant.worker.process
    limit = ["prlimit", "--pid", str(plant.worker.process.pid), "--fsize=0:unlimited"]
    subprocess.run(limit, check=True)
    time.sleep(10)
    subprocess.run([*limit[:-1], "--fsize=unlimited:unlimited"], check=True)


def clock_ahead(plant: Plant) -> None:
    _jumped(plant, 1_800)


def clock_behind(plant: Plant) -> None:
    _jumped(plant, -1_800)


def _jumped(plant: Plant, seconds: int) -> None:
    plant.jump(seconds)
    time.sleep(15)
    plant.jump(0)


FAULTS = (
    Fault("a node, kill -9", node_killed),
    Fault("the other node, kill -9", other_node_killed),
    Fault("the worker, kill -9", worker_killed),
    Fault("the scheduler, kill -9", scheduler_killed),
    Fault("Valkey lost for 5 s, back empty", cache_lost),
    Fault("PostgreSQL restarted", database_restarted),
    Fault("PostgreSQL lost, standby promoted", failed_over),
    Fault("disk full on the worker, 10 s", disk_full),
    Fault("a node's clock 30 min ahead, 15 s", clock_ahead),
    Fault("a node's clock 30 min behind, 15 s", clock_behind),
)
FAULTS_UNDER_PATRONI = (
    Fault("the primary's PostgreSQL, kill -9", failover.postgresql_killed),
    Fault("PostgreSQL and Patroni, kill -9", failover.primary_killed),
    Fault("the primary's machine without power", failover.primary_without_power),
    Fault("the primary frozen for 40 s", failover.primary_frozen),
    Fault("the standby, kill -9, gone for 30 s", failover.standby_killed),
    Fault("the standby frozen for 40 s", failover.standby_frozen),
    Fault("patronictl switchover", failover.switched_over),
    Fault("etcd lost for 30 s", failover.etcd_lost),
)


@dataclass
class Seen:
    """What was noticed of one fault: how long after it began the last answer was missing, and how many were."""

    fault: str
    took: float
    missing_until: dict[str, float] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    is_over: bool = True


async def suffer(fault: Fault, crowd: Crowd) -> Seen:
    """Let it happen, and wait until everybody has been answered for a while."""
    began = time.monotonic()
    await asyncio.to_thread(fault.act, crowd.plant)
    mended = time.monotonic()
    while time.monotonic() - mended < FAULT_SECONDS:
        await asyncio.sleep(0.2)
        since = max([mark.at for mark in crowd.marks[-5_000:] if mark.outcome != GOOD], default=began)
        if time.monotonic() - max(since, mended) > CALM_SECONDS and is_whole(crowd.plant):
            return told(fault, crowd.marks, began, mended)
    return told(fault, crowd.marks, began, mended, is_over=False)


def is_whole(plant: Plant) -> bool:
    """Tell whether everything runs again, without hands."""
    assert plant.worker
    assert plant.beat
    return all(plant.is_ready(number) for number in range(2)) and plant.worker.is_up and plant.beat.is_up


def told(fault: Fault, marks: list[Mark], began: float, mended: float, *, is_over: bool = True) -> Seen:
    mine = [mark for mark in marks if mark.at >= began]
    seen = Seen(fault.name, mended - began, is_over=is_over)
    for mark in mine:
        seen.outcomes[mark.outcome] += 1
        if mark.outcome != GOOD:
            seen.missing_until[mark.what] = max(seen.missing_until.get(mark.what, 0.0), mark.at - began)
    return seen


async def run(plant: Plant, faults: tuple[Fault, ...]) -> tuple[list[Seen], Crowd]:
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=100)
    async with httpx2.AsyncClient(limits=limits, trust_env=False) as http:
        crowd = Crowd(plant, http)
        holders = plant.seeded["connections"]
        kept, given = holders[:CLIENTS], holders[CLIENTS:]
        tasks = [people.refresher(crowd, holder) for holder in kept]
        tasks += [people.asker(crowd, kept) for _ in range(ASKERS)]
        tasks += [people.prober(crowd)]
        tasks += [people.approver(crowd, number) for number in range(PEOPLE)]
        under_way = [asyncio.create_task(task) for task in (*tasks, people.revoker(crowd, given))]
        await asyncio.sleep(CALM_SECONDS)
        seen = []
        for fault in faults:
            seen.append(await suffer(fault, crowd))
            print(line(seen[-1]), flush=True)
        crowd.is_over = True
        await asyncio.gather(*under_way)
        await finish(crowd, kept)
    return seen, crowd


async def finish(crowd: Crowd, kept: list[dict[str, str]]) -> None:
    """In peace: everything that was revoked is dead at both nodes, and everything that was allowed stands."""
    crowd.is_over = False
    for token in crowd.revoked:
        for url in crowd.plant.urls:
            answer = await crowd.http.post(f"{url}/oauth/introspect", data={"token": token}, headers=crowd.asker)
            crowd.counts["revoked credentials called active"] += bool(answer.json()["active"])
    for holder in kept:
        form = {"grant_type": "refresh_token", "refresh_token": holder["refresh"], "client_id": holder["client_id"]}
        answer = await crowd.http.post(f"{crowd.plant.urls[0]}/oauth/token", data=form)
        crowd.counts["clients told to ask their person"] += answer.status_code == 400
    command = [sys.executable, str(CHECKED)]
    found = subprocess.run(
        command, cwd=ROOT, env=crowd.plant.env | {"PYTHONPATH": str(ROOT)}, input=json.dumps(crowd.allowed),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    crowd.counts["approvals lost"] += int(found.stdout)


def line(seen: Seen) -> str:
    missing = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in sorted(seen.missing_until.items())) or "none"
    counts = " ".join(f"{name}: {count}" for name, count in seen.outcomes.items() if name != GOOD)
    over = "" if seen.is_over else "  NOT OVER"
    return f"{seen.fault:36} mended after {seen.took:5.1f} s  missing until: {missing}  {counts}{over}"


def main(arguments: list[str]) -> None:
    """Print what was noticed of each fault; leave with 1 where something that must be zero is not."""
    parser = argparse.ArgumentParser(prog="./dev bench faults")
    parser.add_argument("--only", default="", help="a part of the names of the faults to try")
    parser.add_argument("--patroni", action="store_true", help="PostgreSQL under Patroni, and what can happen to it")
    options = parser.parse_args(arguments)
    if not options.patroni and not os.path.exists(plants.FAKETIME):
        sys.exit("apt-get install faketime, for the clocks")
    faults, stores = (FAULTS_UNDER_PATRONI, Cluster) if options.patroni else (FAULTS, Databases)
    faults = tuple(fault for fault in faults if options.only in fault.name)
    with plants.running(connections=CLIENTS + REVOCATIONS, stores=stores) as plant:
        over = threading.Event()
        watcher = threading.Thread(target=plants.supervise, args=(plant,), kwargs={"is_over": over.is_set})
        watcher.start()
        try:
            seen, crowd = asyncio.run(run(plant, faults))
        finally:
            over.set()
            watcher.join()
            keep_logs(plant)
    conclude(seen, crowd)


def keep_logs(plant: Plant) -> None:
    """Keep the logs of a drill where the next one finds room."""
    kept = Path(os.environ.get("DRILL_LOGS", "/tmp/gatehouse-drill"))
    kept.mkdir(exist_ok=True)
    for log in plant.folder.glob("*.log"):
        (kept / log.name).write_bytes(log.read_bytes())


def conclude(seen: list[Seen], crowd: Crowd) -> None:
    counts = crowd.counts
    counts["answers 500"] = sum(each.outcomes[WRONG] for each in seen)
    counts["faults that were not over in time"] = sum(not each.is_over for each in seen)
    counts["clients told to ask their person"] += counts["clients told invalid_grant"]
    counts["allowed"], counts["revoked"] = len(crowd.allowed), len(crowd.revoked)
    for name, count in sorted(counts.items()):
        print(f"{name:45}{count:>10,}")
    failed = [name for name in MUST_BE_ZERO if counts[name]]
    print("\n" + (f"NOT ZERO: {', '.join(failed)}" if failed else f"all zero: {', '.join(MUST_BE_ZERO)}"))
    sys.exit(bool(failed))
