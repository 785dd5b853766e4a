"""Where only the invited may make an account: by the link or the mail of an invitation, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from handles.models import Invitation
from tests.flows.handles.people import invite, invite_by_link, open_link, words_of
from tests.people import PASSWORD, Person, World


@pytest.fixture(autouse=True)
def _invited_only(settings: Any) -> None:
    settings.SIGN_UP = "invited"


def sign_up(person: Person) -> Any:
    return person.http.post("/accounts/signup/", {"email": person.email, "password1": PASSWORD})


def is_let_in(person: Person) -> bool:
    return sign_up(person).status_code == 302


@pytest.mark.covers("req:P2")
def test_whoever_opened_a_link_makes_an_account(world: World) -> None:
    secret = invite_by_link(world.alice.sign_in())
    dora = Person("dora@example.com")
    assert not is_let_in(dora)
    assert open_link(dora.http, secret).status_code == 302
    assert is_let_in(dora)


def test_whoever_came_by_the_mail_makes_an_account_with_its_address_only(world: World) -> None:
    invite(world.alice.sign_in(), email="Dora@example.com")
    dora, other = Person("dora@example.com"), Person("eve@example.com")
    other.http = dora.http
    assert not is_let_in(dora)
    dora.http.get(f"/invitations/{Invitation.objects.get().pk}")
    assert "Create an account" in words_of(dora.http.get("/accounts/signup/"))
    assert not is_let_in(other)
    assert is_let_in(dora)


@pytest.mark.parametrize("way", ["link", "mail"])
def test_an_invitation_that_ended_lets_nobody_in(world: World, way: str) -> None:
    dora = Person("dora@example.com")
    if way == "link":
        open_link(dora.http, invite_by_link(world.alice.sign_in()))
    else:
        invite(world.alice.sign_in(), email=dora.email)
        dora.http.get(f"/invitations/{Invitation.objects.get().pk}")
    world.alice.http.post(f"/handles/acme/invitations/{Invitation.objects.get().pk}/revoke", {"confirm": "yes"})
    assert Invitation.objects.get().ended_at
    assert not is_let_in(dora)


def test_without_an_invitation_the_page_says_so(world: World) -> None:
    eve = Person("eve@example.com")
    eve.http.get("/invitations/00000000-0000-4000-8000-000000000000")
    page = eve.http.get("/accounts/signup/")
    assert 'name="password1"' not in page.content.decode()
