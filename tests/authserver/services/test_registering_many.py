"""Several registrations in one transaction: an outcome each, as if each had come alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from authserver.models import Client, Event
from authserver.protocol import credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.services import clients, registration
from authserver.services.events import RequestFacts
from authserver.services.registration import Registered, Registrant, registering
from tests.authserver.services.conftest import CONFIDENTIAL, PUBLIC

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Queries = Callable[[int], AbstractContextManager[Any]]


def register_all(*said: ClientMetadata) -> list[Registered]:
    """Register these, each from an address and by a request of its own."""
    facts = [RequestFacts(f"203.0.113.{number}", f"request-{number}") for number in range(len(said))]
    return registration.register_all([Registrant(*each) for each in zip(said, facts, strict=True)], now=NOW)


def may_manage(registered: Registered) -> bool:
    token = registered.registration_token
    return token is not None and clients.of_registration_token(registered.client.client_id, token) is not None


def named(*names: str) -> list[ClientMetadata]:
    return [replace(PUBLIC, name=name) for name in names]


# --- Not what one alone would not get


def test_equals_of_one_transaction_are_one_client_that_none_of_them_may_change() -> None:
    told = register_all(*named("A", "B", "A", "A"))
    assert [each.client.name for each in told] == ["A", "B", "A", "A"]
    assert len({told[number].client.pk for number in (0, 2, 3)}) == 1
    assert [may_manage(each) for each in told] == [False, True, False, False]
    assert not Client.objects.get(name="A").registration_token_digest


def test_who_joins_takes_the_token_of_the_first_away() -> None:
    (first,) = register_all(PUBLIC)
    assert may_manage(first)
    other, again = register_all(*named("Other"), PUBLIC)
    assert again.client == first.client
    assert (may_manage(first), may_manage(again), may_manage(other)) == (False, False, True)


def test_clients_with_secrets_share_nothing_and_each_is_told_its_own() -> None:
    told = register_all(CONFIDENTIAL, CONFIDENTIAL)
    assert told[0].client != told[1].client
    for each in told:
        row = Client.objects.get(client_id=each.client.client_id)
        assert bytes(row.secret_digest) == credentials.digest(each.secret or "")
        assert may_manage(each)


def test_a_blocked_client_is_joined_and_stays_blocked() -> None:
    register_all(PUBLIC)
    Client.objects.update(is_active=False)
    told = register_all(*named("Other"), PUBLIC)
    assert [each.client.is_active for each in told] == [True, False]


def test_a_member_that_lost_the_race_joins_and_the_others_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = register_all(PUBLIC)  # committed by another process after this one looked
    monkeypatch.setattr(registering, "_settled", lambda places: {})
    told = register_all(*named("A"), PUBLIC, *named("B"))
    assert [each.client.name for each in told] == ["A", "ChatGPT", "B"]
    assert told[1].client == first.client
    assert [may_manage(each) for each in (first, *told)] == [False, True, False, True]


def test_a_client_that_was_repaired_while_somebody_was_joining_is_joined_by_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (first,) = register_all(PUBLIC)
    look = registering._taken_over

    def repaired_meanwhile(places: list[registering.Place]) -> dict[registering.Place, Registered]:
        if places:
            Client.objects.filter(pk=first.client.pk).update(registration_key=None)
        return look(places)

    monkeypatch.setattr(registering, "_taken_over", repaired_meanwhile)
    (told,) = register_all(PUBLIC)
    assert told.client != first.client
    assert may_manage(first)
    assert may_manage(told)


# --- Each its own


def test_each_registrant_is_told_its_own_redirect_uris() -> None:
    ports = [replace(PUBLIC, redirect_uris=(f"http://127.0.0.1:{port}/cb",)) for port in (4711, 4712)]
    told = register_all(*ports)
    assert told[0].client == told[1].client
    assert [each.redirect_uris for each in told] == [each.redirect_uris for each in ports]


def test_each_new_client_is_one_event_of_its_own_request() -> None:
    told = register_all(*named("A", "B", "A"), CONFIDENTIAL)
    events = Event.objects.order_by("id").values_list("client_id", "actor_id", "address", "request_id", "detail", "at")
    assert list(events) == [
        (client_id, client_id, f"203.0.113.{number}", f"request-{number}", {"source": "dcr"}, NOW)
        for number, client_id in ((number, told[number].client.client_id) for number in (0, 1, 3))
    ]


def test_what_is_told_is_what_is_kept() -> None:
    told = register_all(PUBLIC, CONFIDENTIAL)
    for each in told:
        row = Client.objects.get(pk=each.client.pk)
        for column in Client._meta.concrete_fields:
            kept, said = getattr(row, column.attname), getattr(each.client, column.attname)
            assert (bytes(kept) if isinstance(kept, memoryview) else kept) == said, column.name


def test_many_cost_as_many_statements_as_one(django_assert_num_queries: Queries) -> None:
    for number, count in enumerate((1, 40)):
        with django_assert_num_queries(5):  # the savepoint of the test, looking, clients, events
            register_all(*named(*(f"{number} {each}" for each in range(count))))
    with django_assert_num_queries(6):  # nobody joined yet: a lock, and the tokens that it takes away
        register_all(*named(*(f"1 {each}" for each in range(40))))
    with django_assert_num_queries(3):
        register_all(*named(*(f"1 {each}" for each in range(40))))
