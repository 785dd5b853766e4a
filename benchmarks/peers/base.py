"""What every server under comparison is, and what all of them are given alike."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from benchmarks.load import Target

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "var" / "peers"  # what was installed from registries; `rm -r` it for newer versions
START_SECONDS = 60
INTROSPECTION_SAMPLE = 100_000
RUNS = 20  # that there are refresh tokens for, if connections are few
CHAINS = 2_000  # refresh tokens that a run begins with; each answer brings the next
SHORTEST_CHAINS = 100

# The same client, person's approval and question everywhere.
SCOPE = "mcp.connect skills.read links.read"
RESOURCE = "http://127.0.0.1:8001/mcp"
CALLBACK = "https://chatgpt.com/connector/oauth/abc"
CLIENT_ID, ASKER_ID = "c1f1b5b4-public-client", "resource-server"
ASKER_SECRET = "rss-" + hashlib.sha256(b"the secret of the resource server in benchmarks").hexdigest()
VERIFIER = hashlib.sha256(b"the verifier of every code in benchmarks").hexdigest()
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BASIC = "Basic " + base64.b64encode(f"{ASKER_ID}:{ASKER_SECRET}".encode()).decode()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ACTIVE = '"scope":'  # an answer about a credential that is not live has none; blanks after `"active":` differ
NEXT_REFRESH_TOKEN = '"refresh_token":%s*"([^"]+)"'  # a Lua pattern
REGISTRATION = (
    '{"client_name":"ChatGPT","redirect_uris":["https://chatgpt.com/connector/oauth/abc"],'
    '"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],'
    '"response_types":["code"]}'
)


class Missing(LookupError):
    """Something that has to be installed first; the text says how. The run goes on without this server."""


class Server(Protocol):
    """One server under comparison."""

    name: str

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        """Start, with so many live connections in the database that is kept in the folder.

        Called again, for another number of processes, what was seeded stays. Raises Missing.
        """

    def targets(self, count: int) -> dict[str, Target]:
        """By path (`introspection, refresh, code, registration, metadata, constant`), what this server has.

        Each call brings `count` codes and refresh tokens that nobody used yet.
        """

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes whose trees are all that works for an answer: server and database."""

    def stop(self) -> None:
        """End everything that `start` started."""

    def versions(self) -> dict[str, str]:
        """What runs, by product."""


def secret(kind: str, number: int) -> str:
    """The opaque value with this number, 43 characters: nothing has to be kept to know a million of them."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"{kind} {number}".encode()).digest())[:43].decode()


def write_values(path: Path, values: Iterable[str]) -> Path:
    """Write a file of values for a target."""
    path.write_text("\n".join(values))
    return path


def spread(connections: int) -> range:
    """The numbers of the connections that introspection asks for: 100,000 at most, from everywhere in the table."""
    return range(0, connections, max(1, connections // INTROSPECTION_SAMPLE))


class Unused:
    """Seeded refresh tokens that no run has begun with yet, by number: the last half of all.

    The connections before `first` are never refreshed: where a refresh ends the access token before it, introspection
    asks for theirs.
    """

    def __init__(self, connections: int) -> None:
        self.first = connections - connections // 2 + 1
        self._next, self._last = self.first, connections
        # More than there are requests under way, or a chain would break off at once.
        self._each = max(SHORTEST_CHAINS, min(CHAINS, connections // 2 // RUNS))

    def take(self) -> range:
        """The next ones, for one run."""
        found = range(self._next, self._next + self._each)
        if found.stop > self._last + 1:
            raise RuntimeError("every refresh token that was seeded is used: more connections are needed")
        self._next = found.stop
        return found


def introspection(url: str, values: Path, *, timeout_seconds: int = Target.timeout_seconds) -> Target:
    """A resource server asks for a live access token."""
    body = "token={}&token_type_hint=access_token"
    headers = FORM | {"Authorization": BASIC}
    return Target(url, "POST", headers, body, values, expected=ACTIVE, timeout_seconds=timeout_seconds)


def refresh(url: str, values: Path, client_id: str = CLIENT_ID) -> Target:
    """A public client refreshes; its next request brings what it was answered."""
    body = urlencode({"grant_type": "refresh_token", "client_id": client_id}) + "&refresh_token={}"
    return Target(url, "POST", FORM, body, values, "chain", NEXT_REFRESH_TOKEN, '"access_token"')


def code(url: str, values: Path, client_id: str = CLIENT_ID) -> Target:
    """A public client exchanges its code, with PKCE."""
    form = {"grant_type": "authorization_code", "client_id": client_id, "redirect_uri": CALLBACK}
    body = urlencode(form | {"code_verifier": VERIFIER}) + "&code={}"
    return Target(url, "POST", FORM, body, values, "once", expected='"refresh_token"')


def registration(url: str) -> Target:
    """A client registers."""
    return Target(url, "POST", {"Content-Type": "application/json"}, REGISTRATION, expected='"client_id"')


def metadata(url: str) -> Target:
    """Anybody reads the metadata of the authorization server."""
    return Target(url, expected='"token_endpoint"')


def launch(command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a server of ours that ends with us, its output in a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
            env=dict(os.environ) | dict(env), start_new_session=True, preexec_fn=_end_with_parent,
        )  # fmt: skip


def _end_with_parent() -> None:
    """Ask Linux to end this server should the benchmark be killed outright."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG


def end(process: subprocess.Popen[bytes] | None) -> None:
    """End a server that `launch` started, and all of its group."""
    if process is None or process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(15)
            return
        except subprocess.TimeoutExpired:
            continue


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server is ready; raise with the end of its log when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Tell whether anything answers there, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def run(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed; raise with what it said when it fails."""
    done = subprocess.run(command, cwd=cwd, env=dict(os.environ) | dict(env or {}), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
