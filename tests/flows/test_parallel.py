"""Callers who come at the same moment, in threads, against a database that really locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from authserver.models import Connection, RefreshToken
from tests.flows.changes import live_connections
from tests.people import GATEWAY, App, Asker, Person, World, answer_of, hosted, make_world, tokens_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(scope="module", autouse=True)
def _catalog_comes_back(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests with real transactions empty every table when they end; whoever comes next finds the catalog again."""
    yield
    with django_db_blocker.unblock():
        connection.creation.deserialize_db_from_string(connection._test_serialized_contents)  # type: ignore[attr-defined]


@pytest.fixture
def everybody() -> World:
    return make_world()


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Start each act in a thread of its own at the same moment; return what each answered, in order."""
    barrier = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def copies(app: App, count: int) -> list[App]:
    """The same client, run in several processes: each with an HTTP client of its own."""
    return [App(app.client_id, app.secret, app.redirect_uri, verifier=app.verifier) for _ in range(count)]


def test_eight_parallel_refreshes_of_one_token_all_get_the_same_pair(everybody: World) -> None:
    app = App.register()
    held = everybody.connect(everybody.alice, app, handle="acme")
    answers = at_once([lambda each=each: each.refresh(held.refresh) for each in copies(app, 8)])
    pairs = {(tokens_of(answer).access, tokens_of(answer).refresh) for answer in answers}
    assert len(pairs) == 1
    access, refresh = pairs.pop()
    assert everybody.asker.is_active(access)
    assert everybody.asker.is_active(held.access)
    assert RefreshToken.objects.count() == 2
    assert tokens_of(app.refresh(refresh)).access != access


def test_of_parallel_uses_of_one_code_at_most_one_is_answered_and_the_connection_ends(everybody: World) -> None:
    app = App.register()
    page = everybody.alice.open(app.authorize_url())
    code = answer_of(everybody.alice.decide(page, handle="acme"))["code"]
    answers = at_once([lambda each=each: each.exchange(code) for each in copies(app, 6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
    assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}
    won = next(answer for answer in answers if answer.status_code == 200)
    assert not everybody.asker.is_active(tokens_of(won).access)
    assert app.refresh(tokens_of(won).refresh).json()["error"] == "invalid_grant"


def test_refreshes_that_meet_a_revocation_leave_nothing_alive(everybody: World) -> None:
    app = App.register()
    held = everybody.connect(everybody.alice, app, handle="acme")
    one, two, three, ender = copies(app, 4)
    acts = [lambda each=each: each.refresh(held.refresh) for each in (one, two, three)]
    answers = at_once([*acts, lambda: ender.revoke(held.refresh or "")])
    assert answers[-1].status_code == 200
    for answer in answers[:-1]:
        assert answer.status_code in (200, 400)
        if answer.status_code == 200:
            assert not everybody.asker.is_active(tokens_of(answer).access)
            assert app.refresh(tokens_of(answer).refresh).json()["error"] == "invalid_grant"
    assert not everybody.asker.is_active(held.access)


def test_two_clicks_on_allow_at_the_same_moment_make_one_connection_and_one_code_that_works(everybody: World) -> None:
    app, browser = App.register(), everybody.alice
    page = browser.open(app.authorize_url())
    answers = at_once([lambda each=each: each.decide(page, handle="acme") for each in tabs(browser, 4)])
    codes = [answer_of(answer)["code"] for answer in answers]
    answers = [app.exchange(code).status_code for code in codes]
    assert sorted(answers) == [200, 400, 400, 400]
    assert live_connections() == 1


def test_two_tabs_that_allow_a_first_connection_at_the_same_moment_share_it(everybody: World) -> None:
    app, browser = App.register(), everybody.alice
    pages = [browser.open(app.authorize_url(hosted("acme"))) for _ in range(4)]
    pairs = zip(tabs(browser, 4), pages, strict=True)
    answers = at_once([lambda tab=tab, page=page: tab.decide(page) for tab, page in pairs])
    held = [tokens_of(app.exchange(answer_of(answer)["code"])) for answer in answers]
    assert all(everybody.asker.is_active(each.access) for each in held)
    assert live_connections() == 1


def test_disconnecting_twice_at_the_same_moment_ends_it_once(everybody: World) -> None:
    app, browser = App.register(), everybody.alice
    everybody.connect(browser, app, handle="acme")
    address = f"/connections/{Connection.objects.get().pk}/disconnect"
    answers = at_once([lambda tab=tab: tab.http.post(address, {"confirm": "yes"}) for tab in tabs(browser, 4)])
    assert [answer.status_code for answer in answers] == [302] * 4
    assert live_connections() == 0


def test_questions_about_one_credential_at_the_same_moment_all_get_an_answer(everybody: World) -> None:
    held = everybody.connect(everybody.alice, App.register(), handle="acme")
    askers = [Asker(everybody.asker.id, everybody.asker.secret) for _ in range(8)]
    answers = at_once([lambda each=each: each.knows(held.access) for each in askers])
    assert [answer["active"] for answer in answers] == [True] * 8
    assert {answer["aud"] for answer in answers} == {GATEWAY}


def test_equal_registrations_at_the_same_moment_are_one_client(everybody: World) -> None:
    apps = at_once([App.register for _ in range(6)])
    assert len({app.client_id for app in apps}) == 1
    held = [everybody.connect(everybody.alice, app, handle="acme") for app in apps]
    assert all(everybody.asker.is_active(each.access) for each in held)


def tabs(person: Person, count: int) -> list[Person]:
    """The same browser, several tabs: one session, each with an HTTP client of its own."""
    opened = [Person(person.email) for _ in range(count)]
    for tab in opened:
        tab.http.cookies = person.http.cookies
    return opened
