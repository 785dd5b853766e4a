"""What is noted in memory is written once, forwards only, and waits for nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from authserver import policy
from authserver.models import AccessToken, Connection, RefreshToken
from authserver.services.connections import Issued
from authserver.services.usage import marks
from tests.authserver.services.conftest import NOW
from tests.flows.test_parallel import at_once
from tests.people import App, make_world

SECOND = timedelta(seconds=1)
RESOLUTION = policy.LAST_USED_RESOLUTION


def note(now: datetime = NOW, *, last_used_at: datetime | None = None, used_at: datetime | None = None) -> None:
    row = AccessToken.objects.get()
    marks.note(
        connection_id=row.connection_id,
        digest=bytes(row.digest),
        refresh_token_id=row.refresh_token_id,
        last_used_at=last_used_at,
        used_at=used_at,
        now=now,
    )


def times() -> tuple[datetime | None, datetime | None, datetime | None]:
    return (
        Connection.objects.get().last_used_at,
        AccessToken.objects.get().used_at,
        RefreshToken.objects.get().answer_seen_at,
    )


def test_a_note_is_written_by_the_next_flush_and_not_before(pair: Issued) -> None:
    note()
    assert times() == (None, None, None)
    assert marks.flush() == 3
    assert times() == (NOW, NOW, NOW)
    assert marks.flush() == 0


def test_noting_asks_nothing_of_the_database(pair: Issued) -> None:
    row = AccessToken.objects.get()
    facts: Any = {"connection_id": row.connection_id, "digest": bytes(row.digest), "refresh_token_id": 1}
    with CaptureQueriesContext(connection) as queries:
        marks.note(**facts, last_used_at=None, used_at=None, now=NOW)
        marks.note_personal(token_id=row.connection_id, last_used_at=None, now=NOW)
    assert len(queries) == 0


def test_where_both_times_say_enough_nothing_is_noted(pair: Issued) -> None:
    note(last_used_at=NOW - RESOLUTION, used_at=NOW - RESOLUTION)
    with CaptureQueriesContext(connection) as queries:
        assert marks.flush() == 0
    assert len(queries) == 0


def test_the_first_use_stays_and_the_last_one_moves_on_once_in_five_minutes(pair: Issued) -> None:
    for after in (timedelta(), RESOLUTION, RESOLUTION + SECOND):
        note(NOW + after)
        marks.flush()
    assert times() == (NOW + RESOLUTION + SECOND, NOW, NOW)


def test_the_last_use_never_goes_back(pair: Issued) -> None:
    note(NOW + RESOLUTION * 2)
    marks.flush()
    note(NOW)
    marks.flush()
    assert times()[0] == NOW + RESOLUTION * 2


def test_a_thousand_uses_of_one_credential_are_three_statements(pair: Issued) -> None:
    for number in range(1_000):
        note(NOW + number * timedelta(milliseconds=1))
    with CaptureQueriesContext(connection) as queries:
        marks.flush()
    assert len(queries) == 3
    assert times() == (NOW + timedelta(milliseconds=999), NOW, NOW)


def test_more_than_one_batch_is_written(pair: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "BATCH", 2)
    held = Connection.objects.get()
    tokens = [
        AccessToken(connection=held, digest=bytes([number]) * 32, issued_at=NOW, expires_at=NOW) for number in range(5)
    ]
    for row in AccessToken.objects.bulk_create(tokens):
        marks.note(
            connection_id=held.pk, digest=row.digest, refresh_token_id=None, last_used_at=NOW, used_at=None, now=NOW
        )
    assert marks.flush() == 5
    assert AccessToken.objects.filter(used_at=NOW).count() == 5


@pytest.mark.django_db
def test_what_is_gone_is_passed_over() -> None:
    marks.note(
        connection_id=uuid4(),
        digest=b"x" * 32,
        refresh_token_id=12,
        last_used_at=None,
        used_at=None,
        now=NOW,
    )
    assert marks.flush() == 0


def test_beyond_what_may_be_held_the_next_answer_is_another_chance(
    pair: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MARKS_HELD_MAX", 0)
    note()
    assert marks.flush() == 0
    monkeypatch.undo()
    note()
    assert marks.flush() == 3


def test_what_cannot_be_written_is_kept(pair: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    note()
    monkeypatch.setattr(marks, "_statement", lambda *_: "SELECT nonsense FROM nowhere")
    with pytest.raises(DatabaseError), transaction.atomic():
        marks.flush()
    monkeypatch.undo()
    assert times() == (None, None, None)
    assert marks.flush() == 3


def test_a_killed_process_loses_what_it_noted_and_the_next_answer_brings_it_back(pair: Issued) -> None:
    note()
    marks.forget()  # what kill -9 leaves of it
    assert marks.flush() == 0
    note(NOW + SECOND, last_used_at=Connection.objects.get().last_used_at, used_at=AccessToken.objects.get().used_at)
    marks.flush()
    assert times() == (NOW + SECOND,) * 3


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite locks no rows")
def test_a_locked_row_is_passed_over_and_the_evidence_comes_later(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None
) -> None:
    world, app = make_world(), App.register()
    world.connect(world.alice, app, handle="acme")

    def flush() -> int:
        note()
        return marks.flush()

    with transaction.atomic():
        RefreshToken.objects.select_for_update().get()
        Connection.objects.select_for_update().get()
        assert at_once([flush]) == [0]
    assert times() == (None, None, None)
    assert marks.flush() == 2  # the refresh token's and the credential's; the connection's comes with its next use
    assert times() == (None, NOW, NOW)
