"""Revocations while two nodes answer as many questions as they can: once one committed, nobody hears `active` again.

Ways to end: a client's own request at either node; a person, a handle's admin, an administrator, in a process of their
own. Each is followed by questions at both nodes; others ask at random all the time; and at the end everything is asked
once more, everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import load
from benchmarks.seed.numbers import id_of, refresh_token_of, token_of
from benchmarks.soak import nodes
from benchmarks.soak.nodes import ROOT, Cluster
from benchmarks.soak.refresh import dsn
from benchmarks.soak.wire import FORM, Wire

LIFETIME_SECONDS = 3_600
AT_ONCE = 6  # revocations under way
WATCHERS = 4  # who ask at random meanwhile
LOAD_CONNECTIONS = 16  # per node
LOAD_SECONDS = 5.0
PERSON_EVERY = 50  # one person of so many loses everything at once, in either of two ways
TRIES = 100
REPORT_EVERY = 1_000
BY_CLIENT = ("client, refresh token", "client, access token")
OF_ONE = (*BY_CLIENT, "person", "handle admin", "administrator", "paused")
OF_A_PERSON = ("seat removed", "person inactive")
CLIENTS = """SELECT c.id::text, client.client_id FROM authserver_connection c
    JOIN authserver_client client ON client.id = c.client_id"""
MUST_BE_ZERO = ("later answers active", "questions without an answer", "were not active before")


@dataclass(frozen=True)
class Act:
    """One revocation: its way, the connection it names, and all whose credentials it ends."""

    way: str
    number: int
    ended: tuple[int, ...]


@dataclass
class Run:
    """What is under way, and what was counted. `committed` are numbers whose end was answered."""

    cluster: Cluster
    client_ids: dict[str, str]
    acts: deque[Act]
    counts: Counter[str] = field(default_factory=Counter)
    committed: set[int] = field(default_factory=set)
    is_over: bool = False

    @property
    def authorization(self) -> str:
        seeded = self.cluster.seeded
        return "Basic " + base64.b64encode(f"{seeded['asker_id']}:{seeded['asker_secret']}".encode()).decode()


def plan(connections: int, persons: int) -> deque[Act]:
    """Return one act for every connection, or for every person who loses all of theirs; in no order."""
    acts = []
    for person in range(persons):
        theirs = tuple(range(person + 1, connections + 1, persons))
        if person % PERSON_EVERY < len(OF_A_PERSON):
            acts.append(Act(OF_A_PERSON[person % PERSON_EVERY], theirs[0], theirs))
        else:
            acts += [Act(OF_ONE[number % len(OF_ONE)], number, (number,)) for number in theirs]
    random.shuffle(acts)
    return deque(acts)


async def is_active(run: Run, wire: Wire, number: int) -> bool:
    """Ask until there is an answer: a 503 is none, and neither is a connection that broke."""
    for _ in range(TRIES):
        try:
            answer = await wire.post("/oauth/introspect", f"token={token_of(number)}", authorization=run.authorization)
        except OSError:
            answer = (0, b"")
        if answer[0] == 200:
            run.counts["answers"] += 1
            return b'"active": true' in answer[1]
        run.counts[f"answers {answer[0]}"] += 1
        await asyncio.sleep(0.05)
    run.counts["questions without an answer"] += 1
    return False


async def revoke_in_turn(run: Run) -> None:
    """Take one act after the other; after each, ask both nodes about all that it ended."""
    wires = [Wire(url) for url in run.cluster.urls]
    ender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.soak.ending", cwd=ROOT, env=run.cluster.env, stdin=PIPE, stdout=PIPE
    )
    while run.acts:
        act = run.acts.popleft()
        before = await is_active(run, random.choice(wires), act.number)
        run.counts["were not active before"] += not before
        await revoke(run, act, random.choice(wires), ender)
        run.committed.update(act.ended)
        run.counts[f"revoked: {act.way}"] += len(act.ended)
        random.shuffle(wires)
        for wire in wires:
            for number in act.ended:
                run.counts["later answers active"] += await is_active(run, wire, number)
                run.counts["later answers"] += 1
    assert ender.stdin
    ender.stdin.close()
    await ender.wait()


async def revoke(run: Run, act: Act, wire: Wire, ender: Process) -> None:
    """Return once it is told that this was done: by the endpoint's answer, or by the process that committed it."""
    if act.way not in BY_CLIENT:
        assert ender.stdin
        assert ender.stdout
        ender.stdin.write(f"{act.way} {act.number}\n".encode())
        if int(await ender.stdout.readline() or 0) != act.number:
            raise RuntimeError(f"{act.way} failed for {act.number}")
        return
    token = (refresh_token_of if "refresh" in act.way else token_of)(act.number)
    client_id = run.client_ids[id_of("connection", act.number)]
    for _ in range(TRIES):
        try:
            status, _ = await wire.post("/oauth/revoke", f"token={token}&client_id={client_id}")
        except OSError:
            status = 0
        if status == 200:
            return
        run.counts[f"revocations {status}"] += 1
        await asyncio.sleep(0.05)
    raise RuntimeError(f"{act.way} was never answered for {act.number}")


