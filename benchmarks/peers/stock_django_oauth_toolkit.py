"""Stock django-oauth-toolkit: the project of its tutorial, on PostgreSQL, served by granian (WSGI).

One server, measured twice: with the client secret hashed, as is its default, and with a secret kept as it is.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers import base
from benchmarks.peers.postgresql import PostgreSQL
from benchmarks.seed import indexes
from benchmarks.seed.progress import Progress, step
from tests.servers import free_port

HERE = Path(__file__).parent
PACKAGES = ("django-oauth-toolkit", "psycopg[binary]", "granian")
THREADS = 4  # per process; more wait for the interpreter's lock
LIFETIME_SECONDS = 30 * 24 * 3600
HASHING_TIMEOUT_SECONDS = 60  # 32 requests, each a quarter of a second of hashing
FAST = base.FORM | {
    "Authorization": "Basic " + base64.b64encode(f"{base.ASKER_ID}-fast:{base.ASKER_SECRET}".encode()).decode()
}
TABLES = ("auth_user", "oauth2_provider_accesstoken", "oauth2_provider_refreshtoken")
ACCESS = "id, token, token_checksum, user_id, application_id, expires, scope, resource, created, updated"
REFRESH = (
    "id, token, token_checksum, user_id, application_id, access_token_id, token_family, resource, created, updated"
)
GRANT = (
    "user_id, code, application_id, expires, redirect_uri, scope, code_challenge, code_challenge_method,"
    " nonce, claims, resource, created, updated"
)
USER = "id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined"
PER_PERSON = 10  # connections


class Installation:
    """The running project and its database, shared by the two ways to measure it."""

    def __init__(self) -> None:
        self.database: PostgreSQL | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.port = self.connections = self.processes = 0
        self.folder = Path()

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        """Start it, or start it anew for another number of processes."""
        install()
        if self.database is None:
            self.folder, self.connections, self.port = folder, connections, free_port()
            self.seeded = base.Unused(connections)
            folder.mkdir(parents=True, exist_ok=True)
            self.database = PostgreSQL(folder, "tutorial")
            self.python("-m", "django", "migrate", "-v0")
            self.public = json.loads(self.python("-m", "tutorial.applications", given=json.dumps(APPLICATIONS)))
            self.seed()
        if self.processes != processes:
            base.end(self.process)
            self.processes = processes
            self.serve()

    def env(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(HERE),
            "DJANGO_SETTINGS_MODULE": "tutorial.settings",
            "DATABASE_SOCKET": str(self.database.socket),
        }

    def python(self, *arguments: str, given: str = "") -> str:
        """Run its own Python to its end; return what it printed."""
        command = [str(cache() / "bin" / "python"), *arguments]
        env = dict(os.environ) | self.env()
        return subprocess.run(command, input=given, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout

    def serve(self) -> None:
        log = self.folder / "server.log"
        command = [str(cache() / "bin" / "granian"), "--interface", "wsgi", "--port", str(self.port), "--no-access-log"]
        command += ["--workers", str(self.processes), "--blocking-threads", str(THREADS), "tutorial.wsgi:application"]
        self.process = base.launch(command, log=log, env=self.env(), cwd=self.folder)
        base.wait_for(lambda: base.answers(f"http://127.0.0.1:{self.port}/o/token/"), self.process, log)

    def seed(self) -> None:
        """Persons, access tokens and refresh tokens by COPY; indexes after the rows."""
        taken = indexes.of_postgresql(self.database.run, TABLES)
        self.database.run(*taken.drop)
        persons, numbers = range(1, self.connections // PER_PERSON + 2), range(1, self.connections + 1)
        progress = Progress("django-oauth-toolkit", len(persons) + 2 * len(numbers))
        self.database.copy("auth_user", USER, map(user, persons), progress=progress)
        made = (access_token(number, self.public) for number in numbers)
        self.database.copy("oauth2_provider_accesstoken", ACCESS, made, progress=progress)
        made = (refresh_token(number, self.public) for number in numbers)
        self.database.copy("oauth2_provider_refreshtoken", REFRESH, made, progress=progress)
        progress.close()
        step("indexes")
        self.database.run("SET maintenance_work_mem = '512MB'", *taken.restore)
        for table in TABLES:
            self.database.run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        self.database.settle()

    def introspection(self) -> Target:
        """A resource server asks, its secret hashed."""
        numbers = base.spread(self.seeded.first - 1)
        values = (base.secret("AccessToken", number + 1) for number in numbers)
        path = base.write_values(self.folder / "asked", values)
        url = f"http://127.0.0.1:{self.port}/o/introspect/"
        return base.introspection(url, path, timeout_seconds=HASHING_TIMEOUT_SECONDS)

    def tokens(self, count: int) -> dict[str, Target]:
        """Refresh and code, with values that nobody used."""
        url = f"http://127.0.0.1:{self.port}/o/token/"
        # A chain begins with tokens that were seeded: each belongs to its own access token, as the table demands.
        starts = self.seeded.take()
        codes = [f"{starts.start}-{number}" for number in range(count)]
        self.database.copy("oauth2_provider_grant", GRANT, (grant(code, self.public) for code in codes))
        refreshed = (base.secret("RefreshToken", number) for number in starts)
        return {
            "refresh": base.refresh(url, base.write_values(self.folder / "refreshed", refreshed)),
            "code": base.code(url, base.write_values(self.folder / "exchanged", map(secret_code, codes))),
        }

    def stop(self) -> None:
        base.end(self.process)
        if self.database is not None:
            self.database.stop()


class DjangoServer:
    """The project, asked by a resource server whose secret is hashed, or is not."""

    def __init__(self, name: str, installation: Installation, *, hashed: bool) -> None:
        self.name = name
        self._at, self._hashed = installation, hashed

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        self._at.start(folder.parent / "django-oauth-toolkit", connections=connections, processes=processes)

    def targets(self, count: int) -> dict[str, Target]:
        introspection = self._at.introspection()
        if self._hashed:  # the other paths are the same: a public client has no secret
            return {"introspection": introspection}
        fast = dataclasses.replace(introspection, headers=FAST, timeout_seconds=Target.timeout_seconds)
        return {"introspection": fast, **self._at.tokens(count)}

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._at.process.pid, self._at.database.pid)

    def stop(self) -> None:
        self._at.stop()

    def versions(self) -> dict[str, str]:
        names = ("django-oauth-toolkit", "Django", "oauthlib", "granian", "psycopg")
        code = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {names}}}))"
        python = ".".join(map(str, sys.version_info[:3]))
        return json.loads(self._at.python("-c", code)) | {"PostgreSQL": self._at.database.version, "Python": python}


APPLICATIONS = {
    "public": base.CLIENT_ID,
    "asker": base.ASKER_ID,
    "secret": base.ASKER_SECRET,
    "callback": base.CALLBACK,
}
NOW, LATER = (time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(time.time() + more)) for more in (0, LIFETIME_SECONDS))


def user(number: int) -> str:
    """A person, as a row of COPY."""
    return f"{number}\t!\tf\tperson-{number}\t\t\tperson-{number}@example.com\tf\tt\t{NOW}"


def access_token(number: int, application: int) -> str:
    """A live access token, as a row of COPY."""
    token = base.secret("AccessToken", number)
    checksum = hashlib.sha256(token.encode()).hexdigest()
    given = f"{person(number)}\t{application}\t{LATER}\t{base.SCOPE}\t{AUDIENCE}"
    return f"{number}\t{token}\t{checksum}\t{given}\t{NOW}\t{NOW}"


def refresh_token(number: int, application: int) -> str:
    """A live refresh token, as a row of COPY."""
    token = base.secret("RefreshToken", number)
    checksum = hashlib.sha256(token.encode()).hexdigest()
    family = uuid.UUID(int=number)
    return (
        f"{number}\t{token}\t{checksum}\t{person(number)}\t{application}\t{number}\t{family}\t{AUDIENCE}\t{NOW}\t{NOW}"
    )


def grant(code: str, application: int) -> str:
    """An authorization code, as a row of COPY."""
    challenge = f"{base.CHALLENGE}\tS256"
    times = f"{NOW}\t{NOW}"
    return (
        f"1\t{secret_code(code)}\t{application}\t{LATER}\t{base.CALLBACK}\t{base.SCOPE}\t{challenge}"
        f"\t\t\t{AUDIENCE}\t{times}"
    )


def secret_code(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()[:30]  # as long as its own


def person(number: int) -> int:
    return number // PER_PERSON + 1


AUDIENCE = f'["{base.RESOURCE}"]'


def cache() -> Path:
    return base.CACHE / "django-oauth-toolkit"


def install() -> None:
    """Install the newest packages into a virtual environment of their own, unless it is there."""
    if (cache() / "bin" / "granian").exists():
        return
    print("installing " + ", ".join(PACKAGES), flush=True)
    cache().parent.mkdir(parents=True, exist_ok=True)
    uv, python = shutil.which("uv"), str(cache() / "bin" / "python")
    make = [uv, "venv", "--quiet", "--clear", "--python"] if uv else [sys.executable, "-m", "venv", "--clear"]
    base.run([*make, *([sys.executable] if uv else []), str(cache())], cwd=base.ROOT)
    into = [uv, "pip", "install", "--quiet", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    base.run([*into, *PACKAGES], cwd=base.ROOT)


_installation = Installation()
ALL = (
    DjangoServer("stock django-oauth-toolkit", _installation, hashed=True),
    DjangoServer("stock django-oauth-toolkit, fast secret", _installation, hashed=False),
)
