"""The corpus: what real clients publish and register, as seen, each with its source and date.

`authserver/corpus/documents` holds client ID metadata documents, `authserver/corpus/registrations` bodies of dynamic
registration. The tests take each of them through the whole flow; `manage.py corpus` compares them with what is live.
`authserver/corpus/rehearsals` holds what clients did about faults that they met on purpose.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "corpus"
Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One client's word as it was seen. `body` is that word exactly; `redirect_uri` one it was seen to come with, or
    that fits it; `is_pinned` whether the copy may stand in for a document that cannot be fetched; `refused_by` the
    servers whose own code was seen to refuse it, as they come."""

    slug: str
    client: str
    source: str
    date: str
    body: Json
    redirect_uri: str
    is_pinned: bool = False
    notes: str = ""
    refused_by: str = ""

    @property
    def url(self) -> str:
        return self.body.get("client_id", "")


@cache
def documents() -> tuple[Entry, ...]:
    """Return the documents, by name."""
    return _load("documents")


@cache
def registrations() -> tuple[Entry, ...]:
    """Return the registration bodies, by name."""
    return _load("registrations")


@dataclass(frozen=True)
class Rehearsed:
    """What one client did about faults, each result as `protocol.trace.reactions` stores it."""

    client: str
    source: str
    date: str
    results: dict[str, Json]
    notes: str = ""


@cache
def rehearsed() -> tuple[Rehearsed, ...]:
    """Return what clients did, by their names."""
    paths = sorted((FOLDER / "rehearsals").glob("*.json"))
    return tuple(Rehearsed(**json.loads(path.read_text())) for path in paths)


def _load(folder: str) -> tuple[Entry, ...]:
    paths = sorted((FOLDER / folder).glob("*.json"))
    return tuple(Entry(slug=path.stem, **json.loads(path.read_text())) for path in paths)


def pinned(url: str) -> Json | None:
    """Return the copy of the document at exactly this address, or None."""
    return next((entry.body for entry in documents() if entry.is_pinned and entry.url == url), None)
