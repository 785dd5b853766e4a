"""By pg_dump and pg_restore, which see one moment of the whole database and find the password in the environment."""

import os
import shutil
import subprocess
from pathlib import Path

from django.db import connection

from authserver.services.backups.faults import BackupFailed

VARIABLES = {"NAME": "PGDATABASE", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "HOST": "PGHOST", "PORT": "PGPORT"}
PLAIN = ("--no-owner", "--no-privileges")  # whoever restores may have another name


def write(path: Path) -> None:
    _run("pg_dump", "--format=custom", *PLAIN, f"--file={path}")


def migrations(path: Path) -> set[tuple[str, str]]:
    """Return the migrations (app, name) that the backup has behind it."""
    text = _run("pg_restore", "--data-only", "--table=django_migrations", "--file=-", str(path))
    rows = text.partition("FROM stdin;\n")[2].partition("\\.")[0].splitlines()
    return {(cells[1], cells[2]) for cells in (row.split("\t") for row in rows) if len(cells) > 2}


def read(path: Path) -> None:
    """Put it in the place of the whole schema, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connection.close()
    name = str(connection.settings_dict["NAME"])
    _run("pg_restore", "--exit-on-error", "--single-transaction", *PLAIN, f"--dbname={name}", str(path))


def _run(program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on the database of the settings; return what it printed."""
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not here (apt-get install postgresql-client)")
    settings = connection.settings_dict
    given = {variable: str(settings[name]) for name, variable in VARIABLES.items() if settings.get(name)}
    if "sslmode" in settings.get("OPTIONS", {}):
        given["PGSSLMODE"] = settings["OPTIONS"]["sslmode"]
    done = subprocess.run([found, *arguments], env=os.environ | given, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BackupFailed(f"{program}: {lines[0]}")
    return done.stdout
