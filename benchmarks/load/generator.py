"""wrk with one script: which request comes next, and what a right answer is. Counts every wrong answer, hides none."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load.processes import cpu_seconds

SCRIPT = Path(__file__).with_name("requests.lua")
LONGEST_SECONDS = 60.0
START_SECONDS = 30  # for reading the values, and the end
HERE = {"127.0.0.1", "localhost"}


class MissingProgram(LookupError):
    """A program that has to be installed first; the text says how."""


@dataclass(frozen=True)
class Target:
    """One path of one server under load."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""  # where there are values, `{}` stands for the next one
    values: Path | None = None  # a file, one value per line, as it stands in the body
    # "cycle": round and round, shuffled. "once": each once, and the end when they are used up.
    # "chain": a queue whose answers put the next value at its end.
    use: str = "cycle"
    next_value: str = ""  # for a chain: a Lua pattern that captures the next value, '"refresh_token":"([^"]+)"'
    expected: str = ""  # what every right answer (of status 200 or 201) holds
    timeout_seconds: int = 2  # an answer that takes longer is wrong


@dataclass(frozen=True)
class Result:
    """What a run showed. Only right answers count as requests per second."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    answered: int  # right or wrong
    wrong: int  # other statuses, other texts, timeouts, broken connections; 1 at least when nothing answered
    cpu_ms_per_1000: float  # of the servers, per 1,000 answers
    first_wrong: str = ""  # the status and the beginning of the first wrong answer


def run(target: Target, *, connections: int = 32, seconds: float = 4.0, cpu_of: Iterable[int] = ()) -> Result:
    """Send requests over so many keep-alive connections, each one's next when its last is answered.

    `cpu_of` are the processes (with all below them) whose CPU time is counted: the server and its database.
    A server that is not there is one wrong answer.
    Raises MissingProgram without wrk, ValueError for an address that is not this machine's or too long a run.
    """
    if urlsplit(target.url).hostname not in HERE or not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"load is for this machine alone, {LONGEST_SECONDS:.0f} seconds at most: {target.url}")
    program, pids = shutil.which("wrk"), tuple(cpu_of)
    if program is None:
        raise MissingProgram("apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="gh-load-") as folder:
        description, told = Path(folder, "target.lua"), Path(folder, "told.txt")
        description.write_text(described(target, seconds))
        duration = ["--duration", f"{math.ceil(seconds)}s", "--timeout", f"{target.timeout_seconds}s"]
        command = [program, "--threads", "1", "--connections", str(connections), *duration, "--script", str(SCRIPT)]
        before = cpu_seconds(pids)
        done = subprocess.run(
            [*command, target.url, "--", str(description), str(told)],
            capture_output=True, text=True, timeout=seconds + START_SECONDS,
        )  # fmt: skip
        used = cpu_seconds(pids) - before
        if done.returncode or not told.exists():
            return Result(
                0.0, 0.0, 0.0, answered=0, wrong=1, cpu_ms_per_1000=0.0, first_wrong=done.stdout + done.stderr
            )
        counts, _, first_wrong = told.read_text(errors="replace").partition("\n")
        return result(json.loads(counts), cpu=used, first_wrong=first_wrong)


def result(told: Mapping[str, float], *, cpu: float, first_wrong: str = "") -> Result:
    """Turn the script's counts and the CPU seconds used into a result."""
    answered = int(told["right"] + told["unexpected"])
    wrong = int(told["unexpected"] + told["broken"]) or int(answered == 0)
    return Result(
        requests_per_second=told["right"] / told["seconds"] if told["seconds"] > 0 else 0.0,
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        answered=answered,
        wrong=wrong,
        cpu_ms_per_1000=cpu * 1_000_000 / answered if answered else 0.0,
        first_wrong=first_wrong,
    )


def described(target: Target, seconds: float) -> str:
    """The target as a Lua table, for the script."""
    address = urlsplit(target.url)
    head = {"Host": address.netloc, **target.headers}
    before, _, after = target.body.partition("{}") if target.values else (target.body, "", "")
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    lines = [f"{target.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    fields = {
        "head": "\r\n".join(lines) + "\r\n",
        "before": before,
        "after": after,
        "values": str(target.values or ""),
        "use": target.use,
        "next_value": target.next_value,
        "expected": target.expected,
    }
    entries = [f"{name} = {lua_text(value)}" for name, value in fields.items()]
    return "return {" + ", ".join([*entries, f"seconds = {seconds}"]) + "}\n"


def lua_text(text: str) -> str:
    """A Lua string literal that means this text, whatever it holds."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'
