"""`manage.py ledger`: verify the chain of events, link, seal, export and remove them, and say where it stands."""

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authserver.models import Event
from authserver.services import ledger
from authserver.services.ledger import exporting
from authserver.services.ledger.exporting import Told

REPORT_SECONDS = 2.0


def month_of(text: str) -> date:
    """Return the month that `2026-10` names."""
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise ArgumentTypeError(f"{text} is no month. Write it like 2026-10.") from None


def moment_of(text: str) -> datetime:
    """Return the moment that `2026-10-05` or `2026-10-05T12:00Z` names; without a zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no moment. Write it like 2026-10-05 or 2026-10-05T12:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "The ledger: verify, link, seal, export, remove, status."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        verify = acts.add_parser("verify", help="compute the whole chain again; exit code 1 where something is wrong")
        verify.add_argument("--head", default="", help="a hash noted outside, which has to be in the chain")
        acts.add_parser("link", help="link the events that have no link, wherever they are")
        acts.add_parser("seal", help="seal the months that are finished")
        acts.add_parser("status", help="say where the ledger stands; the head is worth noting outside")
        export = acts.add_parser("export", help="write events as JSON Lines")
        export.add_argument("--month", type=month_of, help="2026-10; a sealed month exactly as its seal covers it")
        export.add_argument("--since", type=moment_of, help="2026-10-05 or 2026-10-05T12:00Z")
        export.add_argument("--until", type=moment_of, help="not included")
        export.add_argument("--handle", default="")
        export.add_argument("--tag", default="", choices=["", *Event.Tag.values], metavar="TAG")
        export.add_argument("--output", type=Path, help="a file that does not exist yet; without it: the terminal")
        remove = acts.add_parser("remove", help="remove a month that is sealed, exported and old enough")
        remove.add_argument("--month", type=month_of, required=True)
        remove.add_argument("--file", type=Path, required=True, help="its export")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['act']}")(options)

    def _verify(self, options: dict[str, Any]) -> None:
        finding = ledger.verify(now=timezone.now(), head=options["head"], progress=self._progress())
        for fault in finding.faults:
            self.stdout.write(self.style.ERROR(f"{fault.sentence[0].upper()}{fault.sentence[1:]}."))
        self.stdout.write(f"{finding.links:,} links verified; {finding.waiting:,} events are not linked yet.")
        self.stdout.write(f"Head: {finding.head.hex()} (link {finding.number})")
        if finding.faults:
            raise CommandError("The ledger is not as it was written.", returncode=1)

    def _link(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{ledger.link(everywhere=True):,} events linked.")

    def _seal(self, options: dict[str, Any]) -> None:
        for seal in ledger.seal(now=timezone.now()):
            self.stdout.write(f"{seal} sealed: {seal.event_count:,} events, head {bytes(seal.hash).hex()}")

    def _status(self, options: dict[str, Any]) -> None:
        now = ledger.status()
        self.stdout.write(f"{now.events:,} events, {now.waiting:,} of them not linked yet")
        self.stdout.write(f"Linked up to {now.linked_until or 'nothing'}, sealed up to {now.sealed_until or 'nothing'}")
        self.stdout.write(f"Last verified: {now.verified_at or 'never'}, {now.verified_number:,} links")
        if now.fault:
            self.stdout.write(self.style.ERROR(f"It found: {now.fault}"))
        self.stdout.write(f"Head: {now.head.hex()} (link {now.number})")

    def _export(self, options: dict[str, Any]) -> None:
        names = ("since", "until", "handle", "tag")
        if options["month"]:
            if any(options[name] for name in names):
                raise CommandError("A month is exported whole: give --month alone.")
            told = exporting.of_month(options["month"])
        else:
            told = exporting.told(exporting.selected(**{name: options[name] for name in names}))
        with self._target(options["output"]) as target:
            count = self._write(told, target)
        self.stderr.write(f"{count:,} events exported.")

    def _write(self, told: Iterable[Told], target: IO[str]) -> int:
        progress, count = self._progress(), 0
        for count, each in enumerate(told, start=1):
            target.write(each.line)
            if count % 10_000 == 0:
                progress(count, 0)
        return count

    @contextmanager
    def _target(self, path: Path | None) -> Iterator[IO[str]]:
        """Yield where to write to. A file is there under its name only once it is whole."""
        if path is None:
            yield sys.stdout
            return
        if path.exists():
            raise CommandError(f"{path} exists already.")
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("w", encoding="ascii", newline="\n") as file:
                yield file
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        part.rename(path)

    def _remove(self, options: dict[str, Any]) -> None:
        try:
            with options["file"].open("rb") as file:
                count = ledger.remove(options["month"], file, now=timezone.now())
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except ledger.NotRemovable as why:
            raise CommandError(str(why)) from why
        self.stdout.write(f"{count:,} events removed. Keep {options['file']}: it is all that is left of them.")

    def _progress(self) -> Any:
        """Return what is told how far it is: a line to the terminal's error output now and then."""
        began = said = time.monotonic()

        def tell(done: int, last: int) -> None:
            nonlocal said
            now = time.monotonic()
            if now - said >= REPORT_SECONDS:
                said = now
                self.stderr.write(f"{done:,}{f' of {last:,}' if last else ''} ({done / (now - began):,.0f} per second)")

        return tell
