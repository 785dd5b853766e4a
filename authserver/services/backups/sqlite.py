"""By SQLite's own copying, page by page, which begins again where somebody writes meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection

from authserver.services.backups.faults import BackupFailed


def write(path: Path) -> None:
    with closing(sqlite3.connect(path)) as target:
        _ours().backup(target)
        if target.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise BackupFailed("the database is damaged: manage.py dbshell, PRAGMA integrity_check")
        target.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it


def migrations(path: Path) -> set[tuple[str, str]]:
    """Return the migrations (app, name) that the backup has behind it."""
    try:
        with closing(_opened(path)) as source:
            return set(source.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.DatabaseError as error:
        raise BackupFailed(f"{path} is no backup of an SQLite database") from error


def read(path: Path) -> None:
    try:
        with closing(_opened(path)) as source:
            source.backup(_ours())
    except sqlite3.OperationalError as error:
        raise BackupFailed(f"somebody is using the database ({error})") from error
    connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _ours() -> Any:
    connection.ensure_connection()
    return connection.connection
