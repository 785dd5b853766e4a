"""One alarm of a kind is open about a subject, however often and from wherever it rings."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection as database
from django.utils import timezone

from authserver import policy
from authserver.models import Alarm, AlarmTelling
from authserver.services import alarms
from authserver.services.batches import Pace

Kind = Alarm.Kind
URL = "https://acme.mcp.example/mcp"
NOW = timezone.now()
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def ways(settings):
    settings.ALARM_EMAILS, settings.ALARM_WEBHOOK_URL = ["ops@example.com"], "http://127.0.0.1:9/hook"


@pytest.mark.django_db
def test_what_rings_twice_is_one_alarm_that_ends_once_and_may_come_again():
    assert not alarms.still(Kind.DOCTOR_FAILED, URL, now=NOW)
    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW, failed=1)
    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW + MINUTE, failed=2)
    alarms.ring(Kind.REFUSALS_GROW, URL, now=NOW)
    alarm = Alarm.objects.get(kind=Kind.DOCTOR_FAILED)
    assert (alarm.count, alarm.detail, alarm.opened_at, alarm.last_at) == (2, {"failed": 2}, NOW, NOW + MINUTE)
    assert alarms.still(Kind.DOCTOR_FAILED, URL, now=NOW + MINUTE)
    assert not alarms.still(Kind.DOCTOR_FAILED, URL, now=NOW + MINUTE)
    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW + 2 * MINUTE)
    assert Alarm.objects.filter(kind=Kind.DOCTOR_FAILED).count() == 2
    assert Alarm.objects.filter(closed_at=None).count() == 2


@pytest.mark.django_db
def test_the_same_is_told_again_only_after_a_rest_and_its_end_to_those_who_heard_of_it():
    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW)
    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW)
    assert AlarmTelling.objects.count() == 2, "one for each way"
    AlarmTelling.objects.update(sent_at=NOW)
    alarms.still(Kind.DOCTOR_FAILED, URL, now=NOW + MINUTE)
    assert AlarmTelling.objects.filter(is_over=True, sent_at=None).count() == 2
    AlarmTelling.objects.update(sent_at=NOW)

    alarms.ring(Kind.DOCTOR_FAILED, URL, now=NOW + 2 * MINUTE)
    resting = AlarmTelling.objects.filter(sent_at=None)
    assert {telling.next_attempt_at for telling in resting} == {NOW + policy.ALARM_MAIL_REST}
    alarms.still(Kind.DOCTOR_FAILED, URL, now=NOW + 3 * MINUTE)
    assert not resting.all().exists(), "it came and went while it rested: there is nothing to tell"


@pytest.mark.django_db
def test_closed_alarms_go_with_the_purge_and_open_ones_stay():
    for subject in ("over", "open"):
        alarms.ring(Kind.DOCTOR_FAILED, subject, now=NOW)
    alarms.still(Kind.DOCTOR_FAILED, "over", now=NOW)
    later = NOW + policy.ALARM_RETENTION + MINUTE
    assert alarms.purge(now=NOW, pace=Pace(policy.PURGE_RUN)) == 0
    assert alarms.purge(now=later, pace=Pace(policy.PURGE_RUN)) == 1
    assert Alarm.objects.get().subject == "open"


def test_two_processes_that_ring_at_once_open_one(
    content_restored, transactional_db, django_db_serialized_rollback
) -> None:
    start, count = Barrier(4), 5

    def ring() -> None:
        start.wait()
        for _ in range(count):
            alarms.ring(Kind.REFUSALS_GROW, "code:unknown", now=NOW)
        database.close()

    threads = [Thread(target=ring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Alarm.objects.get().count == 4 * count
    assert AlarmTelling.objects.count() == 2
