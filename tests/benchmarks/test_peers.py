"""The comparison with the peers: medians, goals, options. No server runs here."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.load import Result
from benchmarks.peers import base, bench, report
from benchmarks.peers.goals import NODE, NODE_MEMORY, OURS, OURS_ON_SQLITE, PATHS, Place, Verdict, medians, verdicts

FINE = Result(1000, p50_ms=1, p99_ms=10, answered=4000, wrong=0, cpu_ms_per_1000=50)


def rate(requests_per_second: float, **more: float) -> Result:
    return dataclasses.replace(FINE, requests_per_second=requests_per_second, **more)


def judged(ours: float, theirs: float, path: str = "introspection") -> Verdict:
    found = verdicts({Place(OURS, path, 1): rate(ours), Place(NODE, path, 1): rate(theirs)})
    return next(verdict for verdict in found if "÷" in verdict.what)


def test_the_middle_round_counts() -> None:
    place = Place(OURS, "refresh", 2)
    assert medians((place, rate(found)) for found in (900, 100, 1000))[place].requests_per_second == 900


def test_a_wrong_answer_of_any_round_is_kept() -> None:
    place = Place(NODE, "refresh", 1)
    found = medians([(place, FINE), (place, rate(900, wrong=2, first_wrong="500 oh")), (place, FINE)])[place]
    assert (found.wrong, found.answered, found.first_wrong) == (2, 12000, "500 oh")


def test_a_goal_is_met_at_its_ratio_and_not_below() -> None:
    assert judged(5000, 1000).met is True
    assert judged(4999, 1000).met is False
    assert judged(4999, 1000).reached == "5.00"


def test_there_is_no_victory_over_a_server_that_answered_nothing_right() -> None:
    assert [
        found for found in verdicts({Place(OURS, "code", 1): FINE, Place(NODE, "code", 1): rate(0)}) if found.met
    ] == []


def test_numbers_of_processes_are_not_mixed() -> None:
    assert verdicts({Place(OURS, "code", 1): FINE, Place(NODE, "code", 2): FINE}) == []


def test_sqlite_is_held_against_memory_with_one_process_only() -> None:
    places = [Place(server, "introspection", 2) for server in (OURS_ON_SQLITE, NODE_MEMORY)]
    assert verdicts(dict.fromkeys(places, FINE)) == []


@pytest.mark.parametrize(("ours", "met"), [(9.9, True), (10, False), (11, False)])
def test_our_slowest_hundredth_is_below_every_peers(ours: float, met: bool) -> None:
    measured = {
        Place(OURS, "introspection", 1): rate(1000, p99_ms=ours),
        Place(NODE, "introspection", 1): rate(1000, p99_ms=40),
        Place(NODE_MEMORY, "introspection", 1): rate(1000, p99_ms=10),
    }
    found = [verdict for verdict in verdicts(measured) if "p99" in verdict.what]
    assert [verdict.met for verdict in found] == [met]


def test_the_tables_tell_every_wrong_answer() -> None:
    measured = {Place(NODE, "code", 1): rate(10, wrong=7, first_wrong='400 {"error":\n"x"}')}
    text = report.tables(report.Run(measured, 3, 4.0, 1000, 1000, {}))
    assert '7 of 4,000 answers were wrong, the first: `400 {"error": "x"}`' in text


def test_every_path_has_a_title() -> None:
    assert set(report.TITLES) == set(PATHS)


def test_the_defaults_are_the_whole_comparison() -> None:
    options = bench.parsed([])
    assert (options.connections, options.rounds, options.seconds) == (1_000_000, 3, 4.0)
    assert (options.processes, options.only, options.paths) == ((1, 2), "", PATHS)


@pytest.mark.parametrize(
    "argument",
    ["--paths=introspect", "--paths=", "--processes=0", "--processes=1,x", "--rounds=0", "--connections=999"],
)
def test_options_that_make_no_sense_are_refused(argument: str) -> None:
    with pytest.raises(SystemExit):
        bench.parsed([argument])


@pytest.mark.parametrize(("texts", "found"), [("", True), ("redis", True), ("stock,NODE", True), ("stock", False)])
def test_servers_are_chosen_by_a_part_of_their_name(texts: str, found: bool) -> None:
    assert bench.wanted("node-oidc-provider, Redis", texts) is found


def test_each_turn_begins_with_another() -> None:
    assert [bench.turned("abc", turn) for turn in (0, 1, 3)] == [["a", "b", "c"], ["b", "c", "a"], ["a", "b", "c"]]


def test_a_refresh_token_begins_one_run_only() -> None:
    unused = base.Unused(bench.FEWEST)
    taken = [number for _ in range(base.RUNS) for number in unused.take()]
    assert taken == list(range(unused.first, bench.FEWEST + 1))
    with pytest.raises(RuntimeError):
        unused.take()


def test_introspection_never_asks_for_a_connection_that_is_refreshed() -> None:
    unused = base.Unused(bench.FEWEST)
    assert max(base.spread(unused.first - 1)) + 1 < unused.first
