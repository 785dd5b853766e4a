"""Glewlwyd (C), as its Debian package installs it, on PostgreSQL, with the indexes that its schema lacks.

Its access tokens are signed JWTs that it also keeps by digest; a client may introspect only what was issued to itself.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers import base
from benchmarks.peers.postgresql import PostgreSQL
from benchmarks.seed import indexes
from benchmarks.seed.progress import Progress, step
from tests.servers import free_port

SCHEMA = Path("/usr/share/doc/glewlwyd/database/init.postgre.sql.gz")
MODULES = Path("/usr/lib/glewlwyd")
KEY = b"the signing key of Glewlwyd in benchmarks"
LIFETIME_SECONDS = 30 * 24 * 3600
PERSONS = 100  # few: it looks a person's rights up without an index
ROWS = 8  # per connection: two tokens, three scopes each
TABLES = ("gpo_access_token", "gpo_access_token_scope", "gpo_refresh_token", "gpo_refresh_token_scope")
# Without the first, each introspection reads the whole table of a million tokens' scopes.
LACKING = (
    "CREATE INDEX ON gpo_access_token_scope (gpoa_id)",
    "CREATE INDEX ON gpo_refresh_token_scope (gpor_id)",
    "CREATE INDEX ON gpo_code_scope (gpoc_id)",
    "CREATE INDEX ON gpo_access_token (gpor_id)",
    "CREATE INDEX ON gpo_subject_identifier (gposi_username)",
)
ACCESS = "gpoa_id, gpoa_plugin_name, gpoa_authorization_type, gpor_id, gpoa_username, gpoa_client_id, " + (
    "gpoa_token_hash, gpoa_jti"
)
REFRESH = (
    "gpor_id, gpor_plugin_name, gpor_authorization_type, gpor_username, gpor_client_id, gpor_expires_at, gpor_duration,"
    " gpor_rolling_expiration, gpor_token_hash, gpor_jti"
)
CODE = (
    "gpoc_id, gpoc_plugin_name, gpoc_authorization_type, gpoc_username, gpoc_client_id, gpoc_redirect_uri,"
    " gpoc_code_hash, gpoc_expires_at, gpoc_code_challenge"
)
PARAMETERS = {
    "jwt-type": "sha",  # the cheapest signature it has
    "jwt-key-size": "256",
    "key": KEY.decode(),
    "access-token-duration": LIFETIME_SECONDS,
    "refresh-token-duration": LIFETIME_SECONDS,
    "code-duration": 600,
    "refresh-token-rolling": True,
    "refresh-token-one-use": "always",
    "allow-non-oidc": True,
    "auth-type-code-enabled": True,
    "auth-type-client-enabled": True,
    "auth-type-refresh-enabled": True,
    "pkce-allowed": True,
    "pkce-required": True,
    "introspection-revocation-allowed": True,
    "introspection-revocation-allow-target-client": True,
    "subject-type": "public",
}
CONFIGURATION = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}/"
api_prefix="api"
log_mode="console"
log_level="ERROR"
cookie_secure=0
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
hash_algorithm="SHA512"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
database = {{ type = "postgre"; conninfo = "{connect}"; }};
"""


