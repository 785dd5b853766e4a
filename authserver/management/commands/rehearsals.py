"""`manage.py rehearsals export`: what clients did about the faults that they met, in the form of the corpus."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from authserver.models import Rehearsal
from authserver.services import corpus

Json = dict[str, Any]


class Command(BaseCommand):
    help = "Write what clients did in rehearsals as files of the corpus, one for each client."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["export"])
        parser.add_argument(
            "--output", type=Path, default=corpus.FOLDER / "rehearsals", help="the folder to write into"
        )
        parser.add_argument("--client", default="", help="only the client of this name, as it calls itself")
        parser.add_argument("--title", default="", help="how to call it instead, with its version; needs --client")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["title"] and not options["client"]:
            raise CommandError("--title is the name of one client: say which with --client.")
        found = measured(options["client"])
        if not found:
            raise CommandError("No client has met a fault here yet, or what it did is not written down yet.")
        options["output"].mkdir(parents=True, exist_ok=True)
        for name, results in found.items():
            path = options["output"] / f"{slugify(options['title'] or name)}.json"
            path.write_text(json.dumps(entry(options["title"] or name, results), indent=2) + "\n")
            self.stdout.write(f"{name}: {len(results)} of {len(Rehearsal.Fault)} faults, {path}")


def measured(name: str = "") -> dict[str, dict[str, tuple[datetime, Json]]]:
    """Return by client and fault when it was met last, and what the client did then."""
    rows = Rehearsal.objects.filter(met_at__isnull=False, detail__has_key="result").order_by("met_at")
    found: dict[str, dict[str, tuple[datetime, Json]]] = {}
    for row in rows:
        client = row.detail["client"]["name"]
        if row.met_at and name in ("", client):
            found.setdefault(client, {})[row.fault] = (row.met_at, row.detail["result"])
    return found


def entry(client: str, results: dict[str, tuple[datetime, Json]]) -> Json:
    """Return one file of the corpus (authserver/corpus/rehearsals/README.md)."""
    return {
        "client": client,
        "source": "Rehearsed on the wire against this server",
        "date": max(at for at, _ in results.values()).date().isoformat(),
        "notes": "",
        "results": {fault: results[fault][1] for fault in Rehearsal.Fault.values if fault in results},
    }
