"""The tests' own way through the door (tests/through_door.py): what a desk can take, it takes."""

from __future__ import annotations

import pytest
from django.test import Client as Http

from authserver.door import desks
from tests import through_door, tiers
from tests.people import App, World, post_form

SILENT = "the desk did not take the ordinary request of its path"


def test_one_tier_goes_through_the_door_and_one_does_not() -> None:
    through = {tier.name for tier in tiers.tiers() if ("TEST_DOOR", "1") in tier.env}
    assert through == {"tests on PostgreSQL"}


@pytest.mark.parametrize("path", list(desks.DESKS))
def test_the_ordinary_request_of_a_desk_is_taken_by_it(world: World, path: str) -> None:
    ordinary = {
        "/oauth/introspect": lambda: world.asker.ask(world.connect(world.alice, App.register(), handle="acme").access),
        "/oauth/token": lambda: App.register().refresh("mcprt_unknown"),
        "/oauth/register": App.register,
        "/.well-known/oauth-authorization-server": lambda: Http().get("/.well-known/oauth-authorization-server"),
        "/livez": lambda: Http().get("/livez"),
        "/readyz": lambda: Http().get("/readyz"),
    }
    with through_door.opened():
        before = through_door.taken[path]
        ordinary[path]()
    assert through_door.taken[path] > before, SILENT


def test_what_is_unusual_goes_to_the_view(world: World) -> None:
    with through_door.opened():
        before = through_door.taken.copy()
        assert Http().get("/oauth/introspect").status_code == 405
        assert post_form(Http(), "/oauth/introspect?x=1", {"token": "x"}).status_code == 401
        assert world.alice.http.get("/").status_code == 200
    assert through_door.taken == before


@pytest.mark.skipif(not through_door.IS_ON, reason="this tier goes to the views")
def test_in_this_tier_every_test_goes_through_the_door(world: World) -> None:
    before = through_door.taken["/oauth/introspect"]
    assert world.asker.is_active("x") is False
    assert through_door.taken["/oauth/introspect"] == before + 1, SILENT
