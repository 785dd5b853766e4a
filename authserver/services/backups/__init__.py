"""The database into a file, and back: one moment of it, while the server goes on.

PostgreSQL's own programs for PostgreSQL, SQLite's own copying for SQLite. The file is as secret as the database: it
holds digests of credentials, addresses of people and the second factors, sealed under SECRET_KEY.
"""

import os
from pathlib import Path
from tempfile import mkstemp
from types import ModuleType

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from authserver.services.backups import postgresql, sqlite
from authserver.services.backups.faults import BackupFailed

__all__ = ["BackupFailed", "backup", "finish", "is_unfinished", "restore"]


def backup(path: Path) -> int:
    """Write the database into a file that is not there yet, readable for its owner only; return its bytes. It has its
    name only once it is whole. Raises BackupFailed."""
    if path.exists():
        raise BackupFailed(f"{path} exists already")
    try:
        # A name that nobody knows before: a file or a link that somebody else left there is not written into.
        handle, name = mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
    part = Path(name)
    try:
        _way().write(part)
        os.fsync(handle)
        part.rename(path)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)
    return path.stat().st_size


def restore(path: Path, *, over: bool) -> None:
    """Put a backup into the database, which has to be empty unless it may go `over` what is there. Nobody else may be
    connected. Raises BackupFailed, before anything is touched where the file is not fit."""
    if not path.is_file():
        raise BackupFailed(f"{path} is no file")
    way = _way()
    there = way.migrations(path)
    if not there:
        raise BackupFailed(f"{path} holds no database of this server")
    newer = sorted(f"{app}.{name}" for app, name in there - set(MigrationLoader(None).disk_migrations))
    if newer:
        raise BackupFailed(f"it was made by a newer version of this server, which knows {newer[0]}")
    if connection.introspection.table_names() and not over:
        raise BackupFailed("the database is not empty; --over puts the backup in the place of all that is there")
    way.read(path)


def is_unfinished() -> bool:
    """Tell whether something was restored, and what ended since did not end again yet: nobody may be let in."""
    return bool(_way().is_unfinished())


def finish() -> None:
    """Say that whoever was put out since is out again. Drops what was there before the restore."""
    _way().finish()


def _way() -> ModuleType:
    return {"postgresql": postgresql, "sqlite": sqlite}[connection.vendor]
