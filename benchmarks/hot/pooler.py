"""`./dev bench pooler`: the door and pages behind PgBouncer, set up in each way that docs/scaling.md tells of."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.hot import common
from benchmarks.load import run
from benchmarks.ours import Gatehouse
from tests import servers

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
SETTINGS = """[databases]
gatehouse = host={socket} dbname=gatehouse
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 40
max_client_conn = 500
ignore_startup_parameters = {ignored}
{more}
"""
# How PgBouncer is set up, and whether the door goes past it.
FOLLOWED = "transaction, prepared statements followed"
WAYS = {
    "session": ("session", "", False),
    "session, options ignored": ("session", "options", False),
    "transaction": ("transaction", "options", False),
    FOLLOWED: ("transaction", "options", False),
    "transaction, the door past it": ("transaction", "", True),
}
MORE = {"transaction": "max_prepared_statements = 0", FOLLOWED: "max_prepared_statements = 200"}  # both of 1.21
PATHS = ("introspection", "refresh", "code", "registration")
PAGES = 50
CODES = 30_000


def main(arguments: list[str]) -> None:
    """Print right and wrong answers of each way."""
    options = common.parser("pooler", sizes="2000", rounds=1, seconds=5.0).parse_args(arguments)
    if not Path(PROGRAM).exists():
        sys.exit("apt-get install pgbouncer")
    with common.up("postgresql", options) as all_servers:
        for size, server in all_servers.items():
            straight = server.env["DATABASE_URL"]
            for way, (mode, ignored, is_past) in WAYS.items():
                if way == FOLLOWED and not follows_statements():
                    continue
                server.env["DOOR_DATABASE_URL"] = straight if is_past else ""
                with pooler(straight, mode, ignored, MORE.get(way, "") if follows_statements() else "") as url:
                    server.env["DATABASE_URL"] = url
                    server.start(Path(), connections=size, processes=options.processes)
                    server.env["DATABASE_URL"] = straight  # what the load needs is seeded past the pooler
                    print(f"{way}: {measured(server, options.seconds)}", flush=True)


def measured(server: Gatehouse, seconds: float) -> str:
    told = []
    for path in PATHS:
        found = run(server.target(path, CODES), connections=common.CONNECTIONS_OF_LOAD, seconds=seconds)
        told.append(f"{path} {found.answered:,}, {found.wrong:,} wrong")
    session = server.made("session", 1).strip()
    page = Request(f"{server.url}/connections", headers={"Cookie": session})
    right = 0
    for _ in range(PAGES):
        with urlopen(page, timeout=10) as answer:
            right += answer.status == 200
    return "; ".join([*told, f"pages {PAGES}, {PAGES - right} wrong"])


def follows_statements() -> bool:
    """Tell whether this PgBouncer knows of prepared statements: since 1.21, and from 1.24 on unless told otherwise."""
    told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, told.split()[1].split("."))) >= (1, 21)


@contextlib.contextmanager
def pooler(straight: str, mode: str, ignored: str, more: str) -> Iterator[str]:
    """Run PgBouncer in front of the database at this address of a socket; yield its own address."""
    port = servers.free_port()
    with tempfile.TemporaryDirectory(prefix="gh-pooler-", dir="/tmp") as name:
        owner, folder = servers._unprivileged_owner(name), Path(name)
        (folder / "users").write_text('"postgres" ""\n')
        socket = straight.partition("@/")[2].rpartition("/")[0]
        settings = SETTINGS.format(socket=socket, port=port, folder=folder, mode=mode, ignored=ignored, more=more)
        (folder / "settings.ini").write_text(settings)
        process = subprocess.Popen([PROGRAM, "-q", folder / "settings.ini"], stderr=subprocess.DEVNULL, **owner)
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/gatehouse"
        finally:
            process.kill()  # from 1.23 on SIGTERM waits for all who are connected, and ours stay so
            process.wait()
