"""The figures of all processes of a node, whichever of them is asked.

Each process writes what it counted into files of its own, once a second, in the form of prometheus_client's mode for
several processes; its collector adds them up. What a process counted stays when it ends, so that no counter goes back:
`folding` adds it to what others left.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

from authserver.telemetry import counts, folding
from authserver.telemetry.counts import Gauge, Labels, Spread, Tally

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # what prometheus_client calls it; `authserver.serve` sets it for its workers
_lock = Lock()
_own_folder: Path | None = None


class Files:
    """The three files of one process: a kind of figure each."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.folder, self.pid = folder, pid
        self._counters = MmapedDict(str(folder / f"counter_{pid}.db"))
        self._histograms = MmapedDict(str(folder / f"histogram_{pid}.db"))
        self._gauges = MmapedDict(str(folder / f"{folding.LIVE}_{pid}.db"))
        self._keys: dict[tuple[str, Labels, str], str] = {}

    def write(self) -> None:
        for tally in counts.TALLIES:
            for labels, count in list(tally.values.items()):
                self._counters.write_value(self._key(tally, labels, f"{tally.name}_total"), count, 0.0)
        for spread in counts.SPREADS:
            for labels, row in list(spread.rows.items()):
                self._write_row(spread, labels, row)
        for gauge in counts.GAUGES:
            for labels, value in gauge.read().items():
                self._gauges.write_value(self._key(gauge, labels, gauge.name), value, 0.0)

    def close(self) -> None:
        for values in (self._counters, self._histograms, self._gauges):
            values.close()

    def _write_row(self, spread: Spread, labels: Labels, row: list[float]) -> None:
        for bound, count in zip((*spread.bounds, float("inf")), row, strict=False):
            key = self._key(spread, labels, f"{spread.name}_bucket", le=floatToGoString(bound))
            self._histograms.write_value(key, count, 0.0)
        self._histograms.write_value(self._key(spread, labels, f"{spread.name}_sum"), row[-1], 0.0)

    def _key(self, family: Tally | Spread | Gauge, labels: Labels, sample: str, *, le: str = "") -> str:
        place = (sample, labels, le)
        if place not in self._keys:
            names, values = [*family.labels, *(["le"] if le else [])], [*labels, *([le] if le else [])]
            self._keys[place] = mmap_key(family.name, sample, names, values, family.about)
        return self._keys[place]


_files: Files | None = None
_begun: set[tuple[int, Path]] = set()  # by which process, where


def folder() -> Path:
    """Return where the processes of this node write; where nobody said, a folder for this process alone."""
    global _own_folder
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER])
    if _own_folder is None:
        _own_folder = Path(tempfile.mkdtemp(prefix="figures-"))
        atexit.register(shutil.rmtree, _own_folder, ignore_errors=True)
    return _own_folder


def flush() -> None:
    """Write what this process counted so far."""
    global _files
    with _lock:
        if _files is None or _files.pid != os.getpid() or _files.folder != folder():
            if _files:
                _files.close()
            _files = _begin(folder(), os.getpid())
        _files.write()


def _begin(place: Path, pid: int) -> Files:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folding.locked(place):
        if (pid, place) not in _begun:
            folding.fold(place, also=pid)
            _begun.add((pid, place))
        return Files(place, pid)


@atexit.register
def close() -> None:
    """Let go of the files of this process."""
    global _files
    with _lock:
        if _files:
            _files.close()
        _files = None


def metrics() -> list[Metric]:
    """Return the figures of all processes of this node, those that ended included."""
    flush()
    with folding.locked(folder()):
        folding.fold(folder())
        # Empty is that of a process killed as it began, of which nobody has taken note yet.
        files = [str(path) for path in folder().glob("*.db") if path.stat().st_size]
        return list(MultiProcessCollector.merge(files))


def prepare(parent: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Make the folder for the processes that this one will start, below `parent` where that can be written, and remove
    those of servers that are gone; return the environment that names it. Where one is named already, that is taken."""
    if environment.get(FOLDER):
        return {}
    try:
        return {FOLDER: str(_made(parent))}
    except OSError:  # a container whose disk is read-only
        return {FOLDER: tempfile.mkdtemp(prefix="figures-")}


def _made(parent: Path) -> Path:
    for old in parent.glob("figures-*"):
        if not _is_running(old.name.removeprefix("figures-")):
            shutil.rmtree(old, ignore_errors=True)
    made = parent / f"figures-{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700, parents=True)
    return made


def _is_running(pid: str) -> bool:
    return pid.isdecimal() and Path(f"/proc/{pid}").exists()
