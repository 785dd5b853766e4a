"""Installing: `.venv` holds exactly what a lock file lists, by hash. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-locks"
RUNTIME_LOCK, TEST_LOCK, UV_LOCK = "requirements.lock", "requirements-test.lock", "devtool/uv.lock"


def say(text: str = "") -> None:
    """Print to the terminal; a reader that went away must not end the servers."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def fail(text: str) -> NoReturn:
    """Print what is wrong and what to do about it, and leave with status 1."""
    print(f"dev: {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(lock: str) -> None:
    """Make `.venv` hold what the lock lists, by hash. Does nothing when a stamp says that it already does."""
    # One installer at a time: the lock is this very file, so there is nothing to create or to clean up.
    with open(__file__) as this_file:
        fcntl.flock(this_file, fcntl.LOCK_EX)
        stamps = STAMP.read_text().split() if STAMP.exists() and PYTHON.exists() else []
        if digest(ROOT / lock) in stamps:
            return
        say(f"Installing {lock} into .venv (first start only) …")
        started = time.monotonic()
        uv = shutil.which("uv")
        make_venv(uv)
        STAMP.unlink(missing_ok=True)
        if not install_with_uv(uv, lock):
            install_with_pip(lock)
        # The test lock holds all of the runtime lock.
        locks = [RUNTIME_LOCK, TEST_LOCK] if lock == TEST_LOCK else [lock]
        STAMP.write_text("".join(f"{digest(ROOT / name)}\n" for name in locks))
        say(f"Installed in {time.monotonic() - started:.1f} s.")


def make_venv(uv: str | None) -> None:
    """Create `.venv`, unless it is there and its interpreter still works."""
    if PYTHON.exists() and not subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode:
        return
    if uv and not subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV]).returncode:
        return
    need_ensurepip()
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode:
        fail("could not create .venv (see above).")


def need_ensurepip() -> None:
    """Leave with the one line to type where Debian has split `ensurepip` off from Python."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sudo = "" if os.geteuid() == 0 else "sudo "
        fail(f"this Python cannot make virtual environments. Run:\n  {sudo}apt-get install -y python3-venv")


def install_with_uv(uv: str | None, lock: str) -> bool:
    """Install with uv, fetching uv itself (by hash) when it is not on PATH. Return whether that worked."""
    uv = uv or fetch_uv()
    if uv is None:
        return False
    sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), lock]
    return not subprocess.run(sync, cwd=ROOT).returncode


def fetch_uv() -> str | None:
    """Return the path of a uv of our own, beside the packages of `.venv`; None where pip cannot get it."""
    uv = VENV / "uv" / "bin" / "uv"
    if not uv.exists():
        need_pip()
        with contextlib.suppress(subprocess.CalledProcessError):
            pip("install", "-qq", "--require-hashes", "--target", str(VENV / "uv"), "-r", UV_LOCK)
    return str(uv) if uv.exists() else None


def install_with_pip(lock: str) -> None:
    """The slow and sure way: pip knows the configuration of this machine (mirrors, proxies) that uv does not read."""
    say("uv did not do it; trying pip, which takes a minute …")
    need_pip()
    try:
        pip("install", "-qq", "--require-hashes", "-r", lock)
    except subprocess.CalledProcessError:
        fail(f"could not install {lock} (see above). Is there a network, or a package index in pip's configuration?")


def need_pip() -> None:
    """Put pip into `.venv` if uv made it without."""
    if subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode:
        need_ensurepip()
        subprocess.run([PYTHON, "-m", "ensurepip"], check=True, capture_output=True)


def pip(*arguments: str) -> None:
    """Run the pip of `.venv`."""
    subprocess.run([PYTHON, "-m", "pip", "--disable-pip-version-check", *arguments], cwd=ROOT, check=True)
