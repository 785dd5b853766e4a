"""Operators are told by mail and by webhook: once, in time, and however long the receiver was away."""

import hashlib
import hmac
import json
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import resolve
from django.utils import timezone

from authserver import policy, tasks
from authserver.models import Alarm, AlarmTelling, Notice
from authserver.services import alarms
from authserver.services.alarms import webhook
from tests.receivers import Receiver, receiving, status

pytestmark = pytest.mark.django_db
Kind = Alarm.Kind
SECRET = "a secret of the operator's"
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver(settings):
    with receiving() as running:
        running.answer = status(200, b"ok")
        settings.ALARM_WEBHOOK_URL = running.url + "?room=7"
        settings.ALARM_WEBHOOK_SECRET = SECRET
        yield running


@pytest.fixture
def operators(settings):
    settings.ALARM_EMAILS = ["ops@example.com", "night@example.com"]


def ring(subject="code:unknown", *, now=None, kind=Kind.REFUSALS_GROW, **detail):
    alarms.ring(kind, subject, now=now or timezone.now(), **{"hour": 60, "usual": 2, "callers": 3} | detail)


def bodies(receiver: Receiver):
    return [json.loads(body) for _path, _headers, body in receiver.requests]


def test_nobody_is_told_where_nobody_is_named():
    ring()
    assert tasks.tell_alarms() == 0
    assert not AlarmTelling.objects.exists()


def test_one_letter_gathers_what_is_new(operators, django_capture_on_commit_callbacks):
    ring()
    ring("https://client.example/c.json", kind=Kind.DOCUMENT_CHANGED, changed=["jwks"])
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.tell_alarms() == 2
    assert [sent.to for sent in mail.outbox] == [["ops@example.com"], ["night@example.com"]]
    letter = mail.outbox[0]
    assert letter.subject == "Gatehouse: Something needs a look"
    assert "- 60 refusals for the reason code:unknown in an hour, from 3 callers; 2 are usual." in letter.body
    assert "- A client changed its document, https://client.example/c.json: jwks." in letter.body
    assert "/admin/authserver/alarm/?status=open" in letter.body
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"

    ring()
    assert tasks.tell_alarms() == 0, "the same rests"
    alarms.still(Kind.REFUSALS_GROW, "code:unknown", now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.tell_alarms() == 1
    assert mail.outbox[-1].subject == "Gatehouse: It is over"
    assert "- It is over: refusals for the reason code:unknown went back." in mail.outbox[-1].body
    assert tasks.tell_alarms() == 0


def test_a_letter_stays_short_however_much_there_is(operators):
    for number in range(policy.ALARMS_SHOWN_MAX + 5):
        ring(f"reason:{number}")
    assert alarms.gather(now=timezone.now()) == policy.ALARMS_SHOWN_MAX + 5
    assert [len(notice.facts["said"]) for notice in Notice.objects.all()] == [policy.ALARMS_SHOWN_MAX] * 2
    assert Notice.objects.all()[0].facts["more"] == 5


def test_the_webhook_is_told_in_json_that_it_can_check_and_a_chat_can_show(receiver):
    ring("@channel <x>", client="c")
    assert tasks.tell_alarms() == 1
    ((path, headers, body),) = receiver.requests
    assert (path, headers["Content-Type"]) == ("/events?room=7", "application/json")
    at, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["X-Gatehouse-Signature"]).groups()
    assert mac == hmac.new(SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    told, alarm = json.loads(body), Alarm.objects.get()
    assert {name: told[name] for name in ("kind", "subject", "count", "over")} == {
        "kind": "refusals_grow", "subject": "@channel <x>", "count": 1, "over": False,
    }  # fmt: skip
    assert told["detail"] == {"hour": 60, "usual": 2, "callers": 3, "client": "c"}
    assert told["opened_at"] == alarm.opened_at.isoformat()
    assert resolve(told["url"].removeprefix("http://127.0.0.1:8000")).kwargs == {"object_id": str(alarm.pk)}
    assert "@channel" not in told["text"] and "<x" not in told["text"] and told["url"] in told["text"]
    assert tasks.tell_alarms() == 0


@pytest.mark.parametrize(
    "answer", [status(500), status(404), status(301, Location="/elsewhere"), status(429)], ids=lambda _: ""
)
def test_what_is_not_taken_comes_again_and_nothing_is_followed(receiver, settings, answer):
    receiver.answer = answer
    settings.ALARM_WEBHOOK_SECRET = ""
    ring()
    assert tasks.tell_alarms() == 0
    assert [path for path, _, _ in receiver.requests] == ["/events?room=7"]
    assert "X-Gatehouse-Signature" not in receiver.requests[0][1]
    assert tasks.tell_alarms() == 0
    assert len(receiver.requests) == 1, "not before its time"


def test_a_receiver_that_was_away_for_hours_hears_that_it_began_and_that_it_is_over(settings, caplog):
    now = timezone.now()
    with receiving() as away:
        settings.ALARM_WEBHOOK_URL = f"{away.url}/a-secret-address"
    ring(now=now)
    for _ in range(10):
        assert alarms.post_due(now=now) == 0
        now += HOUR
    assert "network_" in caplog.text and "a-secret-address" not in caplog.text
    alarms.still(Kind.REFUSALS_GROW, "code:unknown", now=now)
    with receiving() as back:
        settings.ALARM_WEBHOOK_URL = back.url
        assert alarms.post_due(now=now + HOUR) == 1
        assert alarms.post_due(now=now + HOUR) == 1
        assert [told["over"] for told in bodies(back)] == [False, True]
        deliveries = {headers["X-Gatehouse-Delivery"] for _, headers, _ in back.requests}
        assert len(deliveries) == 2


def test_after_days_it_is_given_up_and_what_rings_then_is_told_anew(receiver):
    now = timezone.now()
    ring(now=now)
    now += policy.ALARM_TELL_FOR
    assert alarms.post_due(now=now) == 0
    ring(now=now + HOUR)
    assert alarms.post_due(now=now + HOUR) == 1
    assert webhook._pause(10_000) == policy.ALARM_RETRY_MAX


def test_a_receiver_that_hangs_costs_its_deadline_and_the_round_ends(receiver, monkeypatch):
    monkeypatch.setattr(policy, "PUSH_DEADLINE_SECONDS", 0.3)
    receiver.answer = receiver.hang
    ring("one:reason")
    ring("other:reason")
    assert tasks.tell_alarms() == 0
    assert len(receiver.requests) == 1
