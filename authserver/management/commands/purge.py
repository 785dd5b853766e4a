"""`manage.py purge`: remove by hand what the purge on the clock would, telling how far it is."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from authserver.services import purge
from authserver.services.batches import Pace
from authserver.services.standing import sessions

HOUR = 3600


class Command(BaseCommand):
    help = "Remove expired credentials and all else that can no longer matter. Harmless beside a running server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=int, default=HOUR, help="stop after this long (default: an hour)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove until nothing is left or the time is over; a line per table grows as its rows go."""
        removed: Counter[str] = Counter()

        def tell(table: str, count: int) -> None:
            removed[table] += count
            if self.stdout.isatty():
                self.stdout.write(f"\r{table}: {removed[table]:,}", ending="")
                self.stdout.flush()

        pace = Pace(timedelta(seconds=options["seconds"]), tell)
        purge.end_unused(now=timezone.now(), pace=pace)
        purge.purge_expired(now=timezone.now(), pace=pace)
        sessions.forget_listed(now=timezone.now(), pace=pace)
        for table, count in sorted(removed.items()):
            self.stdout.write(f"\r{table}: {count:,} removed")
        self.stdout.write("The time is over; there may be more." if pace.is_over else "Nothing more is left to remove.")
