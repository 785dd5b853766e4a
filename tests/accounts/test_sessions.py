"""Where a person is signed in: seen, and ended from elsewhere."""

from __future__ import annotations

import re

from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.accounts.conftest import sign_in
from tests.people import make_person

PAGE = "/accounts/sessions/"


def browser(user: User, agent: str = "") -> Client:
    client = Client(headers={"user-agent": agent})
    assert sign_in(client, user.email).status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/connections").status_code == 200


def test_one_session_is_ended_from_another(alice: User) -> None:
    here, phone, laptop = browser(alice, "Firefox/130.0 (Windows NT)"), browser(alice), browser(alice)
    page = here.get(PAGE).content.decode()
    assert page.count("Sign out there") == 2
    assert "Firefox on Windows" in page
    key = phone.session.session_key
    here.post(PAGE, {"session": str(UserSession.objects.get(session_key=key).pk)})
    assert [is_signed_in(each) for each in (here, phone, laptop)] == [True, False, True]
    here.post(PAGE, {})
    assert [is_signed_in(each) for each in (here, laptop)] == [True, False]


def test_nobody_ends_a_session_of_somebody_else(alice: User) -> None:
    bob = browser(make_person("bob@example.com").user)
    mallory, other = browser(alice), browser(alice)
    theirs = UserSession.objects.get(session_key=bob.session.session_key).pk
    for named in (str(theirs), "9" * 30, "-1", "x", f"{theirs} OR 1=1"):
        mallory.post(PAGE, {"session": named})
    assert is_signed_in(bob)
    assert is_signed_in(other)


def test_being_signed_in_costs_no_write_at_each_request(alice: User) -> None:
    client = browser(alice)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert is_signed_in(client)
    assert not [query["sql"] for query in captured if re.match(r"(INSERT|UPDATE|DELETE)", query["sql"])]
