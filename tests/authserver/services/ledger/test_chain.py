"""The bytes of an event are the same whatever it was read from, and differ as soon as anything of it does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from authserver.models import Event
from authserver.services.ledger import chain, reading
from tests.tampering import laid_bare

AT = datetime(2026, 11, 3, 23, 59, 59, 7, tzinfo=UTC)
ROW: dict[str, Any] = {
    "id": 4711,
    "at": AT,
    "tag": "connection:revoked",
    "actor": "person",
    "actor_id": "17",
    "person_id": UUID(int=1),
    "client_id": "https://client.example/ü",
    "handle": "acme",
    "connection_id": UUID(int=2),
    "address": "2001:db8::7",
    "request_id": "",
    "detail": {"b": [1, None, True], "a": {"z": "ü", "y": ""}},
}
BYTES = (
    b'{"actor":"person","actor_id":"17","address":"2001:db8::7","at":"2026-11-03T23:59:59.000007Z",'
    b'"client_id":"https://client.example/\\u00fc","connection_id":"00000000-0000-0000-0000-000000000002",'
    b'"detail":{"a":{"y":"","z":"\\u00fc"},"b":[1,null,true]},"handle":"acme","id":4711,'
    b'"person_id":"00000000-0000-0000-0000-000000000001","request_id":"","tag":"connection:revoked"}'
)

# PostgreSQL's text holds no NUL and no half of a surrogate pair; neither gets that far.
text = some.text(some.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
plain = some.none() | some.booleans() | some.integers(-(2**80), 2**80) | text
details = some.dictionaries(
    text, some.recursive(plain, lambda each: some.lists(each) | some.dictionaries(text, each), max_leaves=8)
)
moments = some.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC))
rows = some.fixed_dictionaries(
    {
        "id": some.integers(1, 2**62),
        "at": moments,
        "tag": some.sampled_from(Event.Tag.values),
        "actor": some.sampled_from(Event.Actor.values),
        "actor_id": text,
        "person_id": some.none() | some.uuids(),
        "client_id": text,
        "handle": text,
        "connection_id": some.none() | some.uuids(),
        "address": some.none() | some.ip_addresses().map(str),
        "request_id": text,
        "detail": details,
    }
)


def test_the_bytes_of_an_event_never_change_from_one_release_to_the_next() -> None:
    """Where this fails, every ledger that was ever written fails with it."""
    assert chain.canonical(ROW) == BYTES
    assert chain.link_hash(chain.GENESIS, BYTES).hex() == sha256(bytes(32) + BYTES).hexdigest()


def test_an_hour_is_the_same_hour_in_every_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-7)))
    assert chain.canonical(ROW | {"at": elsewhere}) == BYTES


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:0DB8::0007", "2001:db8::7"),
        ("::ffff:203.0.113.7", "::ffff:cb00:7107"),
        ("::ffff:203.0.113.7", "0:0:0:0:0:ffff:203.0.113.7"),
    ],
)
def test_an_address_has_one_spelling(one: str, other: str) -> None:
    assert chain.canonical(ROW | {"address": one}) == chain.canonical(ROW | {"address": other})


def test_what_is_no_address_is_kept_as_it_is() -> None:
    assert b'"address":"nowhere"' in chain.canonical(ROW | {"address": "nowhere"})


@given(rows, some.randoms())
def test_the_order_of_names_is_nothing(row: dict[str, Any], chance: Any) -> None:
    names = list(row)
    chance.shuffle(names)
    assert chain.canonical({name: row[name] for name in names}) == chain.canonical(row)


@given(rows, rows)
def test_two_events_have_the_same_bytes_only_where_they_say_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    def told(row: dict[str, Any]) -> str:
        return json.dumps(row, sort_keys=True, default=str)

    assert (chain.canonical(one) == chain.canonical(other)) == (told(one) == told(other))


@given(rows, some.sampled_from([name for name in chain.COLUMNS if name != "at"]), rows)
def test_every_column_counts(row: dict[str, Any], column: str, other: dict[str, Any]) -> None:
    changed = row | {column: other[column]}
    same = json.dumps(changed, sort_keys=True, default=str) == json.dumps(row, sort_keys=True, default=str)
    assert (chain.canonical(changed) == chain.canonical(row)) == same


@given(rows)
def test_a_microsecond_counts(row: dict[str, Any]) -> None:
    assert chain.canonical(row | {"at": row["at"] + timedelta(microseconds=1)}) != chain.canonical(row)


@given(rows)
def test_the_bytes_are_json_of_one_line_that_reads_back(row: dict[str, Any]) -> None:
    content = chain.canonical(row)
    assert b"\n" not in content
    assert chain.encode(json.loads(content)).encode() == content
    assert json.loads(content)["detail"] == row["detail"]


@given(some.binary(min_size=32, max_size=32), some.binary(max_size=50), some.binary(min_size=1, max_size=5))
def test_nothing_moves_between_a_hash_and_the_bytes_behind_it(digest: bytes, content: bytes, more: bytes) -> None:
    assert chain.link_hash(digest, content) != chain.link_hash(digest, content + more)


class TestThroughTheDatabase(TestCase):
    """The suite runs on SQLite and on PostgreSQL: what equals the bytes before storing is the same on both."""

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(rows)
    def test_what_comes_back_from_the_database_has_the_bytes_of_what_went_in(self, row: dict[str, Any]) -> None:
        row["client_id"], row["handle"] = row["client_id"][:20], row["handle"][:20]
        Event.objects.create(**row)
        back = reading.events([row["id"]])[row["id"]]
        assert chain.canonical(back) == chain.canonical(row)
        with laid_bare():
            Event.objects.all().delete()
