"""By pg_dump and pg_restore, which see one moment of the whole database and find the password in the environment."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections, transaction

from authserver.services.backups.faults import BackupFailed

VARIABLES = {"NAME": "PGDATABASE", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "HOST": "PGHOST", "PORT": "PGPORT"}
OPTIONS = {
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE", "service": "PGSERVICE", "krbsrvname": "PGKRBSRVNAME",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}  # fmt: skip
KEYWORDS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
       AND backend_type = 'client backend'"""
PATIENCE_SECONDS = 3.0
ASIDE = "before_restore"  # the schema in which what was there waits until all of the backup is in
PLAIN = ("--no-owner", "--no-privileges")  # whoever restores may have another name


def write(path: Path) -> None:
    _run("pg_dump", "--format=custom", *PLAIN, f"--file={path}")


def migrations(path: Path) -> set[tuple[str, str]]:
    """Return the migrations (app, name) that the backup has behind it."""
    text = _run("pg_restore", "--data-only", "--table=django_migrations", "--file=-", str(path))
    rows = text.partition("FROM stdin;\n")[2].partition("\\.")[0].splitlines()
    return {(cells[1], cells[2]) for cells in (row.split("\t") for row in rows) if len(cells) > 2}


def read(path: Path) -> None:
    """Put it in the place of the whole schema, in one transaction. Where that fails, all is as it was before. What was
    there stays aside until `finish`, and says that nobody may be let in yet."""
    _insist_on_being_alone()
    _step_aside()
    connection.close()
    try:
        _run(
            "pg_restore",
            "--exit-on-error",
            "--single-transaction",
            *PLAIN,
            f"--dbname={_database()['NAME']}",
            str(path),
        )
    except BaseException:
        _do("DROP SCHEMA public CASCADE", f"ALTER SCHEMA {ASIDE} RENAME TO public")
        raise


def is_unfinished() -> bool:
    """Tell whether something was restored, and what ended since did not end again yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [ASIDE])
        return cursor.fetchone() is not None


def finish() -> None:
    """Drop what was there before the restore."""
    _do(f"DROP SCHEMA IF EXISTS {ASIDE} CASCADE")


def _insist_on_being_alone() -> None:
    """A server that goes on would let in, by what is restored, whoever was put out since. What it connects as is told
    apart from others, such as who only watches. Our own pool goes first; its end shows a little later."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
    database, until = _database(), time.monotonic() + PATIENCE_SECONDS
    given = {keyword: database[name] for name, keyword in KEYWORDS.items() if database.get(name)}
    options = {name: value for name, value in database.get("OPTIONS", {}).items() if name in OPTIONS}
    with psycopg.connect(**given, **options, autocommit=True) as alone:
        while alone.execute(OTHERS).fetchone() != (0,):
            if time.monotonic() > until:
                raise BackupFailed("somebody is connected: stop every server, worker, scheduler and pooler")
            time.sleep(0.1)


def _step_aside() -> None:
    if is_unfinished():
        raise BackupFailed(
            f"a restore was interrupted, and what was there before it is in the schema {ASIDE}: end it by "
            "`manage.py after_restore`, or drop the schema public and rename that one to public"
        )
    _do(f"ALTER SCHEMA public RENAME TO {ASIDE}", "CREATE SCHEMA public")


@transaction.atomic
def _do(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _database() -> dict[str, Any]:
    """Return the settings of the database itself: what pg_dump sets for its session would stay behind in a connection
    of a pooler, for the next one who gets it."""
    return connections.settings["default"] | settings.DOOR_DATABASE


def _run(program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on the database of the settings; return what it printed."""
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not here (apt-get install postgresql-client)")
    done = subprocess.run([found, *arguments], env=os.environ | environment(), capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BackupFailed(f"{program}: {lines[0]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return what tells PostgreSQL's programs where the database is and who asks: no command line shows it."""
    database = _database()
    given = {variable: str(database[name]) for name, variable in VARIABLES.items() if database.get(name)}
    options = database.get("OPTIONS", {})
    return given | {variable: str(options[name]) for name, variable in OPTIONS.items() if name in options}
