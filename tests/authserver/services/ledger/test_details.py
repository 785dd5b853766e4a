"""What an event holds comes back from every database as it was; anything else is refused loudly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from authserver.models import Event
from authserver.services import events

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd",
    [uuid4(), NOW, 0.5, b"x", {1, 2}, object(), [uuid4()], {"a": {"b": NOW}}, {1: "x"}],
    ids=lambda odd: type(odd).__name__,
)
def test_what_no_database_gives_back_as_it_was_is_refused(db: None, odd: Any) -> None:
    before = Event.objects.count()
    with pytest.raises(TypeError, match="not so: odd"):
        events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM, odd=odd, even="x")
    assert Event.objects.count() == before


def test_text_numbers_and_mappings_of_them_come_back(db: None) -> None:
    detail = {"text": "ü", "count": 2**60, "yes": True, "none": None, "list": ["a", [1]], "mapping": {"b": {"c": []}}}
    event = events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM, **detail)
    event.refresh_from_db()
    assert event.detail == detail