async def watch(run: Run, count: int) -> None:
    """Ask about anything at either node. What had committed before the question went out must be inactive."""
    wires = [Wire(url) for url in run.cluster.urls]
    while not run.is_over:
        number = random.randint(1, count)
        had_committed = number in run.committed
        active = await is_active(run, random.choice(wires), number)
        run.counts["watched, live"] += active
        if had_committed:
            run.counts["later answers"] += 1
            run.counts["later answers active"] += active


async def keep_busy(run: Run, url: str, values: Path) -> None:
    """Load one node as far as it goes, until all is over."""
    headers = {"Authorization": run.authorization, "Content-Type": FORM}
    asked = load.Target(f"{url}/oauth/introspect", "POST", headers, "token={}", values, expected='"active"')
    while not run.is_over:
        found = await asyncio.to_thread(load.run, asked, connections=LOAD_CONNECTIONS, seconds=LOAD_SECONDS)
        run.counts["load, answers"] += found.answered
        run.counts["load, wrong answers"] += found.wrong


async def report(run: Run) -> None:
    """Say every now and then where things stand."""
    said = 0
    while not run.is_over:
        await asyncio.sleep(1)
        if len(run.committed) - said >= REPORT_EVERY:
            said = len(run.committed)
            print(f"{said} revoked  {run.counts['later answers active']} active later", file=sys.stderr, flush=True)


async def ask_everything(run: Run, numbers: Iterable[int], url: str) -> None:
    wire = Wire(url)
    for number in numbers:
        run.counts["later answers active"] += await is_active(run, wire, number)
        run.counts["later answers"] += 1


async def whole(run: Run, values: Path, count: int) -> None:
    beside = [watch(run, count) for _ in range(WATCHERS)]
    beside += [keep_busy(run, url, values) for url in run.cluster.urls]
    others = [asyncio.create_task(each) for each in (*beside, report(run))]
    try:
        await asyncio.gather(*(revoke_in_turn(run) for _ in range(AT_ONCE)))
        everything = range(1, count + 1)
        await asyncio.gather(*(ask_everything(run, everything, url) for url in run.cluster.urls))
    finally:
        run.is_over = True
        await asyncio.gather(*others)


def main(arguments: list[str]) -> None:
    """Print what was counted; leave with 1 where anything was active after its end."""
    parser = argparse.ArgumentParser(prog="./dev bench strict")
    parser.add_argument("--revocations", type=int, default=10_000)
    count = parser.parse_args(arguments).revocations
    seed = ("-m", "benchmarks.seed", "fill")
    with (
        nodes.running(connections=count, lifetime_seconds=LIFETIME_SECONDS, seed=seed) as cluster,
        psycopg.connect(dsn(cluster)) as database,
        tempfile.TemporaryDirectory(prefix="gh-strict-") as folder,
    ):
        client_ids = {key.replace("-", ""): client_id for key, client_id in database.execute(CLIENTS)}
        values = Path(folder, "tokens.txt")
        values.write_text("".join(f"{token_of(number)}\n" for number in range(1, count + 1)))
        run = Run(cluster, client_ids, plan(count, cluster.seeded["persons"]))
        asyncio.run(whole(run, values, count))
    conclude(run, count)


def conclude(run: Run, count: int) -> None:
    for name, number in sorted(run.counts.items()):
        print(f"{name:40}{number:>10,}")
    failed = [name for name in MUST_BE_ZERO if run.counts[name]]
    is_whole = len(run.committed) == count and run.counts["watched, live"] and run.counts["load, answers"]
    print("\n" + (f"NOT ZERO: {', '.join(failed)}" if failed else f"{count:,} revoked, none active later"))
    sys.exit(bool(failed) or not is_whole)
