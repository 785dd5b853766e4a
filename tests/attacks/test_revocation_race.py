"""A revocation and a refresh at the same moment: whoever comes first, nothing is alive afterwards.

The fault this looks for: the refresh is checked, the connection is ended, and the refresh then mints a live pair.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections, transaction
from django.utils import timezone

from authserver.models import AccessToken, Connection, RefreshToken
from authserver.services import connections as acts
from tests.attacks.conftest import at_once, somebody_waits_for_a_lock, wait_until
from tests.people import App, Tokens, World

pytestmark = pytest.mark.covers("C4")
ROUNDS = 4


@pytest.fixture
def app(crowd: World) -> App:
    return App.register()


def connected(crowd: World, app: App) -> Tokens:
    return crowd.connect(crowd.alice, app, handle="acme")


def pairs_of(answers: list[Any]) -> list[dict[str, Any]]:
    """Return the token answers among these, each of which is either that or an `invalid_grant`."""
    for answer in answers:
        assert answer.status_code == 200 or answer.json()["error"] == "invalid_grant", answer.content
    return [answer.json() for answer in answers if answer.status_code == 200]


def assert_nothing_lives(crowd: World, app: App, pairs: list[dict[str, Any]]) -> None:
    assert not Connection.objects.filter(ended_at=None).exists()
    for pair in pairs:
        assert crowd.asker.knows(pair["access_token"]) == {"active": False}
        assert app.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


def in_flight(app: App, token: str | None) -> Callable[[], Any]:
    def refresh() -> Any:
        try:
            return app.refresh(token)
        finally:
            connections.close_all()

    return refresh


def test_a_refresh_that_was_under_way_mints_nothing_once_the_revocation_is_in(crowd: World, app: App) -> None:
    held = connected(crowd, app)
    before = (AccessToken.objects.count(), RefreshToken.objects.count())
    started = Signal()

    def refresh() -> Any:
        started.set()
        return in_flight(app, held.refresh)()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            standing = acts.lock(Connection.objects.get().pk)
            answer = pool.submit(refresh)
            wait_until(somebody_waits_for_a_lock if database.vendor == "postgresql" else started.is_set)
            acts.revoke(standing, reason=Connection.EndReason.ADMINISTRATOR, now=timezone.now())
        told = answer.result(30)
    assert (told.status_code, told.json()["error"]) == (400, "invalid_grant")
    assert (AccessToken.objects.count(), RefreshToken.objects.count()) == before
    assert crowd.asker.knows(held.access) == {"active": False}


@pytest.mark.skipif(
    database.vendor != "postgresql", reason="SQLite has one writer at a time: there is no row to wait for"
)
def test_a_revocation_waits_for_the_refresh_under_way_and_ends_what_it_minted(crowd: World, app: App) -> None:
    held = connected(crowd, app)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            minted = app.refresh(held.refresh).json()  # in this transaction: it holds the connection until we commit
            answer = pool.submit(lambda: (app.revoke(held.refresh or ""), connections.close_all())[0])
            wait_until(somebody_waits_for_a_lock)
        assert answer.result(30).status_code == 200
    assert_nothing_lives(crowd, app, [minted])


@pytest.mark.parametrize("by", ["the client", "the person"])
def test_refreshes_racing_a_revocation_leave_nothing_alive(crowd: World, by: str) -> None:
    for number in range(ROUNDS):
        app = App.register(f"App {number}")
        held = connected(crowd, app)
        path = f"/connections/{Connection.objects.get(ended_at=None).pk}/disconnect"
        end: dict[str, Callable[[], Any]] = {
            "the client": lambda app=app, held=held: app.revoke(held.access),
            "the person": lambda path=path: crowd.alice.http.post(path, {"confirm": "yes"}),
        }
        ended, *answers = at_once(end[by], *[lambda app=app, held=held: app.refresh(held.refresh)] * 3)
        assert ended.status_code in (200, 302)
        assert_nothing_lives(
            crowd, app, [*pairs_of(answers), {"access_token": held.access, "refresh_token": held.refresh}]
        )


def test_refreshes_racing_a_detected_code_replay_leave_nothing_alive(crowd: World) -> None:
    for number in range(ROUNDS):
        app = App.register(f"App {number}")
        page = crowd.alice.open(app.authorize_url())
        location = crowd.alice.decide(page, handle="acme")["Location"]
        code = location.partition("code=")[2].partition("&")[0]
        held = app.exchange(code).json()
        assert crowd.asker.is_active(held["access_token"])
        replay, *answers = at_once(
            lambda app=app, code=code: app.exchange(code),
            *[lambda app=app, held=held: app.refresh(held["refresh_token"])] * 3,
        )
        assert replay.json()["error"] == "invalid_grant"
        assert_nothing_lives(crowd, app, [*pairs_of(answers), held])


def test_a_client_that_removes_itself_while_it_refreshes_keeps_nothing(crowd: World) -> None:
    app = App.register()
    held = connected(crowd, app)
    headers = {"Authorization": f"Bearer {app.registration['registration_access_token']}"}
    gone, answer = at_once(
        lambda: app.http.delete(f"/oauth/register/{app.client_id}", headers=headers),
        lambda: App(app.client_id).refresh(held.refresh),
    )
    assert gone.status_code == 204
    assert answer.status_code == 200 or answer.json()["error"] in ("invalid_grant", "invalid_client")
    assert not Connection.objects.filter(ended_at=None).exists()
    if answer.status_code == 200:
        assert crowd.asker.knows(answer.json()["access_token"]) == {"active": False}
