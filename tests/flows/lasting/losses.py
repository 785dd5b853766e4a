"""A database that is lost and is again as its backup has it, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.db import transaction

from authserver.services import ledger
from authserver.services.ledger import exporting


class Backup:
    """The database as it is now. `folder` takes the exports."""

    def __init__(self, folder: Path) -> None:
        ledger.link(everywhere=True)
        self.folder, self.mark, self.exports = folder, transaction.savepoint(), 0

    def lose(self, act: Callable[[], object] = lambda: None) -> Path:
        """Do something, export the events, and lose it all: as a restore leaves it. Return the export."""
        act()
        ledger.link(everywhere=True)
        path = export(self.folder / f"events-{self.exports}.jsonl")
        self.exports += 1
        transaction.savepoint_rollback(self.mark)
        return path


def export(path: Path) -> Path:
    """Write all events into a file, as they are."""
    path.write_text("".join(told.line for told in exporting.told(exporting.selected())))
    return path


def after_restore(*files: Path, complete: bool = True) -> str:
    out = StringIO()
    call_command("after_restore", events=list(files), complete=complete, stdout=out)
    return out.getvalue()
