"""`manage.py after_restore`: what ended since the backup ends again, before anybody is let in."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authserver.services import backups, ledger, restoring
from authserver.services.batches import Pace

LONG = timedelta(days=7)


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--events", type=Path, nargs="+", default=[], help="ledger exports (JSON Lines) of the time since the backup"
    )
    parser.add_argument(
        "--complete",
        action="store_true",
        help="nothing happened after the last of these events; without it every connection and token ends, too",
    )


class Command(BaseCommand):
    help = "End again what ended since a backup was made. Run it after every restore, before the server starts."

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        restoring.close_doors()
        self.stdout.write("Sessions and codes are ended.")
        fault = self._fault_of_replay(options["events"])
        if fault or not options["complete"]:
            self._end_everything()
        backups.finish()
        if fault:
            raise CommandError(f"{fault} All connections and tokens ended instead.")
        ledger.link(everywhere=True)  # from here on these exports follow no more

    def _fault_of_replay(self, files: list[Path]) -> str:
        """Carry the events out; return what was wrong with them, or nothing."""
        try:
            self._replay(files)
        except restoring.NotReplayable as why:
            return f"{why}. No event was carried out."
        except OSError as error:
            return f"{error.filename} cannot be read."
        except Exception as error:  # whatever it was, nobody knows now what had ended
            return f"An event could not be carried out ({type(error).__name__})."
        return ""

    def _replay(self, files: list[Path]) -> None:
        if not files:
            return
        told = restoring.replay(lambda: _lines(files), now=timezone.now())
        self.stdout.write(f"{told.read:,} events read, the last one of {told.until}; these did something again:")
        for tag, count in sorted(told.done.items()):
            self.stdout.write(f"  {tag}: {count:,}")
        for line in told.look_at:
            self.stdout.write(self.style.WARNING(f"Look at: {line}"))

    def _end_everything(self) -> None:
        closed = restoring.end_everything(now=timezone.now(), pace=Pace(LONG))
        self.stdout.write(f"{closed.connections:,} connections and {closed.tokens:,} tokens ended.")


def _lines(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            yield from file
