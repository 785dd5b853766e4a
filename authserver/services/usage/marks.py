"""That a credential was answered: kept in memory for a moment, then written for all that were, a statement per table.

Introspection is the hot path and writes nothing itself. What is noted here is lost where the process is killed within
policy.MARKS_FLUSH, and noted again with the next answer about the same credential.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import models

from authserver import policy
from authserver.models import AccessToken, Connection, PersonalAccessToken, RefreshToken
from authserver.services import statements
from authserver.services.statements import Statement

BATCH = 500
Marks = Mapping[Any, datetime]


@dataclass(frozen=True)
class _Kind:
    """A column that takes marks, and the key that its row is found by; `again`: an older mark gives way to a new one.
    Otherwise the first one stays."""

    model: type[models.Model]
    key: str
    column: str
    again: bool


LAST_USE = _Kind(Connection, "id", "last_used_at", again=True)
PERSONAL_USE = _Kind(PersonalAccessToken, "id", "last_used_at", again=True)
ANSWER_SEEN = _Kind(RefreshToken, "id", "answer_seen_at", again=False)
FIRST_USE = _Kind(AccessToken, "digest", "used_at", again=False)


@dataclass
class _Noted:
    """What was noted and not written yet. A credential brings along the refresh token that came with it."""

    connections: dict[UUID, datetime] = field(default_factory=dict)
    personal_tokens: dict[UUID, datetime] = field(default_factory=dict)
    credentials: dict[bytes, tuple[int | None, datetime]] = field(default_factory=dict)


_lock = Lock()  # taken only where there is something to note
_noted = _Noted()


def note(
    *,
    connection_id: UUID | str,
    digest: bytes,
    refresh_token_id: int | None,
    last_used_at: datetime | None,
    used_at: datetime | None,
    now: datetime,
) -> None:
    """Take in that the credential of this digest was answered now. `last_used_at` of its connection and `used_at` of
    itself are as the answer's own statement read them: where both say enough, nothing is done.

    Beyond policy.MARKS_HELD_MAX nothing is taken in: the next answer about the same credential is another chance.
    """
    is_stale = last_used_at is None or now - last_used_at > policy.LAST_USED_RESOLUTION
    if used_at is not None and not is_stale:
        return
    with _lock:
        if used_at is None and len(_noted.credentials) < policy.MARKS_HELD_MAX:
            _noted.credentials.setdefault(digest, (refresh_token_id, now))
        if is_stale and len(_noted.connections) < policy.MARKS_HELD_MAX:
            _noted.connections[UUID(str(connection_id))] = now


def note_personal(*, token_id: UUID, last_used_at: datetime | None, now: datetime) -> None:
    """Take in that a personal access token was used now, as `note` does."""
    if last_used_at is not None and now - last_used_at <= policy.LAST_USED_RESOLUTION:
        return
    with _lock:
        if len(_noted.personal_tokens) < policy.MARKS_HELD_MAX:
            _noted.personal_tokens[token_id] = now


def flush() -> int:
    """Write what this process noted since the last time; return how many rows took a mark.

    Nobody is waited for: a row that is locked is passed over. Of a refresh token, whose mark is evidence, it is kept
    for the next time; so is everything where it cannot be written, and the database's error is raised.
    """
    taken = _take()
    left = taken
    try:
        written, left = _write(taken)
    finally:
        _keep(left)
    return written


def forget() -> None:
    """Drop what was noted: for tests, of which none may write what another one noted."""
    _take()


def _take() -> _Noted:
    global _noted
    with _lock:
        taken, _noted = _noted, _Noted()
    return taken


def _keep(left: _Noted) -> None:
    """Put back what was not written, ahead of what was noted meanwhile."""
    with _lock:
        for name, kept in vars(left).items():
            newer = getattr(_noted, name)
            setattr(_noted, name, dict(islice((kept | newer).items(), policy.MARKS_HELD_MAX)))


def _write(taken: _Noted) -> tuple[int, _Noted]:
    """Write all of it; return how many rows took a mark, and what is left.

    The evidence first: a credential that says it was seen is not noted again, whatever became of its refresh token.
    """
    answers = {token: at for token, at in taken.credentials.values() if token is not None}
    written = _mark(ANSWER_SEEN, answers)
    locked = _still_unseen(answers) if written < len(answers) else set()
    seen = {digest: at for digest, (token, at) in taken.credentials.items() if token not in locked}
    written += _mark(FIRST_USE, seen)
    written += _mark(LAST_USE, taken.connections) + _mark(PERSONAL_USE, taken.personal_tokens)
    left = {digest: noted for digest, noted in taken.credentials.items() if digest not in seen}
    return written, _Noted(credentials=left)


def _still_unseen(answers: Iterable[int]) -> set[int]:
    rows = RefreshToken.objects.filter(answer_seen_at=None)
    entries = iter(answers)
    left: set[int] = set()
    while batch := list(islice(entries, BATCH)):
        left.update(rows.filter(pk__in=batch).values_list("pk", flat=True))
    return left


def _mark(kind: _Kind, marks: Marks) -> int:
    """Write these marks, each batch in a transaction of its own; return how many rows took one."""
    fields: list[Any] = [kind.model._meta.get_field(name) for name in (kind.key, kind.column)]
    entries = iter(sorted(marks.items()))
    written = 0
    while batch := list(islice(entries, BATCH)):
        news = statements.table(fields, batch)
        stale = fields[1].get_db_prep_save(batch[0][1] - policy.LAST_USED_RESOLUTION, database)
        text = _statement(kind, news.text)
        written += len(statements.fetch(Statement(text, [*news.parameters, *([stale] if kind.again else [])])))
    return written


def _statement(kind: _Kind, news: str) -> str:
    """Return the statement that marks the rows of this table of keys and times. It locks before it changes, and passes
    over what is locked: so it neither waits for a refresh or a revocation, nor can two of them wait for each other."""
    table, key, column = kind.model._meta.db_table, kind.key, kind.column
    due = f"(t.{column} IS NULL{f' OR t.{column} < %s' if kind.again else ''})"
    lock = "FOR NO KEY UPDATE OF t SKIP LOCKED" if database.features.has_select_for_update_skip_locked else ""
    return f"""
        WITH news (name, at) AS ({news}),
             due AS (SELECT t.{key} AS name FROM {table} t JOIN news ON t.{key} = news.name WHERE {due} {lock})
        UPDATE {table} AS t SET {column} = news.at
          FROM news JOIN due ON due.name = news.name
         WHERE t.{key} = news.name
        RETURNING 1"""  # noqa: S608  (names of our own models)
