"""`manage.py corpus check`: does what real clients publish still say what we know? `corpus matrix`: the table of
docs/clients.md."""

import textwrap
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from authserver import policy
from authserver.models import Rehearsal
from authserver.protocol import client_documents, client_metadata, redirects
from authserver.protocol.client_documents import ClientDocument
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.reactions import Did, Reaction
from authserver.services import corpus, fetcher
from authserver.services.corpus import Entry
from authserver.services.fetcher import Fetched, FetchFailed

PAGE = Path(settings.BASE_DIR) / "docs" / "clients.md"
INTRODUCTION = """# Clients
<!-- Written by `./dev manage corpus matrix`; a test holds it equal to what the server does. -->
What real clients publish and register, and what becomes of it here with default settings. The tests take every row
through registration or its document, consent, exchange and refresh (`tests/corpus/`). The exact words of each, with
their notes, are in `authserver/corpus/`. `./dev manage corpus check`, where there is a network, fetches the documents
again and says what changed. "Refused by" names other servers whose own code, as it comes, was run or read against
the same words in November 2026.
"""
DOCUMENTS = """
## Known by their own document
The client id is the address of a document that describes the client. Where its host refuses us (some refuse data
centers), the copy in this release stands in, for the documents marked so and for their exact addresses.

| client | document | proof | returns to | stays connected | copy | refused by | seen |
|---|---|---|---|---|---|---|---|
"""
REGISTRATIONS = """
## Registered dynamically
| client | proof | returns to | stays connected | refused by | seen |
|---|---|---|---|---|---|
"""
REHEARSED = """
## What they did about faults
Each was taken through the eight faults of a rehearsal on a handle for testing (docs/protocol/rehearsal.md).
Whoever calls tries three times at most; a person presses Allow whenever asked. Times are from the fault to the step
named, on one machine. The files, and what their members mean, are in `authserver/corpus/rehearsals/`.

"""


class Command(BaseCommand):
    help = "Compare the corpus of client documents with what is live, or write the table of clients."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["check", "matrix"])
        parser.add_argument("--output", type=Path, default=PAGE, help="where `matrix` writes")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "matrix":
            options["output"].write_text(matrix())
            return
        lines = [(entry, check(entry)) for entry in corpus.documents()]
        for entry, line in lines:
            self.stdout.write(f"{entry.client}: {line} ({entry.url}, as of {entry.date})")
        changed = [entry.client for entry, line in lines if line.startswith("changed")]
        if changed:
            raise CommandError(f"{len(changed)} changed: {', '.join(changed)}")


def check(entry: Entry) -> str:
    """Return what became of a document: `unchanged`, `changed: …` with the members, or `not reached: …`."""
    answer = fetcher.fetch(entry.url, bytes_max=policy.DOCUMENT_BYTES_MAX)
    if isinstance(answer, FetchFailed) and answer.is_temporary:
        return f"not reached: {answer.reason}"
    now = answer.content() if isinstance(answer, Fetched) else {}
    if not isinstance(now, dict):
        return "changed: it is no document any more"
    members = sorted(name for name in entry.body.keys() | now.keys() if entry.body.get(name) != now.get(name))
    return f"changed: {', '.join(members)}" if members else "unchanged"


# --- The table


def matrix() -> str:
    """Return the page of clients, from the corpus and what the rules make of it."""
    documents = "".join(_document_row(entry) for entry in corpus.documents())
    registrations = "".join(_registration_row(entry) for entry in corpus.registrations())
    return INTRODUCTION + DOCUMENTS + documents + REGISTRATIONS + registrations + _rehearsed()


def _document_row(entry: Entry) -> str:
    read = client_documents.parse(entry.body, url=entry.url)
    if isinstance(read, Refusal):
        raise CommandError(f"{entry.slug}: {read.reason}")
    copy = "yes" if entry.is_pinned else "no"
    return _row(entry.client, f"`{entry.url}`", _proof(read), *_common(read.metadata), copy, *_elsewhere(entry))


def _registration_row(entry: Entry) -> str:
    read = client_metadata.parse(entry.body)
    if isinstance(read, Refusal):
        raise CommandError(f"{entry.slug}: {read.reason}")
    return _row(entry.client, f"`{read.auth_method}`", *_common(read), *_elsewhere(entry))


def _rehearsed() -> str:
    """Return the table of faults and clients, with the notes below it."""
    found = corpus.rehearsed()
    head = _row("fault", *(entry.client for entry in found)) + _row(*["---"] * (len(found) + 1))
    rows = [
        _row(f"`{fault}`", *(_reaction(entry.results.get(fault)) for entry in found))
        for fault in Rehearsal.Fault.values
    ]
    notes = [
        "\n" + textwrap.fill(f"{entry.client} ({entry.date}): {entry.notes}", 120, break_on_hyphens=False) + "\n"
        for entry in found
        if entry.notes
    ]
    return REHEARSED + head + "".join(rows + notes)


def _reaction(stored: dict[str, Any] | None) -> str:
    if stored is None:
        return "not measured"
    found = Reaction.of(stored)
    told = {
        Did.REFRESHED: "refreshed",
        Did.AUTHORIZED: "authorized again",
        Did.WENT_ON: "went on",
        Did.GAVE_UP: "gave up",
    }[found.did]
    after = "" if found.after_ms is None else f" after {found.after_ms / 1000:.2f} s"
    return f"{told}{after}"


def _proof(document: ClientDocument) -> str:
    method = f"`{document.metadata.auth_method}`"
    return f"{method} or `none`" if document.also_public else method


def _common(metadata: ClientMetadata) -> tuple[str, str]:
    places = dict.fromkeys(_place(uri) for uri in metadata.redirect_uris)
    return ", ".join(places), "yes" if metadata.may_refresh else "no"


def _place(uri: str) -> str:
    there = redirects.destination(uri)
    if there.kind == "app":
        return f"the app {there.app_name}"
    return "this computer, any port" if there.kind == "loopback" else there.host


def _elsewhere(entry: Entry) -> tuple[str, str]:
    return entry.refused_by, f"{entry.date}, {entry.source}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
