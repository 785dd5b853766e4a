"""When an answer may be remembered, and when it may be given again: held against a model, in any order of things."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from resourceserver.events.memory import Memory, steady_clock
from resourceserver.events.subjects import EVERYTHING, Subject
from tests.resourceserver.fakes import NOW

ALICE = Subject("c-alice", "p-alice", "acme", "client-1")


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Memory:
    return Memory("rs-main", clock=clock, now=lambda: NOW + clock.seconds - 100)


def remember(memory: Memory, credential: str = "x", *, ticket: Any = "now", **changes: Any) -> None:
    ticket = memory.ticket() if ticket == "now" else ticket
    if ticket is not None:
        facts = {"subject": ALICE, "expires_at": NOW + 600, **changes}
        memory.remember(credential, {"active": True}, ticket=ticket, **facts)


def test_a_fresh_memory_gives_an_answer_again(memory: Memory):
    memory.keep_fresh(102)
    remember(memory)
    assert memory.recall("x") == {"active": True}
    assert memory.recall("y") is None


def test_nothing_is_remembered_before_it_is_fresh(memory: Memory):
    assert memory.ticket() is None
    remember(memory, ticket=0)
    memory.keep_fresh(102)
    assert memory.recall("x") is None


def test_nothing_is_given_once_the_news_are_late_and_none_of_it_after_they_are_in_time_again(
    memory: Memory, clock: Clock
):
    memory.keep_fresh(102)
    remember(memory)
    clock.seconds = 102.01
    assert memory.recall("x") is None
    memory.keep_fresh(104)
    assert memory.recall("x") is None
    assert len(memory) == 0


def test_news_that_keep_coming_in_time_keep_the_answers(memory: Memory, clock: Clock):
    memory.keep_fresh(102)
    remember(memory)
    for moment in range(102, 120, 2):
        clock.seconds = moment
        memory.keep_fresh(moment + 2)
        assert memory.recall("x") is not None


def test_an_answer_lives_half_a_minute(memory: Memory, clock: Clock):
    memory.keep_fresh(10_000)
    remember(memory)
    clock.seconds = 129.9
    assert memory.recall("x") is not None
    clock.seconds = 130
    assert memory.recall("x") is None


def test_an_answer_never_outlives_its_credential(memory: Memory, clock: Clock):
    memory.keep_fresh(10_000)
    remember(memory, expires_at=NOW + 5)
    clock.seconds = 105
    assert memory.recall("x") is None
    remember(memory, "y", expires_at=NOW - 1)
    assert memory.recall("y") is None


def test_an_answer_on_its_way_while_an_event_arrives_is_not_kept(memory: Memory):
    memory.keep_fresh(102)
    ticket = memory.ticket()
    memory.drop(Subject(connection="c-somebody-else"))
    remember(memory, ticket=ticket)
    assert memory.recall("x") is None


def test_an_answer_on_its_way_through_a_gap_is_not_kept(memory: Memory, clock: Clock):
    memory.keep_fresh(102)
    ticket = memory.ticket()
    clock.seconds = 103
    memory.keep_fresh(105)
    remember(memory, ticket=ticket)
    assert memory.recall("x") is None


def test_an_event_drops_those_it_is_about(memory: Memory):
    memory.keep_fresh(102)
    remember(memory)
    remember(memory, "y", subject=Subject("c-bob", "p-bob", "acme", "client-1"))
    assert memory.drop(Subject(person="p-alice")) == 1
    assert memory.recall("x") is None
    assert memory.recall("y") is not None


def test_accounts_do_not_share_answers_and_no_credential_is_kept(memory: Memory, clock: Clock):
    other = Memory("rs-other", clock=clock)
    assert memory._key("x") != other._key("x")
    memory.keep_fresh(102)
    remember(memory, "mcpv1_very-secret")
    assert "mcpv1_very-secret" not in repr(vars(memory._cache))


def test_the_clock_goes_on_and_never_back():
    assert steady_clock() <= steady_clock()


CREDENTIALS = st.sampled_from(["a", "b", "c"])
SUBJECTS = {
    "a": Subject("c-1", "p-1", "acme", "client-1"),
    "b": Subject("c-2", "p-1", "acme", "client-2"),
    "c": Subject("c-3", "p-2", "globex", "client-1"),
}
EVENTS = st.sampled_from(
    [Subject(connection="c-1"), Subject(person="p-1"), Subject(handle="globex"), Subject(client="client-1"), EVERYTHING]
)


class AnyOrder(RuleBasedStateMachine):
    """Questions, answers, events, polls and time in any order. Each answer is the moment at which it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.memory = Memory("rs-main", max_entries=2, clock=self.clock, now=lambda: NOW + self.clock.seconds)
        self.steps = 0
        self.open: list[tuple[str, int, int | None, float]] = []
        self.last_event: dict[str, int] = {}
        self.fresh_until = 0.0
        self.fresh_since = 0

    def step(self) -> int:
        self.steps += 1
        return self.steps

    @rule(credential=CREDENTIALS)
    def ask(self, credential: str) -> None:
        self.open.append((credential, self.step(), self.memory.ticket(), self.clock.seconds))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 100), lives=st.floats(-1, 100))
    def answer(self, which: int, lives: float) -> None:
        credential, asked, ticket, at = self.open.pop(which % len(self.open))
        if ticket is not None:
            expires_at = NOW + self.clock.seconds + lives
            answer = {"asked": asked, "at": at, "expires_at": expires_at}
            self.memory.remember(credential, answer, subject=SUBJECTS[credential], expires_at=expires_at, ticket=ticket)

    @rule(event=EVENTS)
    def hear(self, event: Subject) -> None:
        now = self.step()
        self.memory.drop(event)
        self.last_event |= {name: now for name, subject in SUBJECTS.items() if event.matches(subject)}

    @rule(ago=st.floats(0, 3))
    def complete_poll(self, ago: float) -> None:
        until = self.clock.seconds - ago + 2
        if self.clock.seconds > self.fresh_until:
            self.fresh_since = self.step()
        self.fresh_until = max(self.fresh_until, until)
        self.memory.keep_fresh(until)

    @rule(seconds=st.floats(0.01, 4))
    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @rule()
    def lose(self) -> None:
        self.memory.lose()
        self.fresh_until = 0.0

    @invariant()
    def what_is_given_was_asked_after_everything_that_touches_it(self) -> None:
        for credential in SUBJECTS:
            answer = self.memory.recall(credential)
            if answer is None:
                continue
            assert self.clock.seconds <= self.fresh_until
            assert answer["asked"] > self.last_event.get(credential, 0)
            assert answer["asked"] > self.fresh_since
            assert NOW + self.clock.seconds < answer["expires_at"]

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.memory) <= 2


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
