"""Browser sessions that are over leave no rows behind; those that live are not touched, listed or not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authserver.services import batches, purge
from authserver.services.batches import Pace
from authserver.services.standing import sessions
from authserver.tasks import forget_listed_sessions
from tests.authserver.services.conftest import NOW
from tests.people import World

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def session(world: World, key: str, *, ends_in: timedelta | None = HOUR, listed_ago: timedelta = 2 * HOUR) -> None:
    """A session of alice's and its place in her list; `ends_in` None where only that is left."""
    if ends_in is not None:
        Session.objects.create(session_key=key, session_data="", expire_date=NOW + ends_in)
    UserSession.objects.create(
        user=world.alice.user, session_key=key, ip="203.0.114.9", user_agent="", created_at=NOW - listed_ago
    )


def keys() -> tuple[set[str], set[str]]:
    listed = UserSession.objects.values_list("session_key", flat=True)
    return set(Session.objects.values_list("session_key", flat=True)), set(listed)


@pytest.fixture(autouse=True)
def nobody_signed_in(world: World) -> None:
    Session.objects.all().delete()
    UserSession.objects.all().delete()


def test_what_expired_goes_with_the_purge_and_its_place_in_the_list_at_night(world: World) -> None:
    session(world, "expired", ends_in=-SECOND)
    session(world, "last-moment", ends_in=timedelta())
    session(world, "live")
    session(world, "signed-out", ends_in=None)
    session(world, "just-being-made", ends_in=None, listed_ago=HOUR)
    assert purge.purge_expired(now=NOW) == 1
    assert keys()[0] == {"last-moment", "live"}
    assert sessions.forget_listed(now=NOW) == 2
    assert keys()[1] == {"last-moment", "live", "just-being-made"}


def test_somebody_who_signed_in_by_the_page_stays_signed_in_and_listed(world: World) -> None:
    http = world.alice.sign_in().http
    purge.purge_expired(now=NOW)
    forget_listed_sessions()
    sessions.forget_listed(now=NOW + 1000 * HOUR)
    assert http.get("/connections").status_code == 200
    assert UserSession.objects.count() == 1


def test_many_go_in_bounded_steps_and_no_time_is_no_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 5)
    for number in range(12):
        session(world, f"gone{number}", ends_in=None)
        session(world, f"live{number}")
    over = Pace(timedelta())
    assert (sessions.forget_listed(now=NOW, pace=over), sessions.forget_expired(now=NOW, pace=over)) == (0, 0)
    with CaptureQueriesContext(connection) as seen:
        assert sessions.forget_listed(now=NOW) == 12
    assert all(" IN (" in query["sql"] or "LIMIT 5" in query["sql"] for query in seen if "SELECT" in query["sql"])
    assert {key[:4] for key in keys()[1]} == {"live"}
    assert len(keys()[1]) == 12
