"""Nobody at a browser that was left open lets an app that nobody vouches for manage things."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.models import Connection
from tests.authserver.views.test_consent_page import words
from tests.flows.changes import set_client
from tests.people import PASSWORD, App, World, answer_of, field_value, hosted

SCOPE = "links.read site.deployments.write"
TICKED = SCOPE.split()


def leave_open(world: World) -> None:
    """Let an hour go by since alice signed in."""
    session = world.alice.http.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [each | {"at": each["at"] - 3600} for each in records]
    session.save()


def ask(world: World, app: App) -> Any:
    return world.alice.open(app.authorize_url(hosted("acme"), scope=SCOPE))


@pytest.mark.parametrize("is_verified", [False, True])
def test_manage_for_an_unverified_client_asks_who_is_there_and_comes_back(
    world: World, chatgpt: App, is_verified: bool
) -> None:
    set_client(chatgpt, is_verified=is_verified)
    page = ask(world, chatgpt)
    leave_open(world)
    answer = world.alice.decide(page, scope=TICKED)
    if is_verified:
        assert "code" in answer_of(answer)
        return
    assert not Connection.objects.exists()
    again = world.alice.http.get(answer["Location"])
    form = {"password": PASSWORD, "next": field_value(again.content.decode(), "next")}
    back = world.alice.http.post(answer["Location"], form)
    page = world.alice.http.get(back["Location"])
    assert "ChatGPT wants to connect" in words(page)
    assert "code" in answer_of(world.alice.decide(page, scope=TICKED))


def test_less_than_manage_asks_nobody_again(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt)
    leave_open(world)
    assert "code" in answer_of(world.alice.decide(page, scope=["links.read"]))
