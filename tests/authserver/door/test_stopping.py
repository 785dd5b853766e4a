"""The server's end, with requests under way; and a worker's, which is not the server's."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests import migrated
from tests.authserver.door import serving
from tests.authserver.door.serving import Gone, Serving

STOP_SECONDS = 5
SLACK_SECONDS = 3  # for a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_under_way_are_answered_and_written_down_when_the_server_is_told_to_stop(
    folder: Path, workers: int
) -> None:
    with serving.running(folder, workers=workers) as server:
        before = introspections(folder)
        idle, half = server.wire().send(server.question()), server.wire()
        assert idle.answer().json()["active"] is True
        half.send(server.question()[:40])
        with server.holding() as asker:
            waiting = server.wire().send(server.question())
            if workers == 1:  # with two, nobody knows which one reads it
                assert server.wire().send(server.request("GET", "/livez")).answer().status == 200
            os.kill(server.process.pid, signal.SIGTERM)
            began = time.monotonic()
            assert idle.is_closed()
            assert half.is_closed()
        assert asker.answer().status == 200
        if workers == 1:
            assert waiting.answer().json()["active"] is True
        assert server.process.wait(STOP_SECONDS + SLACK_SECONDS) in (0, -signal.SIGTERM)
        assert time.monotonic() - began < STOP_SECONDS + SLACK_SECONDS
        assert "Traceback" not in server.log
    assert introspections(folder) - before >= 3 - workers  # with two, nobody knows how many were read


def introspections(folder: Path) -> int:
    """How many answers the database counts: a process writes them every few seconds, and what is left at its end."""
    with contextlib.closing(sqlite3.connect(folder / migrated.NAME)) as database:
        return database.execute("SELECT coalesce(sum(introspections), 0) FROM authserver_connectionuse").fetchone()[0]


def test_a_client_that_does_not_finish_holds_no_stop_up(folder: Path) -> None:
    with serving.running(folder) as server:
        wire = server.wire().send(server.question()[:-5])
        assert server.is_answering()
        os.kill(server.process.pid, signal.SIGTERM)
        assert wire.is_closed()
        assert server.process.wait(STOP_SECONDS + SLACK_SECONDS) in (0, -signal.SIGTERM)


def test_a_worker_that_dies_is_started_again_while_the_other_one_serves(folder: Path) -> None:
    with serving.running(folder, workers=2) as server:
        serving.wait(lambda: len(server.children()) == 2)
        victim, other = server.children()
        assert server.is_answering()
        os.kill(victim, signal.SIGKILL)
        serving.wait(lambda: victim not in server.children() and len(server.children()) == 2, 30)
        assert other in server.children()
        for _ in range(20):
            assert answers(server)


def answers(server: Serving) -> bool:
    """Ask; once more where the connection had reached the one that died."""
    for _ in range(2):
        try:
            return server.is_answering()
        except Gone:
            continue
    return False
