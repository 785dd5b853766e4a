"""What processes counted that are gone: added up in one file of each kind, so that crashes make no heap of files.

Everybody who adds up, and everybody who reads the sums or begins a file, holds the lock of the folder: nobody sees a
figure twice or not at all. Who is killed between the two last steps of adding up leaves one process counted twice.
"""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

LIVE = "gauge_livesum"
SUMMED = ("counter", "histogram")
GONE = "0"  # instead of the id of a process


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of figures, of which all processes of a node know; it ends with its holder."""
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fold(folder: Path, *, also: int = 0) -> None:
    """Add up what processes counted that are gone, and forget what was under way in them. `also` is the id of a process
    that is new: what stands under it is of another one, that is gone. Needs the lock."""
    gone: dict[str, list[Path]] = {}
    alive: dict[int, bool] = {}
    for path in sorted(folder.glob("*.db")):
        kind, _, number = path.stem.rpartition("_")
        if number == GONE or not number.isdecimal():
            continue
        pid = int(number)
        if pid != also and alive.setdefault(pid, _is_alive(pid)):
            continue
        gone.setdefault(kind, []).append(path)
    for kind in SUMMED:
        if kind in gone:
            _add_up(folder / f"{kind}_{GONE}.db", gone[kind])
    for path in gone.get(LIVE, []):
        path.unlink()


def _add_up(whole: Path, parts: list[Path]) -> None:
    sums = Counter[str]()
    for path in (whole, *parts):
        if path.exists() and path.stat().st_size:  # empty: its process ended before it wrote
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                sums[key] += value
    new = whole.with_suffix(".new")
    new.unlink(missing_ok=True)
    values = MmapedDict(str(new))
    for key, value in sums.items():
        values.write_value(key, value, 0.0)
    values.close()
    new.replace(whole)
    for path in parts:
        path.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there
        pass
    return True
