"""Mail that is owed: sent once, tried again, never waited for."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction

from authserver import policy
from authserver.models import Notice
from authserver.services import connections, notices, purge
from authserver.services.connections import EndReason
from authserver.services.notices import delivery
from tests.authserver.services.conftest import NOW
from tests.authserver.services.notices import mail_sink
from tests.authserver.services.notices.conftest import Kind, Owing
from tests.people import World, make_world

DJANGO = "django.core.mail.backends"


def by_smtp(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = f"{DJANGO}.smtp.EmailBackend", "127.0.0.1", port


def closed_port() -> int:
    with mail_sink.running() as sink:
        return sink.server_address[1]


def test_what_was_sent_is_not_sent_again(owed: Owing) -> None:
    owed()
    assert notices.send_due(now=NOW) == 1
    assert notices.send_due(now=NOW + timedelta(days=1)) == 0
    assert len(mail.outbox) == 1


def test_what_is_not_due_waits(owed: Owing) -> None:
    owed()
    assert notices.send_due(now=NOW - timedelta(seconds=1)) == 0


def test_an_act_that_is_rolled_back_owes_no_mail(owed: Owing) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        owed()
        raise RuntimeError
    assert notices.send_due(now=NOW) == 0


def test_a_mail_server_that_is_away_is_tried_again_later(owed: Owing, settings: Any) -> None:
    by_smtp(settings, closed_port())
    notice = owed()
    assert notices.send_due(now=NOW) == 0
    cache.clear()
    soon = NOW + policy.NOTICE_RETRY
    assert notices.send_due(now=soon) == 0
    notice.refresh_from_db()
    assert (notice.attempts, notice.sent_at) == (1, None)
    with mail_sink.running() as sink:
        by_smtp(settings, sink.server_address[1])
        assert notices.send_due(now=NOW + 2 * policy.NOTICE_RETRY) == 1
        assert len(sink.messages) == 1


def test_while_it_is_away_nobody_else_waits_for_it(owed: Owing, settings: Any) -> None:
    by_smtp(settings, closed_port())
    notice, other = owed(), owed()
    notices.send_due(now=NOW)
    notices.send_due(now=NOW)
    notice.refresh_from_db()
    other.refresh_from_db()
    assert (notice.attempts, other.attempts) == (1, 0)


def test_a_silent_mail_server_costs_its_timeout_once(owed: Owing, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    owed()
    owed()
    with mail_sink.running(is_silent=True) as sink:
        by_smtp(settings, sink.server_address[1])
        assert notices.send_due(now=NOW) == 0
        assert notices.send_due(now=NOW) == 0
        assert sink.callers == 1


def test_an_address_that_is_refused_keeps_nobody_elses_mail(owed: Owing, settings: Any) -> None:
    owed()
    owed()
    with mail_sink.running(refuses="550 no such mailbox") as sink:
        by_smtp(settings, sink.server_address[1])
        assert notices.send_due(now=NOW) == 0
    assert list(Notice.objects.values_list("attempts", flat=True)) == [1, 1]
    assert cache.get(delivery.AWAY) is None


def test_an_address_that_no_header_can_hold_is_given_up_in_the_end(owed: Owing, world: World) -> None:
    owed()
    type(world.alice.user).objects.filter(pk=world.alice.user.pk).update(email="alice@example.com\r\nBcc: x@x.example")
    now = NOW
    for _ in range(policy.NOTICE_ATTEMPTS_MAX + 2):
        assert notices.send_due(now=now) == 0
        now += timedelta(days=1)
    assert Notice.objects.get().attempts == policy.NOTICE_ATTEMPTS_MAX
    assert mail.outbox == []


def test_no_address_gets_into_the_log(owed: Owing, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    owed()
    with mail_sink.running(refuses="550 alice@example.com is unknown") as sink:
        by_smtp(settings, sink.server_address[1])
        notices.send_due(now=NOW)
    assert "SMTPRecipientsRefused" in caplog.text
    assert "alice" not in caplog.text


def test_every_wait_is_longer_than_the_one_before(owed: Owing, settings: Any) -> None:
    by_smtp(settings, closed_port())
    notice = owed()
    waits = []
    now = NOW
    for _ in range(4):
        cache.clear()
        notices.send_due(now=now)
        notice.refresh_from_db()
        waits.append((notice.next_attempt_at - now).total_seconds())
        now = notice.next_attempt_at
    assert waits == [60, 120, 240, 480]


def test_over_smtp_both_halves_arrive(owed: Owing, settings: Any) -> None:
    owed(Kind.CONNECTION_WIDENED, scopes=["links.write"])
    with mail_sink.running() as sink:
        by_smtp(settings, sink.server_address[1])
        assert notices.send_due(now=NOW) == 1
        (message,) = sink.messages
    assert message["Subject"] == "Gatehouse: An app may do more at @acme"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "- Create and edit links" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_into_a_folder(owed: Owing, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = f"{DJANGO}.filebased.EmailBackend", str(tmp_path / "mail")
    owed()
    assert notices.send_due(now=NOW) == 1
    (written,) = (tmp_path / "mail").iterdir()
    assert message_from_bytes(written.read_bytes())["To"] == "alice@example.com"


def test_onto_the_terminal(owed: Owing, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.EMAIL_BACKEND = f"{DJANGO}.console.EmailBackend"
    owed()
    assert notices.send_due(now=NOW) == 1
    assert "Hello Alice," in capsys.readouterr().out


def test_old_notices_go_sent_or_given_up_and_young_ones_stay(owed: Owing) -> None:
    owed()
    notices.send_due(now=NOW)
    owed()
    purge.purge_expired(now=NOW + policy.NOTICE_RETENTION)
    assert Notice.objects.count() == 2
    purge.purge_expired(now=NOW + policy.NOTICE_RETENTION + timedelta(minutes=2))  # as one was tried once
    assert Notice.objects.count() == 0


def test_an_end_that_the_person_wanted_owes_no_mail(owed: Owing) -> None:
    connections.revoke(connections.lock(owed().facts["connection"]), reason=EndReason.PERSON, now=NOW)
    assert Notice.objects.count() == 1


def test_two_workers_send_every_mail_once(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None, settings: Any
) -> None:
    user = make_world().alice.user
    with mail_sink.running() as sink:
        for _ in range(20):  # owed only: without a broker the first would be sent at once
            Notice.objects.create(
                kind=Kind.TOKEN_CREATED,
                user=user,
                facts={"name": "CI", "handle": "acme", "token": ""},
                created_at=NOW,
                next_attempt_at=NOW,
            )
        by_smtp(settings, sink.server_address[1])
        together, counts = Barrier(3), []

        def work() -> None:
            together.wait()
            try:
                counts.append(notices.send_due(now=NOW))
            finally:
                connection.close()

        workers = [Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sum(counts) == 20
        assert len({message["Message-ID"] for message in sink.messages}) == len(sink.messages) == 20
