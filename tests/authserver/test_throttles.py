"""The limit of registrations, by the address that middleware found. Over HTTP: views/test_register.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.views import APIView

from authserver.services.events import RequestFacts, current_request
from authserver.throttles import Admitted, RegistrationThrottle, admit, telling


@pytest.fixture
def come_from() -> Iterator:
    """Set the address that requests come from."""
    marks = []

    def come(address: str | None) -> None:
        marks.append(current_request.set(RequestFacts(address=address)))

    yield come
    for mark in reversed(marks):
        current_request.reset(mark)


def allowed() -> bool:
    return RegistrationThrottle().allow_request(Request(RequestFactory().post("/oauth/register")), APIView())


def test_beyond_the_limit_nobody_registers(settings, come_from) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 3
    come_from("203.0.113.1")
    assert [allowed() for _ in range(5)] == [True, True, True, False, False]


def test_another_address_is_counted_apart(settings, come_from) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 1
    come_from("203.0.113.1")
    assert [allowed(), allowed()] == [True, False]
    come_from("203.0.113.2")
    assert allowed()


def test_those_whose_address_is_unknown_share_one_count(settings, come_from) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 1
    come_from(None)
    assert [allowed(), allowed()] == [True, False]


def test_after_a_minute_the_count_is_empty_again(settings, come_from, time_machine) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 2
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    come_from("203.0.113.1")
    assert [allowed() for _ in range(3)] == [True, True, False]
    time_machine.shift(59)
    assert not allowed()
    time_machine.shift(1)
    assert allowed()


def test_a_refused_try_does_not_make_the_wait_longer(settings, come_from, time_machine) -> None:
    settings.REGISTRATIONS_PER_MINUTE = 1
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    come_from("203.0.113.1")
    allowed()
    for _ in range(5):
        time_machine.shift(10)
        assert not allowed()
    time_machine.shift(10)
    assert allowed()


def test_of_those_who_come_together_as_many_pass_as_there_is_room_for(time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    assert [admit("x", limit=5, count=3).count for _ in range(3)] == [3, 2, 0]
    time_machine.shift(59)
    assert admit("x", limit=5).wait_seconds == 1
    time_machine.shift(1)
    assert admit("x", limit=5, count=9).count == 5


def test_where_nobody_may_pass_the_wait_is_a_minute(time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    refused = admit("x", limit=0)
    assert (refused.count, refused.wait_seconds) == (0, 60)


def test_what_is_kept_does_not_grow_with_the_limit(time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    for _ in range(90):
        time_machine.shift(1)
        admit("x", limit=10**9, count=1000)
    assert len(cache.get("x")) == 60
    assert admit("x", limit=60_000).count == 0
    time_machine.shift(1)
    assert admit("x", limit=60_000).count == 1


def test_an_answer_says_where_its_caller_stands(time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    told = [admit("x", limit=2).headers("forms") for _ in range(3)]
    assert [each["RateLimit"] for each in told] == ['"forms";r=1;t=60', '"forms";r=0;t=60', '"forms";r=0;t=60']
    assert {each["RateLimit-Policy"] for each in told} == {'"forms";q=2;w=60'}
    assert [each.get("Retry-After") for each in told] == [None, None, "60"]
    time_machine.shift(59.5)
    assert admit("x", limit=2).headers("forms")["Retry-After"] == "1"


def test_several_limits_stand_in_one_list_and_the_longest_wait_counts() -> None:
    long, short = Admitted(0, 50.2, 600, 0), Admitted(0, 3.0, 20, 0)
    answer = telling(HttpResponse(), long.headers("api"), short.headers("api-adding"))
    assert answer["RateLimit-Policy"] == '"api";q=600;w=60, "api-adding";q=20;w=60'
    assert answer["RateLimit"] == '"api";r=0;t=51, "api-adding";r=0;t=3'
    assert answer["Retry-After"] == "51"
