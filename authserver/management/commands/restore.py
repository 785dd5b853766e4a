"""`manage.py restore FILE`: a backup into the database, and the end of all that ended since."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from authserver.management.commands import after_restore
from authserver.services import backups


class Command(BaseCommand):
    help = "Put a backup into the database. Stop every server and worker first; start them when this is done."
    requires_system_checks: list[str] = []  # some of them look into the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--over", action="store_true", help="in the place of all that is in the database")
        after_restore.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backups.restore(options["file"], over=options["over"])
        except backups.BackupFailed as why:
            raise CommandError(f"{why}.") from why
        self.stdout.write(f"{options['file']} is restored.")
        call_command("migrate", verbosity=0)
        given = {"events": options["events"], "complete": options["complete"]}
        call_command("after_restore", stdout=self.stdout, stderr=self.stderr, **given)
