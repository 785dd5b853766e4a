"""`./dev docs`: the documentation as a site, by MkDocs in a virtual environment of its own. Standard library only."""

from __future__ import annotations

import subprocess
import sys

from devtool.install import ROOT, digest, fail, need_ensurepip

LOCK = "devtool/docs.lock"
PLACE = ROOT / "var" / "docs"
PYTHON = PLACE / "venv" / "bin" / "python"
STAMP = PLACE / "venv" / "installed-lock"
SITE = PLACE / "site"


def docs(arguments: list[str]) -> None:
    """Build the site into `var/docs/site`, refusing every warning; or do what else MkDocs is asked for (`serve`)."""
    _install()
    act, *rest = arguments or ["build", "--strict", "--site-dir", str(SITE)]
    status = subprocess.run(
        [PYTHON, "-m", "mkdocs", act, "--config-file", "devtool/mkdocs.yml", *rest], cwd=ROOT
    ).returncode
    if status:
        sys.exit(status)


def _install() -> None:
    if STAMP.exists() and STAMP.read_text() == digest(ROOT / LOCK):
        return
    need_ensurepip()
    PLACE.mkdir(parents=True, exist_ok=True)
    make = [sys.executable, "-m", "venv", "--clear", str(PLACE / "venv")]
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--require-hashes", "-r", LOCK]
    if subprocess.run(make).returncode or subprocess.run(pip, cwd=ROOT).returncode:
        fail("could not install MkDocs (see above).")
    STAMP.write_text(digest(ROOT / LOCK))
