"""`manage.py ledger`, as an operator types it."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from authserver.models import Event, LedgerSeal
from authserver.services import ledger
from authserver.services.ledger import exporting
from tests.authserver.services.ledger.conftest import Chain, chain, empty, record
from tests.people import App, World
from tests.tampering import laid_bare, run

__all__ = ["chain", "empty"]  # fixtures


def manage(*arguments: object) -> str:
    out = io.StringIO()
    call_command("ledger", *[str(argument) for argument in arguments], stdout=out, stderr=io.StringIO(), no_color=True)
    return out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as why:
        manage(*arguments)
    return str(why.value)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_ledger_as_it_was_written_is_verified(chain: Chain) -> None:
    said = manage("verify")
    assert "17 links verified; 0 events are not linked yet." in said
    assert f"Head: {bytes(chain.link(-1).hash).hex()} (link 17)" in said


def test_a_changed_event_is_named_in_a_sentence_and_the_exit_code_is_1(chain: Chain) -> None:
    event = chain[7]
    with laid_bare():
        run("UPDATE authserver_event SET handle = 'globex' WHERE id = %s", event.pk)
    out = io.StringIO()
    with pytest.raises(CommandError) as why:
        call_command("ledger", "verify", stdout=out, no_color=True)
    assert why.value.returncode == 1
    assert f"Event {event.pk} of 2026-09-05 (connection:revoked) was changed after it was written.\n" in out.getvalue()


def test_a_head_that_was_noted_outside_is_looked_for(chain: Chain) -> None:
    head = bytes(chain.link(3).hash).hex()
    assert "verified" in manage("verify", "--head", head)
    assert refused("verify", "--head", "0" * 64) == "The ledger is not as it was written."
    assert refused("verify", "--head", "x")


def test_events_are_linked_and_the_status_says_so(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    count = Event.objects.count()
    assert f"{count} events, {count} of them not linked yet" in manage("status")
    assert manage("link") == f"{count} events linked.\n"
    said = manage("status")
    assert f"{count} events, 0 of them not linked yet" in said
    assert "Last verified: never" in said
    assert f"(link {count})" in said


def test_the_status_says_what_the_last_verification_found(chain: Chain) -> None:
    with laid_bare():
        run("UPDATE authserver_event SET handle = 'globex' WHERE id = %s", chain[7].pk)
    refused("verify")
    assert f"It found: event {chain[7].pk}" in manage("status")
    assert "sealed up to 2026-09" in manage("status")


def test_a_finished_month_is_sealed(empty: None) -> None:
    record(timezone.now() - timedelta(days=62), 3)
    said = manage("seal")
    seal = LedgerSeal.objects.get()
    assert said == f"{seal} sealed: 3 events, head {bytes(seal.hash).hex()}\n"
    assert manage("seal") == ""


def test_a_month_is_exported_as_anybody_can_check_it(chain: Chain, tmp_path: Path) -> None:
    """With nothing but SHA-256: each hash is that of the hash before it and the bytes of the event in the line."""
    manage("export", "--month", "2026-08", "--output", tmp_path / "august.jsonl")
    digest = bytes(32)
    for number, line in enumerate((tmp_path / "august.jsonl").read_bytes().splitlines(), start=1):
        said = json.loads(line)
        content = line[len(b'{"event":') : line.index(b',"hash":"')]
        digest = sha256(digest + content).digest()
        assert (said["link"], said["hash"]) == (number, digest.hex())
    assert digest == bytes(LedgerSeal.objects.get(month="2026-08-01").hash)
    assert [path.name for path in tmp_path.iterdir()] == ["august.jsonl"]


def test_a_month_that_is_not_sealed_is_exported_by_its_days(chain: Chain, tmp_path: Path) -> None:
    record(timezone.now().replace(year=2026, month=10, day=31, hour=23))
    manage("export", "--month", "2026-10", "--output", tmp_path / "october.jsonl")
    lines = lines_of(tmp_path / "october.jsonl")
    assert {line["event"]["at"][:7] for line in lines} == {"2026-10"}
    assert len(lines) == 7
    assert (lines[-1]["link"], lines[-1]["hash"]) == (None, None)


def test_events_are_exported_by_time_handle_and_tag(chain: Chain, tmp_path: Path) -> None:
    chosen = {
        ("--since", "2026-10-01"): 6,
        ("--since", "2026-09-05", "--until", "2026-09-05T12:00:03"): 3,
        ("--since", "2026-09-05T14:00:00+02:00", "--until", "2026-09-05T12:00:03Z"): 3,
        ("--handle", "acme"): 15,
        ("--handle", "nowhere"): 0,
        ("--tag", "ledger:sealed"): 2,
        ("--since", "2099-01-01"): 0,
        (): 17,
    }
    for number, (options, count) in enumerate(chosen.items()):
        manage("export", *options, "--output", tmp_path / str(number))
        assert len(lines_of(tmp_path / str(number))) == count, options


def test_an_export_goes_to_the_terminal_too(chain: Chain, capfd: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "export", "--month", "2026-08", stderr=io.StringIO())
    assert len(capfd.readouterr().out.splitlines()) == 5


def test_a_file_that_is_there_is_not_written_over(chain: Chain, tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("precious")
    assert "exists already" in refused("export", "--output", target)
    assert target.read_text() == "precious"
    assert "cannot be written" in refused("export", "--output", tmp_path / "nowhere" / "x")


@pytest.mark.parametrize(
    "options",
    [
        ("--month", "2026-13"),
        ("--month", "October"),
        ("--since", "soon"),
        ("--since", "2026-02-31"),
        ("--tag", "nothing:happened"),
        ("--month", "2026-08", "--handle", "acme"),
    ],
)
def test_what_is_no_month_time_or_tag_is_refused(chain: Chain, options: tuple[str, ...]) -> None:
    assert refused("export", *options)


def test_a_month_is_removed_with_its_export(chain: Chain, tmp_path: Path, settings: Any) -> None:
    settings.LEDGER_RETENTION_MONTHS = 1
    file = tmp_path / "august.jsonl"
    manage("export", "--month", "2026-08", "--output", file)
    assert "cannot be read" in refused("remove", "--month", "2026-08", "--file", tmp_path / "nothing")
    assert "not an export" in refused("remove", "--month", "2026-08", "--file", __file__)
    if timezone.now().date().isoformat() >= "2026-10-01":
        assert "5 events removed" in manage("remove", "--month", "2026-08", "--file", file)
        assert ledger.verify(now=timezone.now()).faults == ()


def test_the_memory_of_an_export_does_not_grow_with_it(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads batch by batch: the second is asked for only when the first has been written."""
    monkeypatch.setattr(exporting, "BATCH", 4)
    queries: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        told = exporting.told(exporting.selected())
        for _ in range(4):
            next(told)
        assert len(queries) == 2
        next(told)
        assert len(queries) == 4
    assert all("LIMIT" in sql for sql in queries[::2])
