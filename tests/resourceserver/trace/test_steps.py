"""Steps that are alike are one row, and no flood makes many."""

from typing import Any

from resourceserver.trace import steps
from resourceserver.trace.steps import Step, StepBook


def step(**changes: Any) -> Step:
    said = {"kind": "challenge", "ok": False, "code": "credential:missing", "resource": "r", "address": "a"}
    return Step(**{"agent": "x", **said, **changes})


def test_what_repeats_is_counted_under_the_id_of_the_first_until_it_is_taken():
    book = StepBook()
    ids = [book.add(step(), f"id-{number}", at=60.0 + number) for number in range(3)]
    assert ids == ["id-0"] * 3
    assert book.add(step(agent="y"), "id-9", at=63.0) == "id-9"
    first, second = book.take(10)
    assert first.members() == {
        "kind": "challenge", "ok": False, "code": "credential:missing", "resource": "r", "address": "a", "agent": "x",
        "request_id": "id-0", "at": 60.0, "count": 3,
    }  # fmt: skip
    assert second.count == 1
    assert book.add(step(), "id-4", at=64.0) == "id-4"


def test_what_could_not_be_told_comes_first_and_counts_what_came_since():
    book = StepBook()
    book.add(step(), "old", at=60.0)
    taken = book.take(10)
    book.add(step(agent="y"), "other", at=61.0)
    book.add(step(), "new", at=62.0)
    book.put_back(taken)
    assert [(row.request_id, row.count) for row in book.take(10)] == [("old", 2), ("other", 1)]


def test_an_address_and_all_together_have_so_many_a_minute():
    book = StepBook()
    most = steps.STEPS_PER_ADDRESS_AND_MINUTE
    told = [book.add(step(agent=str(number)), "id", at=60.0) for number in range(most + 9)]
    assert told.count("id") == most
    told = [book.add(step(address=str(number)), "id", at=60.0) for number in range(steps.STEPS_PER_MINUTE + 9)]
    assert told.count("id") == steps.STEPS_PER_MINUTE - most
    assert book.add(step(agent="later"), "id", at=120.0) == "id"


def test_what_cannot_be_told_for_long_is_held_within_bounds():
    book = StepBook()
    for number in range(steps.MAX_STEPS + 50):
        book.add(step(agent=str(number), address=str(number % 100)), f"{number}", at=number * 1.0)
    assert len(book) == steps.MAX_STEPS
    assert book.take(1)[0].request_id == "50"
