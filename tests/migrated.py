"""A database with every migration applied, made once for all tiers and copied by each that begins with an empty one.

The migrations themselves take four seconds of CPU, and a run starts some twenty databases.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "TEST_MIGRATED_SQLITE"
NAME = "gatehouse.sqlite3"


def make(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Migrate an empty SQLite in this folder; return the environment variable that says where it is."""
    migrate(f"sqlite:///{folder / NAME}", env | {"DATA_DIR": str(folder)})
    return {VARIABLE: str(folder / NAME)}


def migrate(database_url: str, env: Mapping[str, str] = os.environ) -> None:
    """Apply every migration to the database at this URL."""
    ours = {"DATABASE_URL": database_url, "DEBUG": "1", "DEMO": "0", "DJANGO_SETTINGS_MODULE": "authserver.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env={**env, **ours}, check=True)


def copy_to(path: Path) -> None:
    """Put a copy there, where this run has made one; otherwise whoever comes has an empty place, and migrates."""
    if VARIABLE in os.environ:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.environ[VARIABLE], path)
