"""The figures for Prometheus: who may read them, and that they are right."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client as Http
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from authserver import policy
from authserver.models import Alarm, AlarmTelling, Connection, Event, Notice, SecurityEvent, ToolCall
from authserver.services import connections, events
from authserver.services.operations import queues
from authserver.telemetry import counts, node
from tests import through_door
from tests.house import ROOT
from tests.people import App, World, make_world
from tests.receivers import Stream

EndReason = Connection.EndReason


def figures() -> dict[str, float]:
    """Every sample, as `name{labels}`."""
    cache.clear()
    answer = Http().get("/metrics")
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


# --- Who may read them


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.7", {}),
        ("10.0.0.5", {}),
        ("", {}),
        ("unix:", {}),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}),
        ("127.0.0.1", {"Via": "1.1 caddy"}),
        ("203.0.113.7", {"Authorization": "Bearer "}),
    ],
)
def test_others_than_programs_of_this_machine_find_nothing(db: None, address: str, headers: dict[str, str]) -> None:
    answer = Http(REMOTE_ADDR=address).get("/metrics", headers=headers)
    assert answer.status_code == 404
    assert b"gatehouse_connections" not in answer.content


@pytest.mark.parametrize("told", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic the token", "the token", "Bearer é"])
def test_where_there_is_a_token_only_its_bearer_reads(db: None, settings: Any, told: str) -> None:
    settings.METRICS_TOKEN = "the token"
    assert Http().get("/metrics", headers={"Authorization": told}).status_code == 404
    assert Http().get("/metrics").status_code == 404  # from this machine, too
    far = Http(REMOTE_ADDR="203.0.113.7")
    assert far.get("/metrics", headers={"Authorization": "Bearer the token"}).status_code == 200


def test_the_bearer_asks_each_node_by_its_own_address_and_nobody_else_does(db: None, settings: Any) -> None:
    node_itself = {"host": "10.0.0.7:8000"}
    assert Http().get("/metrics", headers=node_itself).status_code == 400
    settings.METRICS_TOKEN = "the token"
    assert Http().get("/metrics", headers={**node_itself, "Authorization": "Bearer wrong"}).status_code == 400
    answer = Http().get("/metrics", headers={**node_itself, "Authorization": "Bearer the token"})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")


# --- What they say


def test_an_empty_house_has_every_figure(db: None) -> None:
    found = figures()
    assert found["gatehouse_connections_live"] == 0
    assert found["gatehouse_connections_ended_by_race_total"] == 0
    assert found["gatehouse_revocation_latency_seconds_count"] == 0
    assert {name for name in found if name.startswith("gatehouse_connections_ended_total")} == {
        f"gatehouse_connections_ended_total{{reason={reason}}}" for reason in EndReason.values
    }
    for state in ("waiting", "acknowledged", "abandoned"):
        assert found[f"gatehouse_security_events{{state={state}}}"] == 0


def test_connections_are_counted_live_and_ended_by_reason(world: World) -> None:
    for name in ("One", "Two", "Three"):
        world.connect(world.alice, App.register(name), handle="acme")
    first, second, _ = Connection.objects.all()
    connections.revoke(first, reason=EndReason.PERSON, now=timezone.now())
    connections.revoke(second, reason=EndReason.CLIENT, now=timezone.now())
    found = figures()
    assert found["gatehouse_connections_live"] == 1
    assert found["gatehouse_connections_ended_total{reason=person}"] == 1
    assert found["gatehouse_connections_ended_total{reason=client}"] == 1


def test_the_latency_of_a_revocation_is_that_of_its_slowest_server(world: World, chatgpt: App) -> None:
    streams = [Stream.open(world.asker) for _ in range(2)]
    world.connect(world.alice, chatgpt, handle="acme")
    connections.revoke(Connection.objects.get(), reason=EndReason.PERSON, now=timezone.now())
    found = figures()
    assert found["gatehouse_security_events{state=waiting}"] == 2
    assert found["gatehouse_revocation_latency_seconds_count"] == 0
    for stream, seconds in zip(streams, (0.1, 0.4), strict=True):
        event = SecurityEvent.objects.get(stream=stream.id)
        event.acknowledged_at = event.created_at + timedelta(seconds=seconds)
        event.save()
    found = figures()
    assert found["gatehouse_revocation_latency_seconds{quantile=0.5}"] == 0.4
    assert found["gatehouse_revocation_latency_seconds{quantile=0.99}"] == 0.4
    assert found["gatehouse_revocation_latency_seconds_count"] == 1
    assert found["gatehouse_security_events{state=acknowledged}"] == 2
    SecurityEvent.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert figures()["gatehouse_revocation_latency_seconds_count"] == 0


@pytest.mark.parametrize(
    ("reasons", "by_race"),
    [
        (["address:same", "agent:same"], 1),
        (["address:other", "agent:same"], 0),
        (["address:same", "agent:other"], 0),
        ([], 0),
        (None, 0),
    ],
)
def test_a_theft_from_the_clients_own_place_counts_as_a_race(db: None, reasons: Any, by_race: int) -> None:
    detail = {} if reasons is None else {"reasons": reasons}
    events.record(Event.Tag.REFRESH_REPLAYED, actor=Event.Actor.CLIENT, **detail)
    events.record(Event.Tag.REFRESH_LATE, actor=Event.Actor.CLIENT, reasons=["address:same", "agent:same"])
    found = figures()
    assert found["gatehouse_connections_ended_by_race_total"] == by_race
    assert found["gatehouse_refresh_replays_total{verdict=theft}"] == 1
    assert found["gatehouse_refresh_replays_total{verdict=late}"] == 1


def test_asking_often_costs_the_database_nothing(db: None, django_assert_num_queries: Any) -> None:
    Http().get("/metrics")
    with django_assert_num_queries(0):
        assert Http().get("/metrics").status_code == 200
    cache.clear()
    with django_assert_num_queries(15):
        Http().get("/metrics")


# --- What the processes of a node count, and what waits


def test_requests_refusals_and_refreshes_are_counted_under_labels_that_nobody_can_add_to(
    world: World, chatgpt: App, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    world.asker.ask(held.access)
    Http().get("/handles/acme/members")
    for junk in range(3):
        Http().get(f"/{junk}/mcpv1_{junk}?who=alice@example.com")
        chatgpt.refresh(f"junk {junk}")
    with django_capture_on_commit_callbacks(execute=True):
        chatgpt.refresh(held.refresh)
        chatgpt.refresh(held.refresh)
    counts.refused("invalid_grant", "not a reason: alice@example.com")
    for number in range(policy.FIGURES_PER_FAMILY_MAX + 50):
        counts.UNAVAILABLE.add(f"line:{number}")
    found = figures()
    took = "gatehouse_request_seconds_count{endpoint=%s,server=%s,status=%s}"
    assert found[took % ("/oauth/introspect", "door" if through_door.IS_ON else "django", "2xx")] == 1
    assert found[took % ("/handles/<str:slug>/members", "django", "3xx")] == 1
    assert found[took % ("none", "django", "4xx")] == 3
    assert found["gatehouse_refusals_total{code=invalid_grant,reason=refresh:malformed}"] == 3
    assert found["gatehouse_refusals_total{code=invalid_grant,reason=other}"] == 1
    assert found["gatehouse_refreshes_total{outcome=fresh}"] == found["gatehouse_refreshes_total{outcome=again}"] == 1
    assert found["gatehouse_door_unavailable_total{reason=other}"] == 50
    assert not [name for name in found if "mcpv1_" in name or "@" in name]


def test_what_waits_is_told_by_how_long_the_oldest_waited(db: None) -> None:
    ago = timezone.now() - timedelta(minutes=5)
    queue = "gatehouse_queue_age_seconds{queue=%s}"
    assert {figures()[queue % name] for name in queues.QUEUES} == {0}
    Event.objects.create(tag=Event.Tag.REFRESH_LATE, actor=Event.Actor.CLIENT, at=ago)
    world = make_world()
    stream = Stream.open(world.asker)
    SecurityEvent.objects.create(stream_id=stream.id, claims={}, created_at=ago, next_attempt_at=ago)
    Notice.objects.create(kind="alarms", email="ops@example.com", facts={}, created_at=ago, next_attempt_at=ago)
    alarm = Alarm.objects.create(kind="refusals_grow", subject="code:unknown")
    AlarmTelling.objects.create(alarm=alarm, channel="mail", created_at=ago, next_attempt_at=ago)
    world.connect(world.alice, App.register("One"), handle="acme")
    ToolCall.objects.create(
        connection=Connection.objects.get(), resource_server_id=world.asker.id, tool="x", outcome="allowed", at=ago
    )
    queues.note_purged(7)
    found = figures()
    for name in queues.QUEUES:
        assert 300 <= found[queue % name] < 400, name
    assert found["gatehouse_alarms_open{kind=refusals_grow}"] == 1
    assert found["gatehouse_purged_rows_total"] == 7
    assert found["gatehouse_check_ok{check=database}"] == 1


def test_without_a_database_a_node_still_tells_its_own_figures(db: None, monkeypatch: Any) -> None:
    def gone(now: Any) -> Any:
        raise OperationalError("10.0.0.1 does not answer")

    monkeypatch.setattr(queues, "figures", gone)
    found = figures()
    assert "gatehouse_connections_live" not in found
    assert "gatehouse_check_ok{check=clock}" in found


def test_what_processes_counted_is_added_up_and_outlives_them(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(node.FOLDER, str(tmp_path))
    program = (
        "from authserver.telemetry import counts, node\n"
        "counts.REFRESHES.add('fresh', by=3); counts.REQUESTS.note(('door', '/x', '2xx'), 0.02)\n"
        "counts.waiting['introspection'] = lambda: 5; node.flush()"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=60)
    counts.REFRESHES.add("fresh")
    told = {sample.name: sample for metric in node.metrics() for sample in metric.samples if "/x" in str(sample)}
    assert told["gatehouse_request_seconds_count"].value == 2
    found = [sample for metric in node.metrics() for sample in metric.samples]
    assert {s.value for s in found if s.labels == {"outcome": "fresh"}} == {7}
    assert not [s for s in found if s.labels == {"line": "introspection"} and s.value == 10]  # nobody is inside now
    ours = {f"{kind}_{os.getpid()}.db" for kind in ("counter", "histogram", "gauge_livesum")}
    assert {path.name for path in tmp_path.iterdir()} - ours == {"counter_0.db", "histogram_0.db", "lock"}
    assert node.prepare(tmp_path, {node.FOLDER: "named"}) == {}
    (tmp_path / "file").touch()
    assert Path(node.prepare(tmp_path / "file", {})[node.FOLDER]).is_dir()  # where the place cannot be written
    (tmp_path / "figures-999999999").mkdir()
    made = node.prepare(tmp_path, {})[node.FOLDER]
    assert [str(each) for each in tmp_path.glob("figures-*")] == [made]


def test_a_crash_loop_under_scrapes_leaves_three_files_and_no_figure_goes_back_or_counts_twice(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """Each loop counts one refusal and dies without a word, under an id that may have been another's; two others
    scrape all the time, as several servers of a node do."""
    monkeypatch.setenv(node.FOLDER, str(tmp_path))
    dying = (
        "import os\nfrom authserver.telemetry import counts, node\nfor _ in range(40):\n"
        "    if not (pid := os.fork()):\n"
        "        counts.REFRESHES.add('stale'); node.flush(); os.kill(os.getpid(), 9)\n"
        "    os.waitpid(pid, 0)\n"
        "(node.folder() / 'counter_999999998.db').touch()\n"  # who began and did not write
    )
    with subprocess.Popen([sys.executable, "-c", dying], cwd=ROOT) as loop, ThreadPoolExecutor(2) as scrapers:
        seen = list(scrapers.map(_stale_while, [loop] * 2))
    assert loop.returncode == 0
    assert all(each == sorted(each) for each in seen)
    assert _stale() == 40
    assert len(list(tmp_path.glob("*.db"))) == 5
    # An id that comes again begins anew, beside what it counted before.
    (tmp_path / "counter_0.db").rename(tmp_path / f"counter_{os.getpid()}.db")
    node.close()
    monkeypatch.setattr(node, "_begun", set())
    assert _stale() == 40


def _stale_while(loop: subprocess.Popen[bytes]) -> list[float]:
    seen = []
    while loop.poll() is None:
        seen.append(_stale())
    return seen


def _stale() -> float:
    found = [sample for metric in node.metrics() for sample in metric.samples]
    return sum(s.value for s in found if s.labels == {"outcome": "stale"})