class Glewlwyd:
    """Obeys benchmarks.peers.base.Server: one process with threads, so measured as one process only."""

    name = "Glewlwyd, PostgreSQL, missing indexes added"

    def __init__(self) -> None:
        self._database: PostgreSQL | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._connections = self._port = 0
        self._codes = 1

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        if shutil.which("glewlwyd") is None or not SCHEMA.exists():
            raise base.Missing("apt-get install glewlwyd (and its documentation, which holds the schema)")
        base.end(self._process)
        if processes > 1:
            raise base.Missing("one process with threads: measured as that")
        if self._database is None:
            self._folder, self._connections, self._port = folder, connections, free_port()
            self._seeded = base.Unused(connections)
            self._database = PostgreSQL(folder, "glewlwyd")
            self._issuer = f"http://127.0.0.1:{self._port}"
            self._seed()
        configuration, log = folder / "glewlwyd.conf", folder / "server.log"
        connect = self._database.parameters()
        configuration.write_text(CONFIGURATION.format(port=self._port, modules=MODULES, connect=connect))
        self._process = base.launch(["glewlwyd", "-c", configuration], log=log, env={}, cwd=folder)
        base.wait_for(lambda: base.answers(f"{self._issuer}/api/"), self._process, log)

    def _seed(self) -> None:
        now, database = int(time.time()), self._database
        database.run("CREATE EXTENSION pgcrypto", gzip.decompress(SCHEMA.read_bytes()).decode())
        database.run(*_world(self._issuer))
        taken = indexes.of_postgresql(database.run, TABLES)
        database.run(*taken.drop)
        progress = Progress("Glewlwyd", ROWS * self._connections)
        numbers = range(1, self._connections + 1)
        database.copy("gpo_refresh_token", REFRESH, map(refresh_token, numbers), progress=progress)
        database.copy("gpo_refresh_token_scope", "gpor_id, gpors_scope", scopes(numbers), progress=progress)
        made = (access_token(number, self._issuer, now) for number in numbers)
        database.copy("gpo_access_token", ACCESS, made, progress=progress)
        database.copy("gpo_access_token_scope", "gpoa_id, gpoas_scope", scopes(numbers), progress=progress)
        progress.close()
        step("indexes")
        database.run("SET maintenance_work_mem = '512MB'", *taken.restore, *LACKING)
        database.run(*(f"SELECT setval('{table}_{column}_seq', {self._connections})" for table, column in COUNTED))
        database.settle()
        self._now = now

    def targets(self, count: int) -> dict[str, Target]:
        url = f"{self._issuer}/api/oidc"
        starts = self._seeded.take()
        numbers = range(self._codes, self._codes + count)
        self._codes += count
        self._database.copy("gpo_code", CODE, map(authorization_code, numbers))
        self._database.copy("gpo_code_scope", "gpoc_id, gpocs_scope", scopes(numbers))
        asked = (signed(number + 1, self._issuer, self._now) for number in base.spread(self._seeded.first - 1))
        values = {"asked": asked, "refreshed": map(refresh_secret, starts), "exchanged": map(code_secret, numbers)}
        files = {name: base.write_values(self._folder / name, lines) for name, lines in values.items()}
        return {
            "introspection": base.introspection(f"{url}/introspect", files["asked"]),
            "refresh": base.refresh(f"{url}/token", files["refreshed"]),
            "code": base.code(f"{url}/token", files["exchanged"]),
        }

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid, self._database.pid)

    def stop(self) -> None:
        base.end(self._process)
        if self._database is not None:
            self._database.stop()

    def versions(self) -> dict[str, str]:
        told = subprocess.run(["glewlwyd", "--version"], capture_output=True, text=True).stdout
        return {"Glewlwyd": told.strip(), "PostgreSQL": self._database.version}


COUNTED = (("gpo_access_token", "gpoa_id"), ("gpo_refresh_token", "gpor_id"))


def _world(issuer: str) -> Iterator[str]:
    """Statements that set the plugin, two clients and the persons up, as its administration pages would."""
    parameters = json.dumps(PARAMETERS | {"iss": issuer})
    yield (
        "INSERT INTO g_plugin_module_instance (gpmi_module, gpmi_name, gpmi_display_name, gpmi_parameters)"
        f" VALUES ('oidc', 'oidc', 'oidc', '{parameters}')"
    )
    public = {"redirect_uri": (base.CALLBACK,), "authorization_type": ("code", "refresh_token")}
    public |= {"token_endpoint_auth_method": ("none",)}
    asker = {"client_secret": (base.ASKER_SECRET,), "authorization_type": ("client_credentials",)}
    asker |= {"token_endpoint_auth_method": ("client_secret_basic",)}
    for row, (client, confidential, properties) in enumerate(
        [(base.CLIENT_ID, 0, public), (base.ASKER_ID, 1, asker)], 1
    ):
        yield (
            "INSERT INTO g_client (gc_id, gc_client_id, gc_name, gc_confidential)"
            f" VALUES ({row}, '{client}', '{client}', {confidential})"
        )
        for name, values in properties.items():
            listed = ", ".join(f"({row}, '{name}', '{value}')" for value in values)
            yield f"INSERT INTO g_client_property (gc_id, gcp_name, gcp_value) VALUES {listed}"
    yield from _persons()


