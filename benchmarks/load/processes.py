"""CPU time of whole process trees, from Linux's /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
IDLE_SHARE = 0.1  # of one core
LOOK_SECONDS = 0.2


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds, user and system, of these processes and all below them, with those that ended and were waited for.

    The postmaster of PostgreSQL counts its backends, since they are its children.
    """
    table = _processes()
    trees, waiting = set(), [pid for pid in pids if pid in table]
    while waiting:
        pid = waiting.pop()
        if pid not in trees:
            trees.add(pid)
            waiting += [child for child, (parent, _) in table.items() if parent == pid]
    return sum(table[pid][1] for pid in trees) / TICKS_PER_SECOND


def settle(pids: Iterable[int], *, at_most: float) -> bool:
    """Wait until these trees are idle, so that what one run left behind is not laid upon the next. Units: seconds.

    Returns False when they still work after `at_most`.
    """
    watched, deadline = tuple(pids), time.monotonic() + at_most
    before = cpu_seconds(watched)
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        now = cpu_seconds(watched)
        if now - before < IDLE_SHARE * LOOK_SECONDS:
            return True
        before = now
    return False


def _processes() -> dict[int, tuple[int, int]]:
    """Every process: its parent, and its ticks with those of its children that ended."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            # The name, in parentheses, may hold blanks and parentheses itself.
            fields = text.rpartition(")")[2].split()
            found[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found
