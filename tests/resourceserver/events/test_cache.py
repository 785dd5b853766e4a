"""The remembered answers: bounded, found by what they are about, and nothing is left behind in an index."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resourceserver.events.cache import Cache, Entry
from resourceserver.events.subjects import EVERYTHING, Subject

FOREVER = float("inf")


def subject(number: int) -> Subject:
    return Subject(f"c-{number}", f"p-{number % 7}", f"h-{number % 3}", f"a-{number % 2}")


def filled(count: int, **options: int) -> Cache:
    cache = Cache(**options)
    for number in range(count):
        cache.put(f"{number}".encode(), Entry({"number": number}, subject(number), FOREVER), now=0)
    return cache


def held(cache: Cache) -> set[int]:
    return {answer["number"] for number in range(1000) if (answer := cache.get(f"{number}".encode(), now=0))}


@pytest.mark.parametrize(
    ("about", "gone"),
    [
        (Subject(connection="c-5"), {5}),
        (Subject(person="p-5"), {5, 12, 19}),
        (Subject(person="p-5", handle="h-2"), {5}),
        (Subject(handle="h-0", client="a-1"), {3, 9, 15}),
        (Subject(connection="c-5", person="p-4"), set()),
        (Subject(client="unknown"), set()),
        (EVERYTHING, set(range(20))),
    ],
)
def test_an_event_drops_what_it_is_about_and_nothing_else(about: Subject, gone: set[int]):
    cache = filled(20)
    assert cache.drop(about) == len(gone)
    assert held(cache) == set(range(20)) - gone


def test_the_first_stored_gives_way_when_it_is_full():
    cache = filled(25, max_entries=10)
    assert len(cache) == 10
    assert held(cache) == set(range(15, 25))


def test_an_answer_is_over_when_its_time_is():
    cache = Cache()
    cache.put(b"a", Entry({}, subject(1), 10), now=0)
    assert cache.get(b"a", now=9.9) is not None
    assert cache.get(b"a", now=10) is None
    assert len(cache) == 0


def test_answers_that_are_over_go_with_the_next_that_comes():
    cache = Cache()
    for number in range(5):
        cache.put(f"{number}".encode(), Entry({}, subject(number), 10), now=0)
    cache.put(b"new", Entry({}, subject(9), 100), now=50)
    assert len(cache) == 1


def test_a_newer_answer_takes_the_place_of_the_older_and_of_whom_it_was_about():
    cache = Cache()
    cache.put(b"a", Entry({"number": 1}, subject(1), FOREVER), now=0)
    cache.put(b"a", Entry({"number": 2}, subject(2), FOREVER), now=0)
    assert cache.drop(Subject(connection="c-1")) == 0
    assert cache.drop(Subject(connection="c-2")) == 1


@given(st.lists(st.tuples(st.sampled_from("pdg"), st.integers(0, 12), st.integers(0, 30)), max_size=60))
def test_whatever_is_done_the_indexes_name_exactly_what_is_held(steps: list[tuple[str, int, int]]):
    cache, now = Cache(max_entries=8), 0.0
    for step, number, later in steps:
        now += later / 10
        if step == "p":
            cache.put(f"{number}".encode(), Entry({}, subject(number), now + later), now=now)
        elif step == "d":
            cache.drop(Subject(person=f"p-{number % 7}"))
        else:
            cache.get(f"{number}".encode(), now=now)
    named = {key for keys in cache._index.values() for key in keys}
    assert named == set(cache._entries)
    assert len(cache) <= 8
    assert all(cache._index.values())


def test_dropping_one_connection_takes_no_longer_in_a_full_cache():
    """In statements of work rather than seconds: only the named answers are looked at."""
    cache = filled(20_000)
    begun = time.process_time()
    for number in range(2000):
        assert cache.drop(Subject(connection=f"c-{number}", client=f"a-{number % 2}")) == 1
    assert time.process_time() - begun < 1
