"""Many events by one statement: each as if it had been recorded alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from authserver.models import Event
from authserver.services import events
from authserver.services.events import NO_REQUEST, Entry, RequestFacts
from tests.people import World

pytestmark = pytest.mark.django_db

Tag, Actor = Event.Tag, Event.Actor
NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def entry(**given: Any) -> Entry:
    return Entry(**{"tag": Tag.CLIENT_REGISTERED, "actor": Actor.CLIENT, "facts": NO_REQUEST} | given)


@pytest.mark.parametrize("odd", [uuid4(), 1.5, NOW, {"x": {1}}], ids=["UUID", "float", "time", "set"])
def test_a_detail_that_no_database_gives_back_as_it_was_is_refused(odd: object) -> None:
    with pytest.raises(TypeError, match="not so: odd"):
        events.record_all([entry(), entry(detail={"odd": odd})], at=NOW)
    assert not Event.objects.exists()


def test_what_is_too_long_is_refused_or_kept_whole_and_never_cut_off() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        events.record_all([entry(client_id="x" * 300)], at=NOW)
        assert Event.objects.get().client_id == "x" * 300  # SQLite has no lengths
        raise DatabaseError


def test_nothing_is_written_where_there_is_nothing_to_write(
    django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    with django_assert_num_queries(0):
        events.record_all([], at=NOW)


@pytest.mark.parametrize("address", [None, "203.0.113.7", "2001:db8::7", "::ffff:102:304"])
def test_an_entry_becomes_the_row_that_recording_it_alone_makes(world: World, address: str | None) -> None:
    facts = RequestFacts(address, "the-request")
    detail = {"text": 'ä"{}', "number": 1, "list": ["a", None], "yes": True}
    mark = events.current_request.set(facts)
    try:
        alone = events.record(Tag.PERSON_CHANGED, actor=Actor.PERSON, by=world.alice.user, handle="acme", **detail)
    finally:
        events.current_request.reset(mark)
    by = str(world.alice.user.pk)
    events.record_all(
        [entry(tag=Tag.PERSON_CHANGED, actor=Actor.PERSON, facts=facts, actor_id=by, handle="acme", detail=detail)],
        at=alone.at,
    )
    rows = list(Event.objects.order_by("id").values().filter(id__gte=alone.pk))
    ids = [row.pop("id") for row in rows]
    assert rows[0] == rows[1]
    assert ids[0] < ids[1]


def test_each_entry_has_its_own_request_and_one_statement_writes_them_all(
    django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    ids = [uuid4() for _ in range(64)]
    with django_assert_num_queries(1):
        events.record_all(
            [
                entry(facts=RequestFacts(f"203.0.113.{number}", f"request-{number}"), connection_id=one, person_id=one)
                for number, one in enumerate(ids)
            ],
            at=NOW,
        )
    found = Event.objects.order_by("id").values_list("connection_id", "person_id", "request_id", "address", "at")
    assert list(found) == [
        (one, one, f"request-{number}", f"203.0.113.{number}", NOW) for number, one in enumerate(ids)
    ]
