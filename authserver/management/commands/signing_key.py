"""`manage.py signing_key`: the keys that sign security events and ledger seals."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from authserver.models import SigningKey
from authserver.services.receipts import keys


class Command(BaseCommand):
    help = "List the signing keys, or make the next one before its time. The clock does so every 90 days by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="list the keys that sign, will, or did")
        acts.add_parser("rotate", help="make the next key: published at once, signing an hour later")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "rotate":
            keys.rotate(now=timezone.now())
        for key in SigningKey.objects.all():
            state = f"retired {key.retired_at:%Y-%m-%d %H:%M}" if key.retired_at else "published"
            self.stdout.write(f"{key.kid}  signs from {key.signs_from:%Y-%m-%d %H:%M} UTC  {state}")
