"""Load: what the script is told, and what its counts mean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load import Target, cpu_seconds, run
from benchmarks.load.generator import described, lua_text, result

COUNTS = {"right": 900, "unexpected": 0, "broken": 0, "seconds": 3.0, "p50_us": 1500, "p99_us": 9000}


def test_only_right_answers_are_requests_per_second() -> None:
    found = result(COUNTS | {"unexpected": 100}, cpu=2.0)
    assert (found.requests_per_second, found.answered, found.wrong) == (300, 1000, 100)
    assert (found.p50_ms, found.p99_ms, found.cpu_ms_per_1000) == (1.5, 9.0, 2000)


def test_broken_connections_and_timeouts_are_wrong() -> None:
    assert result(COUNTS | {"broken": 3}, cpu=1.0).wrong == 3


def test_a_server_that_answers_nothing_is_wrong() -> None:
    found = result(dict.fromkeys(COUNTS, 0), cpu=1.0)
    assert (found.requests_per_second, found.wrong, found.cpu_ms_per_1000) == (0, 1, 0)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://192.0.2.7/oauth/token", "http://127.0.0.1.example.com/"]
)
def test_no_other_machine_is_loaded(url: str) -> None:
    with pytest.raises(ValueError, match="this machine"):
        run(Target(url))


@pytest.mark.parametrize("seconds", [0, -1, 61])
def test_a_run_has_an_end(seconds: float) -> None:
    with pytest.raises(ValueError, match="60 seconds"):
        run(Target("http://127.0.0.1:9/"), seconds=seconds)


def test_a_text_of_any_kind_is_a_literal_that_lua_reads_back() -> None:
    assert lua_text('"\\\n1é') == '"' + r"\034\092\010\049\195\169" + '"'


def test_the_place_of_the_next_value_is_cut_out_of_the_body() -> None:
    told = described(Target("http://127.0.0.1:9/token", "POST", {"A": "b"}, "x={}&y=1", Path("/v"), "once"), 4)
    head = lua_text("POST /token HTTP/1.1\r\nHost: 127.0.0.1:9\r\nA: b\r\n")
    for part in (f"head = {head}", f"before = {lua_text('x=')}", f"after = {lua_text('&y=1')}", "seconds = 4"):
        assert part in told


def test_braces_of_a_body_without_values_stay() -> None:
    assert f"before = {lua_text('{}')}" in described(Target("http://127.0.0.1:9/", "POST", body="{}"), 4)


def test_the_time_of_a_child_that_ended_is_counted() -> None:
    before = cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert cpu_seconds([os.getpid()]) - before > 0.05


def test_a_process_that_is_gone_costs_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert cpu_seconds([ended.pid]) == 0
