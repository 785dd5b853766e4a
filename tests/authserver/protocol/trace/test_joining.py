"""The steps of one attempt are found among everybody's, and nobody is shown a step that could be another person's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from authserver.protocol.trace.attempts import Attempt
from authserver.protocol.trace.joining import join
from authserver.protocol.trace.steps import Kind, Step

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=30)
CHATGPT = ("egress", "openai-mcp/1.0.0")
WAY = (
    Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.SERVER_METADATA, Kind.REGISTRATION, Kind.AUTHORIZATION, Kind.SIGN_IN,
    Kind.CONSENT, Kind.ANSWER, Kind.TOKEN, Kind.CALL,
)  # fmt: skip
BROWSER = frozenset({Kind.AUTHORIZATION, Kind.SIGN_IN, Kind.CONSENT, Kind.ANSWER})


@dataclass(frozen=True)
class Story:
    """One real attempt: who, by which program, how far, from second `begin` on with `pace` seconds between steps."""

    number: int
    is_hosted: bool  # the program runs at ChatGPT and shares its address with everybody; else at home
    registers: bool  # else all people share the client's id
    begin: int = 0
    pace: int = 1
    length: int = len(WAY)
    resource: str = "https://gateway.example/mcp"

    def steps(self) -> list[Step]:
        kinds = [kind for kind in WAY if self.registers or kind != Kind.REGISTRATION][: self.length]
        return [self.step(kind, place) for place, kind in enumerate(kinds)]

    def step(self, kind: Kind, place: int) -> Step:
        home = (f"home-{self.number}", "firefox")
        machine = CHATGPT if self.is_hosted else (home[0], "claude-code")
        origin, agent = home if kind in BROWSER else machine
        begun = kind in BROWSER or kind == Kind.TOKEN
        return Step(
            at=NOON + timedelta(seconds=self.begin + place * self.pace),
            kind=kind,
            ok=True,
            request_id=f"{self.number}-{kind.value}",
            flow=f"flow-{self.number}" if begun else "",
            origin=origin,
            agent=agent,
            client_id=self.client_id if begun or kind == Kind.REGISTRATION else "",
            resource=self.resource if kind in (Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.AUTHORIZATION) else "",
            person_id=UUID(int=self.number) if kind in (Kind.CONSENT, Kind.ANSWER) else None,
            connection_id=UUID(int=1000 + self.number) if kind in (Kind.TOKEN, Kind.CALL) else None,
            id=self.number * 100 + place,
        )

    @property
    def client_id(self) -> str:
        return f"client-{self.number}" if self.registers else "https://chatgpt.com/oauth/client.json"


stories = st.lists(
    st.builds(
        Story,
        number=st.just(0),
        is_hosted=st.booleans(),
        registers=st.booleans(),
        begin=st.integers(0, 600),
        pace=st.integers(1, 20),
        length=st.integers(5, len(WAY)),
        resource=st.sampled_from(["https://gateway.example/mcp", "https://acme.mcp.example/mcp"]),
    ),
    min_size=1,
    max_size=6,
).map(lambda found: [replace(story, number=number) for number, story in enumerate(found, 1)])


def joined(steps: Sequence[Step]) -> list[Attempt]:
    return join(steps, window=WINDOW)


def owners(attempt: Attempt) -> set[str]:
    return {step.request_id.partition("-")[0] for step in attempt.steps}


def ids(attempts: list[Attempt]) -> list[list[str]]:
    return [[step.request_id for step in attempt.steps] for attempt in attempts]


@given(stories, st.randoms())
def test_attempts_of_many_people_at_once_are_never_mixed(found: list[Story], chance: Random):
    steps = [step for story in found for step in story.steps()]
    shuffled = chance.sample(steps, len(steps))
    attempts = joined(shuffled)
    asked = [attempt for attempt in attempts if attempt.of(*BROWSER)]
    assert ids(attempts) == ids(joined(steps)), "the order of arrival counts for nothing"
    assert sorted(step.id for attempt in attempts for step in attempt.steps) == sorted(step.id for step in steps)
    assert len(asked) == len(found)
    for attempt in asked:
        assert len(owners(attempt)) == 1
        assert len({step.person_id for step in attempt.steps} - {None}) <= 1
        assert len({step.connection_id for step in attempt.steps} - {None}) <= 1


@given(stories)
def test_people_at_their_own_computers_get_their_whole_attempt(found: list[Story]):
    at_home = [replace(story, is_hosted=False, length=len(WAY)) for story in found]
    attempts = joined([step for story in at_home for step in story.steps()])
    expected = [{step.id for step in story.steps()} for story in at_home]
    assert sorted(map(sorted, expected)) == sorted(sorted(step.id for step in each.steps) for each in attempts)


@given(stories)
def test_one_person_alone_gets_everything_wherever_the_program_runs(found: list[Story]):
    for story in found:
        assert len(joined(story.steps())) == 1


def test_two_people_through_one_shared_client_and_address_keep_only_what_is_surely_theirs():
    one, two = Story(1, is_hosted=True, registers=False), Story(2, is_hosted=True, registers=False, begin=3)
    attempts = joined([*one.steps(), *two.steps()])
    kept = {tuple(step.kind for step in attempt.steps) for attempt in attempts if attempt.person_id}
    assert kept == {WAY[4:]}
    assert all(len(attempt.steps) == 1 for attempt in attempts if not attempt.person_id)


def test_a_client_that_registered_for_this_attempt_keeps_its_registration_beside_others():
    one, two = Story(1, is_hosted=True, registers=True), Story(2, is_hosted=True, registers=True, begin=3)
    attempts = joined([*one.steps(), *two.steps()])
    assert [attempt.steps[0].kind for attempt in attempts if attempt.person_id] == [Kind.REGISTRATION] * 2


def test_a_first_call_is_joined_by_its_address_and_time_where_only_one_can_be_meant():
    story = Story(1, is_hosted=True, registers=False, length=5)  # nobody came back yet: the program is unknown
    (first, second, third, fourth, fifth) = story.steps()
    alone = joined([first, second, fourth])
    assert len(alone) == 1
    assert len(joined([first, replace(fourth, resource="https://acme.mcp.example/mcp")])) == 2
    assert len(joined([first, replace(fourth, at=first.at + WINDOW + timedelta(seconds=1))])) == 2
    del third, fifth


def test_accounts_switched_on_the_way_give_each_person_their_own():
    steps = Story(1, is_hosted=False, registers=True).steps()
    other = replace(steps[6], person_id=UUID(int=77), request_id="other", at=steps[6].at - timedelta(milliseconds=1))
    attempts = joined([*steps, other])
    assert [[step.request_id for step in each.steps] for each in attempts if each.person_id == UUID(int=77)] == [
        ["other"]
    ]
    assert len(attempts) == 2


def test_a_step_with_the_id_of_somebody_elses_request_is_not_joined():
    steps = Story(1, is_hosted=False, registers=True).steps()
    forged = replace(steps[7], flow="", client_id="", person_id=UUID(int=77), id=9)
    assert len(joined([*steps, forged])) == 2


def test_using_a_connection_after_a_pause_is_another_attempt_that_names_the_one_before():
    steps = Story(1, is_hosted=True, registers=True).steps()
    soon = replace(steps[-1], kind=Kind.REFRESH, at=steps[-1].at + WINDOW, request_id="soon")
    late = replace(soon, at=soon.at + WINDOW + timedelta(seconds=1), request_id="late")
    first, second = joined([*steps, soon, late])
    assert (first.steps[-1].request_id, first.after, second.id, second.before) == ("soon", "late", "late", first.id)


def test_starting_over_at_home_gives_two_attempts_each_with_its_own_first_call():
    once = Story(1, is_hosted=False, registers=False, length=5)
    again = [
        replace(step, flow=step.flow and "flow-again", request_id="again-" + step.request_id)
        for step in replace(once, begin=60, length=len(WAY)).steps()
    ]
    first, second = joined([*once.steps(), *again])
    assert [step.kind for step in first.steps] == [step.kind for step in once.steps()]
    assert [step.kind for step in second.steps] == [step.kind for step in again]
    assert (first.after, second.before) == ("", first.id), "what became somebody's is not told to everybody"


def test_neighbours_of_somebody_else_are_not_told():
    mine = Story(1, is_hosted=False, registers=False).steps()
    foreign = [replace(step, flow="f2", person_id=UUID(int=5), connection_id=None) for step in mine if step.flow]
    theirs = [replace(step, at=step.at + timedelta(hours=2), request_id="x" + step.request_id) for step in foreign]
    assert all(not attempt.before and not attempt.after for attempt in joined([*mine, *theirs]))


def test_what_nobody_finished_is_one_run_of_one_program_until_it_begins_anew():
    story = Story(1, is_hosted=False, registers=True, length=4)
    again = [replace(step, request_id="again-" + step.request_id) for step in replace(story, begin=60).steps()]
    apart = [step for step in again if step.client_id == ""]
    attempts = joined([*story.steps(), *apart])
    assert [len(attempt.steps) for attempt in attempts] == [4, 3]
