"""`manage.py person`: hand out all that is kept about somebody, or erase them."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from authserver.protocol.errors import Refusal
from authserver.services import personal_data
from authserver.services.events import Actor


class Command(BaseCommand):
    help = "Write all that is kept about a person as JSON (export), or erase them (erase)."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        export = acts.add_parser("export", help="write all that is kept about a person")
        export.add_argument("email")
        export.add_argument("--output", type=Path, help="a file that does not exist yet; without it: the terminal")
        erase = acts.add_parser("erase", help="erase a person; says what would end unless --yes is given")
        erase.add_argument("email")
        erase.add_argument("--yes", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email=User.objects.normalize_email(options["email"])).first()
        if person is None:
            raise CommandError("There is no person of this address.")
        {"export": self._export, "erase": self._erase}[options["act"]](person, options)

    def _export(self, person: User, options: dict[str, Any]) -> None:
        pieces = personal_data.export(person, by=None, actor=Actor.SYSTEM, now=timezone.now())
        if options["output"] is None:
            for piece in pieces:
                self.stdout.write(piece, ending="")
            return
        try:
            # Nobody but who runs the command may read it.
            handle = os.open(options["output"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from error
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(pieces)

    def _erase(self, person: User, options: dict[str, Any]) -> None:
        now = timezone.now()
        stake = personal_data.at_stake(person, now=now)
        told = f"{stake.connections} connections, {stake.tokens} tokens and {stake.handles} seats"
        if not options["yes"]:
            self.stdout.write(f"{told} would end. Only owner of: {', '.join(stake.owned) or 'none'}. Go on with --yes.")
            return
        erased = personal_data.erase(person, by=None, actor=Actor.SYSTEM, now=now)
        if isinstance(erased, Refusal):
            names = f" ({', '.join(stake.owned)})" if stake.owned else ""
            raise CommandError(
                f"Refused, {erased.reason}{names}: transfer or remove their handles, or end their rights."
            )
        self.stdout.write(f"Erased. {told} ended.")
