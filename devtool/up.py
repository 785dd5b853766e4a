"""`./dev up`: a data folder, a demo world, two servers, and a page of what is where. Standard library only."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from devtool import record
from devtool.install import PYTHON, ROOT, RUNTIME_LOCK, VENV, digest, fail, install, say
from devtool.servers import HOST, Server, running, wait_until_ready

PRIVATE = (
    "SECRET_KEY",
    "DATABASE_",
    "DATA_DIR",
    "CACHE_URL",
    "CELERY_",
    "EMAIL_",
    "ALARM_",
    "DOOR_DATABASE_",
    "METRICS_",
    "OIDC_",
    "SENTRY_",
    "DJANGO_",
)  # not the sample's business


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop(Exception):
    """Somebody asked us to stop: Ctrl-C, or a signal."""


@dataclass(frozen=True)
class Options:
    """What `./dev up` was asked for. `ready_file` may be None."""

    port: int = 8000
    resource_port: int = 8001
    data: Path = ROOT / "var"
    ready_file: Path | None = None
    once: bool = False
    workers: int = 1


def manage_environment() -> dict[str, str]:
    """Return the environment of `./dev manage`: that of the `./dev up` that runs, or of one without options. What the
    caller's own says wins."""
    options, settings = record.chosen()
    data = Path(options.get("data") or os.environ.get("DATA_DIR") or ROOT / "var").resolve()
    return environment(Options(**{**options, "data": data}), settings | dict(os.environ))


