"""What each running `./dev up` of this checkout runs with, so that `./dev manage` works with the same. Standard library
only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devtool.install import ROOT, fail

FOLDER = ROOT / "var" / "running"
SETTING = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
Options = dict[str, Any]


def settings_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return those variables that are settings: `.env.example` lists them, and each may be given as a file."""
    known = set(SETTING.findall((ROOT / ".env.example").read_text()))
    return {name: value for name, value in environ.items() if name.removesuffix("_FILE") in known}


@contextlib.contextmanager
def kept(options: Options, environ: Mapping[str, str]) -> Iterator[None]:
    """Inside, others find these options and settings. Only their owner reads them: settings may be secrets."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = FOLDER / f"{os.getpid()}.json"
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        # The lock ends with this process, however it ends; it is there before anybody can see the file.
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"options": options, "settings": settings_of(environ)}, file)
        file.flush()
        part.replace(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def found() -> list[tuple[Options, dict[str, str]]]:
    """Return the options and settings of each `./dev up` that runs; what a killed one left is removed."""
    running = []
    for path in sorted(FOLDER.glob("*.json")):
        with contextlib.suppress(FileNotFoundError), open(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                told = json.load(file)
                running.append((told["options"], told["settings"]))
            else:
                path.unlink()
    return running


def chosen() -> tuple[Options, dict[str, str]]:
    """Return what the one that is meant runs with, empty where none does: the only one, or that of DATA_DIR."""
    folder = os.environ.get("DATA_DIR")
    fitting = [each for each in found() if not folder or each[0]["data"] == str(Path(folder).resolve())]
    if len(fitting) > 1:
        places = [f"  DATA_DIR={options['data']} ./dev manage …  (port {options['port']})" for options, _ in fitting]
        fail("\n".join(["several ./dev up are running; say which one is meant, or stop the others:", *places]))
    for options, _ in fitting:
        # Not to stdout, which may be read by a program.
        print(f"dev: with the ./dev up on port {options['port']}, data in {options['data']}", file=sys.stderr)
    return fitting[0] if fitting else ({}, {})
