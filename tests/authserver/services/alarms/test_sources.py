"""What rings: refusals that grow, and documents of clients that somebody here relies on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Alarm, Client, Connection, TraceStep
from authserver.services import alarms, corpus
from tests.people import App, World

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MIN, FACTOR = policy.REFUSALS_GROW_MIN, policy.REFUSALS_GROW_FACTOR


def refuse(count, *, code="code:expired", ago=MINUTE, **columns):
    """Keep steps as they are written: one row of this count for each of `origins`."""
    for origin in columns.pop("origins", ("a", "b")):
        TraceStep.objects.create(
            at=NOW - ago, kind="token", code=code, origin=origin, count=count, **{"ok": False} | columns
        )


def watch(now=NOW):
    alarms.watch_refusals(now=now)
    return {alarm.subject: alarm.detail for alarm in Alarm.objects.filter(closed_at=None)}


@pytest.mark.parametrize(
    ("hour", "usual", "rings"),
    [
        (MIN - 1, 0, False),
        (MIN, 0, True),
        (MIN, MIN // FACTOR + 1, False),
        (100 * FACTOR - 1, 100, False),
        (100 * FACTOR, 100, True),
    ],
)
def test_it_rings_from_so_many_times_the_usual_hour_on(hour, usual, rings):
    refuse(hour, origins=("a",))
    for back in range(2, 26):
        refuse(usual, ago=HOUR * back - MINUTE, origins=("a",)) if usual else None
    refuse(9_999, ago=27 * HOUR, origins=("a",))  # long ago
    refuse(9_999, ago=timedelta(minutes=1), ok=True, code="fine")
    refuse(9_999, code="")
    assert watch() == ({"code:expired": {"hour": hour, "usual": usual, "callers": 1, "threshold": max(MIN, 5 * usual)}}
                       if rings else {})  # fmt: skip


def test_it_says_who_is_concerned_and_whether_it_is_a_single_caller(world: World, chatgpt: App):
    refuse(MIN, origins=("a",), code="one", client_id="https://written.example/by-a-stranger", handle="no-such")
    refuse(MIN, origins=("a", "b", "c"), code="many", client_id=chatgpt.client_id, handle="acme")
    refuse(MIN, origins=("d",), code="many")
    told = watch()
    assert told["one"] == {"hour": MIN, "usual": 0, "callers": 1, "threshold": MIN}
    assert (told["many"]["hour"], told["many"]["callers"]) == (4 * MIN, 4)
    assert (told["many"]["client"], told["many"]["handle"]) == (chatgpt.client_id, "acme")
    said = [alarms.sentence(alarm) for alarm in Alarm.objects.order_by("subject")]
    assert said[0].startswith("80 refusals for the reason many in an hour, from 4 callers; none is usual.")
    assert said[0].endswith(f"Most concern the client {chatgpt.client_id}. Most concern the handle acme.")
    assert said[1] == "20 refusals for the reason one in an hour, all from one caller; none is usual."


def test_it_is_over_below_half_of_what_it_opened_at_however_the_mean_moved():
    refuse(MIN)
    watch()
    for half, goes_on in ((MIN // 2, True), (MIN // 2 - 1, False)):
        later = NOW + (2 if goes_on else 4) * HOUR
        TraceStep.objects.create(at=later - MINUTE, kind="token", ok=False, code="code:expired", count=half)
        assert bool(watch(later)) is goes_on
    alarm = Alarm.objects.get()
    assert (alarm.closed_by, alarms.sentence(alarm, is_over=True)) == (
        None, "It is over: refusals for the reason code:expired went back.",
    )  # fmt: skip


# --- Documents


CHANGED = ["name", "redirect_uris"]


def documented(url="https://client.example/client.json", **columns):
    return Client.objects.create(client_id=url, registration_source="cimd", name="Some client", **columns)


def told(client):
    alarms.document_changed(client, CHANGED, now=NOW)
    return list(Alarm.objects.values_list("subject", "detail"))


def test_a_client_that_nobody_relies_on_makes_no_noise(world: World, chatgpt: App):
    assert told(documented()) == []
    ended = world.connect(world.alice, chatgpt, handle="acme")
    Connection.objects.update(ended_at=NOW)
    assert ended and told(Client.objects.get(client_id=chatgpt.client_id)) == []


def test_verified_and_connected_and_well_known_ones_ring_with_the_names_of_members(world: World, chatgpt: App):
    members = {"changed": ["client_name", "redirect_uris"]}
    client = documented(is_verified=True)
    assert told(client) == [(client.client_id, members)]
    alarms.document_changed(client, ["jwks"], now=NOW)
    alarm = Alarm.objects.get()
    assert (alarm.count, alarm.detail) == (2, {"changed": ["client_name", "jwks", "redirect_uris"]})

    Alarm.objects.all().delete()
    world.connect(world.alice, chatgpt, handle="acme")
    assert told(Client.objects.get(client_id=chatgpt.client_id)) == [(chatgpt.client_id, members)]

    Alarm.objects.all().delete()
    entry = next(entry for entry in corpus.documents() if "chatgpt" in entry.url)
    assert told(documented(entry.url)) == [(entry.url, members | {"well_known": entry.client})]
    said = alarms.sentence(Alarm.objects.get())
    assert said == f"{entry.client} changed its document, {entry.url}: client_name, redirect_uris."
