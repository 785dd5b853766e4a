"""A personal access token from the form to its end, as the API that takes it sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import travel

from authserver.models import PersonalAccessToken
from tests.flows.changes import set_handle, set_person, set_role
from tests.flows.tokens.holder import API, api_server, make_token
from tests.people import App, Asker, Person, World

pytestmark = pytest.mark.covers("req:P5")


@pytest.fixture
def bob(world: World) -> Person:
    return world.bob.sign_in()


@pytest.fixture
def api(world: World) -> Asker:
    return api_server()


@pytest.fixture
def token(bob: Person) -> str:
    return make_token(bob)


def test_a_program_uses_it_until_its_person_ends_it(bob: Person, api: Asker, token: str) -> None:
    known = api.knows(token)
    assert (known["username"], known["handle"], known["handle_role"]) == ("bob@example.com", "acme", "member")
    assert (known["aud"], known["scope"]) == (API, "links.read pages.read")
    assert "Never used" not in bob.http.get("/handles/acme/tokens").content.decode()
    row = PersonalAccessToken.objects.get()
    bob.http.post(f"/handles/acme/tokens/{row.pk}/revoke", {"confirm": "yes"})
    assert api.knows(token) == {"active": False}
    assert "Nightly export</bdi>" not in bob.http.get("/handles/acme/tokens").content.decode()


def test_it_ends_by_itself(api: Asker, token: str) -> None:
    with travel(timezone.now() + timedelta(days=29), tick=False):
        assert api.is_active(token)
    with travel(timezone.now() + timedelta(days=31), tick=False):
        assert api.knows(token) == {"active": False}


@pytest.mark.parametrize("loss", ["role", "person", "handle", "membership"])
def test_what_its_person_loses_it_loses_with_the_next_question(world: World, api: Asker, token: str, loss: str) -> None:
    assert api.is_active(token)
    if loss == "role":
        set_role(world.bob, "acme", "public")
    elif loss == "person":
        set_person(world.bob, is_active=False)
    elif loss == "handle":
        set_handle("acme", status="suspended")
    else:
        world.bob.user.memberships.filter(handle__slug="acme").delete()
    assert api.knows(token) == {"active": False}


def test_a_lowered_role_shrinks_it_and_a_raised_one_gives_no_more_than_was_chosen(world: World, api: Asker) -> None:
    token = make_token(world.alice.sign_in(), scope=["links.read", "webhooks.write"])
    set_role(world.alice, "acme", "member")
    assert api.knows(token)["scope"] == "links.read"
    set_role(world.alice, "acme", "owner")
    assert api.knows(token)["scope"] == "links.read webhooks.write"


def test_the_last_use_is_on_the_page(bob: Person, api: Asker, token: str) -> None:
    assert "Never used" in bob.http.get("/handles/acme/tokens").content.decode()
    api.ask(token)
    assert "Never used" not in bob.http.get("/handles/acme/tokens").content.decode()


def test_signing_out_everywhere_ends_it_with_the_connections(
    world: World, bob: Person, api: Asker, token: str, chatgpt: App
) -> None:
    held = world.connect(bob, chatgpt, handle="acme")
    assert api.is_active(token)
    assert world.asker.is_active(held.access)
    bob.http.post("/accounts/sign-out-everywhere", {"confirm": "yes"})
    assert api.knows(token) == {"active": False}
    assert world.asker.knows(held.access) == {"active": False}
    assert bob.http.get("/handles/acme/tokens").status_code == 302


def test_an_administrator_lets_a_resource_take_them_and_sees_which_do(world: World, api: Asker, token: str) -> None:
    page = world.admin.sign_in().http.get("/admin/authserver/protectedresource/?takes_personal_tokens__exact=1")
    assert page.status_code == 200
    assert API in page.content.decode()
    assert "http://127.0.0.1:8001/mcp" not in page.content.decode()
