"""`./dev test`: no tier is skipped silently, no failure is lost on the way to the exit status."""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest

from tests import tiers
from tests.tiers import Component, Outcome, Tier

ABSENT = Component("A Thing", "a-thing", lambda: None)
PRESENT = Component("A Thing", "a-thing", lambda: "/usr/bin/a-thing")
NOISE = "print('== 1 failed, 2 passed, 3 skipped in 4.56s (0:00:04) =='); print('a thread speaks last')"


@pytest.fixture(params=["0", "1"], ids=["some tiers", "all tiers"])
def all_required(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv("REQUIRE_ALL_TIERS", request.param)
    return request.param == "1"


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


def run(tier: Tier, *extra: str) -> tuple[Outcome, Counter]:
    return tiers.run(tier, extra, dict(os.environ))


def test_a_tier_without_its_component_is_skipped_loudly_or_fails(
    all_required: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome, _ = run(Tier("t", (python("raise SystemExit(9)"),), needs=ABSENT))
    assert outcome.state == ("FAILED" if all_required else "skipped")
    assert "!!! A Thing is not here. To run its tests: apt-get install a-thing" in capsys.readouterr().out


def test_a_tier_that_misses_a_part_says_so_or_fails(all_required: bool, capsys: pytest.CaptureFixture[str]) -> None:
    outcome, _ = run(Tier("t", (python(""),), wants=(ABSENT,)))
    assert outcome.state == ("FAILED" if all_required else "ran")
    assert "without A Thing" in outcome.note
    assert "apt-get install a-thing" in capsys.readouterr().out


def test_a_test_that_needs_an_absent_component_is_skipped_or_fails(all_required: bool) -> None:
    with pytest.raises(pytest.fail.Exception if all_required else pytest.skip.Exception, match="apt-get install a-th"):
        tiers.need(ABSENT)
    tiers.need(PRESENT)


def test_a_tier_without_tests_fails_where_all_are_required_unless_the_caller_chose(all_required: bool) -> None:
    empty = Tier("t", ((*python("raise SystemExit(5)"), "pytest"),))
    assert run(empty)[0].state == ("FAILED" if all_required else "ran")
    assert run(empty, "-k", "something")[0].state == "ran"


def test_a_failing_command_fails_its_tier_and_the_rest_of_it_still_runs(capsys: pytest.CaptureFixture[str]) -> None:
    outcome, _ = run(Tier("t", (python("raise SystemExit(3)"), python("print('second')"))))
    assert outcome.state == "FAILED"
    assert "second" in capsys.readouterr().out


def test_counts_are_read_from_the_closing_line_even_when_others_speak_after_it() -> None:
    outcome, counts = run(Tier("t", ((*python(NOISE), "pytest"),)))
    assert counts == {"failed": 1, "passed": 2, "skipped": 3}
    assert outcome.note == "1 failed, 2 passed, 3 skipped in 4.56s (0:00:04)"


def test_the_report_ends_with_the_sum_and_fails_if_one_tier_did(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Outcome("good", "ran", ""), Outcome("bad", "FAILED", "")
    counts = Counter(passed=7, failed=1)
    assert tiers.report([good], Counter(passed=7), 1.0) == 0
    assert tiers.report([good, bad], counts, 1.0) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "===== 1 failed, 7 passed in 1.00s ====="


def test_every_test_belongs_to_exactly_one_tier() -> None:
    """Whatever markers a test has, one and only one command takes it."""
    commands = [command for tier in tiers.tiers() for command in tier.commands if "pytest" in command]
    expressions = {command[command.index("-m", 2) + 1] for command in commands}
    names = ("browser", "contract", "redis")
    for number in range(2 ** len(names)):
        marks = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        taking = [expression for expression in expressions if eval(expression, {}, marks)]
        assert len(taking) == 1, (marks, taking)


@pytest.mark.parametrize(("tier", "homes"), tiers.HOMES.items())
def test_a_test_where_its_tier_does_not_look_is_noticed(tier: str, homes: tuple[str, ...]) -> None:
    inside = [path / "test_x.py" if (path := tiers.ROOT / home).is_dir() else path for home in homes]
    assert [tiers.misplaced(path, {tier, "covers"}) for path in inside] == [[]] * len(homes)
    assert tiers.misplaced(tiers.ROOT / "tests/flows/test_x.py", {tier, "covers"}) == [tier]
    assert tiers.misplaced(tiers.ROOT / "tests/flows/test_x.py", {"covers"}) == []
    assert all((tiers.ROOT / home).exists() for home in homes)


def test_what_one_database_is_not_asked_the_other_one_is() -> None:
    left_out = [
        {argument for command in tier.commands for argument in command if argument.startswith("--ignore=")}
        for tier in tiers.tiers()
        if tier.name in ("tests on SQLite", "tests on PostgreSQL")
    ]
    folders = set.intersection(*left_out)
    assert folders == {f"--ignore={home}" for home in ("tests/browser", "tests/contract")}  # tiers of their own
    files = {tiers.ROOT / argument.removeprefix("--ignore=") for each in left_out for argument in each}
    assert all(path.exists() for path in files)


def test_without_postgresql_sqlite_is_asked_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "POSTGRESQL", ABSENT)
    commands = [command for tier in tiers.tiers() if tier.name == "tests on SQLite" for command in tier.commands]
    ignored = [argument for command in commands for argument in command if argument.startswith("--ignore=")]
    assert ignored == [argument for argument in tiers.PLAIN if argument.startswith("--ignore=")]
