"""The real clients, installed from lock files next to this one: once per lock, and never into our own `.venv`."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = HERE / "node_modules"
PYTHON1 = ROOT / ".venvs" / "mcp-1"


def javascript() -> None:
    """Install what package-lock.json lists; .npmrc forbids the scripts of packages."""
    install("package-lock.json", MODULES, lambda: run("npm", "ci", "--silent", cwd=HERE))


def path() -> str:
    """Return a PATH on which the clients come first, and a Node as new as MCP Inspector wants it.

    npm 9, which is Debian's, does not link the programs of optional packages; so their folder is named.
    """
    node = [str(found) for found in MODULES.glob("node-linux-*/bin")]
    return os.pathsep.join([*node, str(MODULES / ".bin"), os.environ.get("PATH", os.defpath)])


def python1() -> Path:
    """Return a Python that has the MCP SDK 1.x, whose needs contradict those of 2.x."""
    python = PYTHON1 / "bin" / "python"
    install("python1/requirements.lock", PYTHON1, lambda: make_venv(python, HERE / "python1/requirements.lock"))
    return python


def make_venv(python: Path, lock: Path) -> None:
    """Make the environment with uv if `./dev` has found or fetched one, else with pip."""
    uv = shutil.which("uv") or shutil.which(ROOT / ".venv/uv/bin/uv")
    if uv:
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, python.parent.parent)
        with contextlib.suppress(RuntimeError):  # pip may know a package index that uv does not
            run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, lock)
            return
    run(sys.executable, "-m", "venv", "--clear", python.parent.parent)
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)


def install(lock: str, folder: Path, act: Callable[[], None]) -> None:
    """Call `act` unless a stamp in the folder says that it was done for this very lock file."""
    digest = hashlib.sha256((HERE / lock).read_bytes()).hexdigest()
    stamp = folder / "installed-lock"
    with only_one(HERE / lock):
        if not stamp.exists() or stamp.read_text() != digest:
            act()
            stamp.write_text(digest)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Let one process at a time in."""
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run an installer. What it said is the error."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
