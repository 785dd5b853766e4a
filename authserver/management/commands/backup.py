"""`manage.py backup FILE`: one moment of the database into a file, beside a running server."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from authserver.services import backups


class Command(BaseCommand):
    help = "Write the database into a file, while the server goes on. Encrypt it before it leaves this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file that does not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            size = backups.backup(options["file"])
        except backups.BackupFailed as why:
            raise CommandError(f"{why}.") from why
        self.stdout.write(f"{options['file']}: {size:,} bytes, readable for its owner only.")
