"""The product, as `./dev up` starts it: in a process and a data folder of its own, on free ports. Where its MCP
endpoints are, and one bare request to them for what clients do not show."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests import migrated, servers
from tests.authserver.telemetry.eavesdropping import LISTENER

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_SECONDS = 90
# Soon over, and yet longer than a few calls on a busy machine: the Python SDK signs in anew when a credential runs
# out on the way.
SHORT_LIVED = {"ACCESS_TOKEN_LIFETIME_SECONDS": "8"}
REVISION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@contextlib.contextmanager
def running(folder: Path, *, database_url: str = "", **env: str) -> Iterator[dict]:
    """Run `./dev up` in its own data folder, on free ports. Yield the ready file (docs: `./dev up --ready-file`)."""
    ready_file, output = folder / "ready.json", folder / "up.log"
    command = [sys.executable, ROOT / "dev", "up", "--data", folder / "data", "--ready-file", ready_file]
    command += ["--port", str(servers.free_port()), "--resource-port", str(servers.free_port())]
    names = ("DATABASE_URL", "DATA_DIR", "DEBUG", "DEMO", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    clean = {name: value for name, value in os.environ.items() if name not in names} | env
    migrated.copy_to(folder / "data" / migrated.NAME)
    if database_url:
        clean["DATABASE_URL"] = database_url
    with open(output, "wb") as log:
        process = subprocess.Popen(command, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"./dev up did not get ready:\n{output.read_text()}")
            time.sleep(0.05)
        yield json.loads(ready_file.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        LISTENER.read(*(folder / "data").glob("*.log"))


def address(ready: dict, place: str) -> str:
    """Return the URL of a place: `gateway acme` (acme is chosen there), `hosted acme`, `compat acme`, `other`."""
    kind, _, handle = place.partition(" ")
    return ready["other_resource_url" if kind == "other" else f"{kind}_url"].format(handle=handle)


def ask(url: str, credential: str) -> tuple[int, str]:
    """Ask for the tools with a credential. Return the status, and the error code of the body if there is one."""
    there = urlsplit(url)
    request = Request(
        f"http://127.0.0.1:{there.port}{there.path}",
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}).encode(),
        {
            "Host": there.netloc,
            "Authorization": f"Bearer {credential}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": REVISION,
            "Mcp-Method": "tools/list",
        },
    )
    try:
        with urlopen(request) as answer:
            return answer.status, ""
    except HTTPError as error:
        with error:
            return error.code, json.load(error).get("error", "")
