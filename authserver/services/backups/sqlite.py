"""By SQLite's own copying, page by page, which begins again where somebody writes meanwhile."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

from authserver.services.backups.faults import BackupFailed

PATIENCE_SECONDS = 20.0


def write(path: Path) -> None:
    with _told(), closing(sqlite3.connect(path)) as target, closing(_ours()) as source:
        source.backup(target, progress=_patient())
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
    connection.close()
    with _told(), closing(_opened(path)) as source, closing(_ours()) as target:
        if not _is_whole(source, path):
            raise BackupFailed(f"{path} is damaged: use another backup")
        source.backup(target, progress=_patient())


def is_unfinished() -> bool:
    """A file says nothing of what was in its place before."""
    return False


def finish() -> None:
    """Nothing was set aside."""


def _is_whole(source: sqlite3.Connection, path: Path) -> bool:
    """Tell whether a file is as long as it says, and its pages fit together."""
    [pages], [size] = (source.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return path.stat().st_size == pages * size and source.execute("PRAGMA quick_check").fetchone() == ("ok",)


@contextmanager
def _told() -> Iterator[None]:
    """Say what SQLite could not do, as of a full disk: nothing is half done then."""
    try:
        yield
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite: {error}") from error


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _ours() -> sqlite3.Connection:
    """Return a connection of our own, in no transaction."""
    return sqlite3.connect(connection.settings_dict["NAME"])


def _patient() -> Callable[[int, int, int], None]:
    """Return what stops a copying that others do not let through: by itself it would try for ever."""
    end = time.monotonic() + PATIENCE_SECONDS

    def check(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > end:
            raise BackupFailed("somebody is using the database: stop the server and its workers")

    return check