def environment(options: Options, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of everything that is started; what is given, by default by the caller's, wins.

    Makes the data folder, and the signing key in it.
    """
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    mcp = f"{HOST}:{options.resource_port}"
    defaults = {
        "DEBUG": "1",
        "DEMO": "1",
        "ISSUER": f"http://{HOST}:{options.port}",
        "GATEWAY_URL": f"http://{mcp}/mcp",
        "HOSTED_URL": f"http://{{handle}}.mcp.localhost:{options.resource_port}/mcp",
        "COMPAT_URL": f"http://{mcp}/mcp/{{handle}}/mcp",
        "OTHER_RESOURCE_URL": f"http://{mcp}/other/mcp",
    }
    if "SECRET_KEY" not in given:
        defaults["SECRET_KEY_FILE"] = str(secret_key_file(options.data))
    forced = {
        "DATA_DIR": str(options.data),
        "DJANGO_SETTINGS_MODULE": "authserver.settings",
        "PATH": f"{VENV / 'bin'}{os.pathsep}{given.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    return defaults | dict(given) | forced


def secret_key_file(data: Path) -> Path:
    """Return the file with this data folder's own signing key, made on first use: sessions survive a restart."""
    path = data / "secret-key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step: nobody ever sees half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


# --- The database and the demo world --------------------------------------------------------------------------------


def prepare(options: Options, env: Mapping[str, str]) -> None:
    """Migrate and load the demo world; an embedded database where nothing has changed since is left as it is."""
    stamp, wanted = options.data / "prepared", fingerprint(env)
    made = [options.data / "gatehouse.sqlite3", options.data / "demo.json", stamp]
    if "DATABASE_URL" not in env and all(path.exists() for path in made) and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    if subprocess.run([PYTHON, "-m", "devtool.prepare"], cwd=ROOT, env=env).returncode:
        fail("could not migrate the database or load the demo world (see above).")
    write_private(stamp, wanted)


def fingerprint(env: Mapping[str, str]) -> str:
    """Return a digest of all that a prepared data folder depends on: code that writes rows, packages, addresses."""
    parts = [digest(ROOT / RUNTIME_LOCK)]
    for folder in ("accounts", "handles", "authserver"):
        parts += [digest(path) for path in sorted((ROOT / folder).rglob("*.py"))]
    names = ("DEMO", "DEBUG", "ISSUER", "GATEWAY_URL", "HOSTED_URL", "COMPAT_URL", "OTHER_RESOURCE_URL")
    parts += [f"{name}={env[name]}" for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# --- The servers ----------------------------------------------------------------------------------------------------


def authorization_server(options: Options, env: Mapping[str, str]) -> Server:
    """Describe the authorization server: uvicorn with the door before Django."""
    command = [str(PYTHON), "-m", "authserver.serve", "--host", HOST, "--port", str(options.port)]
    command += ["--workers", str(options.workers)]
    return Server("authorization server", command, env, options.data / "authserver.log", options.port, "/readyz")


def sample_server(options: Options, env: Mapping[str, str], world: Mapping) -> Server:
    """Describe the sample MCP server, which gets its addresses and its own credentials and nothing else of ours."""
    ours, other = world["resource_servers"][:2]
    # Asked directly: behind a proxy the issuer's name may lead nowhere on this machine, or need a certificate.
    beside = f"http://{HOST}:{options.port}/oauth/introspect"
    sample_env = {name: value for name, value in env.items() if not name.startswith(PRIVATE)} | {
        "HOST": HOST,
        "PORT": str(options.resource_port),
        "INTROSPECTION_URL": env.get("INTROSPECTION_URL") or beside,
        "RESOURCE_SERVER_ID": ours["id"],
        "RESOURCE_SERVER_SECRET": ours["secret"],
        "OTHER_RESOURCE_SERVER_ID": other["id"],
        "OTHER_RESOURCE_SERVER_SECRET": other["secret"],
    }
    command = [str(PYTHON), "-m", "resourceserver.sample"]
    log = options.data / "resourceserver.log"
    # Ready once its tools are published: until then nobody may call them.
    return Server("sample MCP server", command, sample_env, log, options.resource_port, "/readyz")


# --- The command ----------------------------------------------------------------------------------------------------


def up(options: Options) -> None:
    """Start everything and stay until asked to stop."""
    started = time.monotonic()
    for number in STOP_SIGNALS:
        signal.signal(number, raise_stop)
    if options.ready_file:
        options.ready_file.parent.mkdir(parents=True, exist_ok=True)
        options.ready_file.unlink(missing_ok=True)
    need_ports(options)
    try:
        install(RUNTIME_LOCK)
        env = environment(options)
        prepare(options, env)
        world = json.loads((options.data / "demo.json").read_text())
        servers = [authorization_server(options, env), sample_server(options, env, world)]
        shared = {"port": options.port, "resource_port": options.resource_port, "data": str(options.data)}
        with running(servers), record.kept(shared, os.environ):
            wait_until_ready(servers)
            ready = describe(env, world, servers)
            if options.ready_file:
                write_private(options.ready_file, json.dumps(ready, indent=1) + "\n")
            welcome(ready, options, time.monotonic() - started)
            while not options.once:
                for server in servers:
                    server.show_new_lines()
                    server.check_alive()
                time.sleep(0.25)
    except Stop:
        say("\nStopped.")
    finally:
        if options.ready_file and not options.once:
            options.ready_file.unlink(missing_ok=True)


def raise_stop(number: int, frame: FrameType | None) -> None:
    """Turn the first signal into Stop; a second one must not interrupt the cleaning up."""
    for other in STOP_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Stop


def need_ports(options: Options) -> None:
    """Leave with a clear sentence when a port is taken."""
    for port, option in ((options.port, "--port"), (options.resource_port, "--resource-port")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                why = getattr(error, "strerror", None) or error
                fail(f"cannot listen on {HOST}:{port} ({why}). Stop what uses it, or choose another: {option} N.")


def describe(env: Mapping[str, str], world: Mapping, servers: list[Server]) -> dict:
    """Return what the ready file says."""
    return {
        "issuer": env["ISSUER"],
        "gateway_url": env["GATEWAY_URL"],
        "hosted_url": env["HOSTED_URL"],
        "compat_url": env["COMPAT_URL"],
        "people": world["people"],
        "administrator": world["administrator"] | {"url": f"{env['ISSUER']}/admin/"},
        "resource_servers": world["resource_servers"],
        "other_resource_url": env["OTHER_RESOURCE_URL"],
        "pids": [server.pid for server in servers],
    }


def welcome(ready: Mapping, options: Options, seconds: float) -> None:
    """Tell a person what is where, and what to try first."""
    alice, administrator = ready["people"][0], ready["administrator"]
    say(f"""
Gatehouse is up ({seconds:.1f} s).

  Authorization server   {ready["issuer"]}
  Sign in as             {alice["email"]}   password  {alice["password"]}
  Administrator          {administrator["email"]}   password  {administrator["password"]}   {administrator["url"]}

  MCP URL, any handle    {ready["gateway_url"]}
  MCP URL, one handle    {ready["hosted_url"].format(handle="acme")}
  MCP URL, fallback      {ready["compat_url"].format(handle="acme")}

  Try                    curl -i {ready["gateway_url"]}
  Logs                   {options.data}/authserver.log, {options.data}/resourceserver.log
""")
    if not options.once:
        say("Ctrl-C stops both servers.")


def parse_options(arguments: list[str]) -> Options:
    """Read the options of `./dev up`."""
    parser = argparse.ArgumentParser(prog="./dev up", description="Start both servers with a demo world.")
    parser.add_argument("--port", type=int, default=8000, help="authorization server (default 8000)")
    parser.add_argument("--resource-port", type=int, default=8001, help="sample MCP server (default 8001)")
    parser.add_argument("--data", type=Path, help="data folder (default var/)")
    parser.set_defaults(data=Path(os.environ.get("DATA_DIR", ROOT / "var")))
    parser.add_argument("--ready-file", type=Path, help="write addresses and demo secrets here, once both answer")
    parser.add_argument("--once", action="store_true", help="start, see that both answer, stop")
    parser.add_argument("--workers", type=int, default=1, help="processes of the authorization server (default 1)")
    found = vars(parser.parse_args(arguments))
    found["data"] = found["data"].resolve()
    return Options(**found)
