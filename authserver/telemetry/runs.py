"""Runs of tasks: counted in this process until somebody writes them down, each a span of its own.

A worker is asked by nobody how it is doing, so what it counts goes where every node can read it
(`services.operations.runs`). A run counts when it begins, too: one that is killed fails without a word.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from authserver import policy
from authserver.telemetry import spans
from authserver.telemetry.counts import OTHER
from authserver.telemetry.requests import RequestFacts, current_request

OURS = "authserver.tasks."
REQUEST_ID, TRACEPARENT = "request_id", "traceparent"  # headers of a task's message
_lock = Lock()


@dataclass
class Runs:
    """How many runs of a task began, came to a good end, failed; and how many seconds those took that ended."""

    begun: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


_counted: dict[str, Runs] = {}


def name_of(task: str) -> str:
    """Return what a task of ours is called in figures and spans."""
    return task.removeprefix(OURS)


def onward() -> dict[str, str]:
    """Return what a task takes along from the request that asks for it: headers of its message."""
    request_id = current_request.get().request_id
    return spans.context() | ({REQUEST_ID: request_id} if request_id else {})


@contextmanager
def of(task: str, headers: Mapping[str, str] | None) -> Iterator[None]:
    """Count the run inside and make a span of it. `headers` came with its message, from whoever asked for it; None
    where it runs inside the request that asked."""
    name, began = name_of(task), time.monotonic()
    _add(name, Runs(begun=1))
    try:
        with _asked_by((headers or {}).get(REQUEST_ID, "")), spans.of_task(name, (headers or {}).get(TRACEPARENT, "")):
            yield
    except BaseException:
        _add(name, Runs(failed=1, seconds=time.monotonic() - began))
        raise
    _add(name, Runs(done=1, seconds=time.monotonic() - began))


def take() -> dict[str, Runs]:
    """Return what was counted since the last time, by the names of tasks."""
    global _counted
    with _lock:
        taken, _counted = _counted, {}
    return taken


def keep(taken: Mapping[str, Runs]) -> None:
    """Take back what could not be written."""
    for name, runs in taken.items():
        _add(name, runs)


@contextmanager
def _asked_by(request_id: str) -> Iterator[None]:
    """Let lines and events inside carry the id of the request that asked."""
    if not request_id:
        yield
        return
    mark = current_request.set(RequestFacts(request_id=request_id))
    try:
        yield
    finally:
        current_request.reset(mark)


def _add(name: str, more: Runs) -> None:
    with _lock:  # several threads run tasks where there is no broker
        is_room = name in _counted or len(_counted) < policy.FIGURES_PER_FAMILY_MAX
        so_far = _counted.setdefault(name if is_room else OTHER, Runs())
        so_far.begun += more.begun
        so_far.done += more.done
        so_far.failed += more.failed
        so_far.seconds += more.seconds