def _persons() -> Iterator[str]:
    persons = f"generate_series(0, {PERSONS - 1}) AS number"
    yield f"INSERT INTO g_user (gu_id, gu_username) SELECT 1000 + number, 'person-' || number FROM {persons}"
    yield (
        "INSERT INTO gpo_subject_identifier (gposi_plugin_name, gposi_username, gposi_sub)"
        f" SELECT 'oidc', 'person-' || number, md5(number::text) FROM {persons}"
    )
    for scope in base.SCOPE.split():
        yield f"INSERT INTO g_scope (gs_name, gs_password_required) VALUES ('{scope}', 0)"
        yield f"INSERT INTO g_user_scope (gus_name) VALUES ('{scope}')"
        yield (
            "INSERT INTO g_user_scope_user (gu_id, gus_id)"
            f" SELECT 1000 + number, gus_id FROM g_user_scope, {persons} WHERE gus_name = '{scope}'"
        )
        yield (
            "INSERT INTO g_client_user_scope (gs_id, gcus_username, gcus_client_id)"
            f" SELECT gs_id, 'person-' || number, '{base.CLIENT_ID}' FROM g_scope, {persons} WHERE gs_name = '{scope}'"
        )


LATER = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(time.time() + LIFETIME_SECONDS))


def access_token(number: int, issuer: str, now: int) -> str:
    """A live access token, as a row of COPY."""
    kept = digest(signed(number, issuer, now))
    return f"{number}\toidc\t0\t{number}\t{person(number)}\t{base.ASKER_ID}\t{kept}\tjti{number}"


def refresh_token(number: int) -> str:
    """A live refresh token, as a row of COPY."""
    kept = digest(refresh_secret(number))
    given = f"{person(number)}\t{base.CLIENT_ID}\t{LATER}\t{LIFETIME_SECONDS}\t1"
    return f"{number}\toidc\t0\t{given}\t{kept}\tjti{number}"


def authorization_code(number: int) -> str:
    """A code, as a row of COPY."""
    given = f"{person(number)}\t{base.CLIENT_ID}\t{base.CALLBACK}\t{digest(code_secret(number))}\t{LATER}"
    return f"{number}\toidc\t1\t{given}\t{{SHA256}}{base.CHALLENGE}"


def scopes(numbers: Iterable[int]) -> Iterator[str]:
    """The scopes of these tokens, as rows of COPY."""
    return (f"{number}\t{scope}" for number in numbers for scope in base.SCOPE.split())


def signed(number: int, issuer: str, now: int) -> str:
    """The access token with this number."""
    claims = {"iss": issuer, "sub": person(number), "client_id": base.ASKER_ID, "jti": f"jti{number}"}
    times = {"iat": now, "nbf": now, "exp": now + LIFETIME_SECONDS}
    claims |= {"type": "access_token", "scope": base.SCOPE}
    text = HEADER + b"." + _base64url(json.dumps(claims | times).encode())
    return (text + b"." + _base64url(hmac.digest(KEY, text, "sha256"))).decode()


def refresh_secret(number: int) -> str:
    return hashlib.sha512(f"refresh token {number}".encode()).hexdigest()  # it takes 128 characters and no others


def code_secret(number: int) -> str:
    return hashlib.md5(f"code {number}".encode()).hexdigest()  # 32


def digest(secret: str) -> str:
    """How it keeps a secret."""
    return "{SHA512}" + base64.b64encode(hashlib.sha512(secret.encode()).digest()).decode()


def person(number: int) -> str:
    return f"person-{number % PERSONS}"


def _base64url(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


HEADER = _base64url(b'{"typ":"at+jwt","alg":"HS256"}')
ALL = (Glewlwyd(),)
