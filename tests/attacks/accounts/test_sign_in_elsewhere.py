"""What a provider that people sign in with may not do, and what nobody may do with one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client as Http

from accounts.models import User
from tests.flows.accounts import oidc_provider
from tests.flows.accounts.detours import follow
from tests.flows.accounts.oidc_provider import Provider
from tests.people import Person, World

START = "/accounts/oidc/acme/login/?next=/connections"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider whose person claims alice's address."""
    with oidc_provider.running(sub="666", email="alice@example.com", email_verified=True, name="Mallory") as running:
        settings.SOCIALACCOUNT_PROVIDERS = running.settings()
        yield running


def go(provider: Provider, **more: str) -> tuple[Http, Any]:
    """Go there and come back in a new browser; return it and the page that it ends on."""
    person = Person("", Http(headers={"accept": "text/html"}))
    away = person.http.get(START)
    assert away.status_code == 302, away.content.decode()
    back = provider.visit(away["Location"], **more) if away["Location"].startswith("http") else away["Location"]
    return person.http, follow(person, person.http.get(back.removeprefix("http://testserver")))


def is_signed_in(http: Http) -> bool:
    return "_auth_user_id" in http.session


def broken(path: str, status: int = 200, body: bytes = b"") -> dict[str, Any]:
    return {"broken": {path: (status, body)}}


ODD: dict[str, dict[str, Any]] = {
    "userinfo is of somebody else": {"userinfo": {"sub": "1"}},
    "userinfo names nobody": {"userinfo": {"sub": None}},
    "the ID token is for another client": {"id_token": {"aud": "another"}},
    "the ID token is of another issuer": {"id_token": {"iss": "https://evil.example"}},
    "the ID token is over": {"id_token": {"exp": int(time.time()) - 3600}},
    "the token endpoint fails": broken("/token", 500),
    "the token endpoint answers no JSON": broken("/token", 200, b"<html>"),
    "the token endpoint answers a list": broken("/token", 200, b"[]"),
    "userinfo fails": broken("/userinfo", 503),
    "userinfo is a list": broken("/userinfo", 200, b"[1]"),
    "discovery fails": broken("/.well-known/openid-configuration", 500),
    "discovery answers no JSON": broken("/.well-known/openid-configuration", 200, b"<html>"),
    "discovery is empty": broken("/.well-known/openid-configuration", 200, b"{}"),
}


@pytest.mark.parametrize("oddity", ODD)
def test_a_provider_that_is_odd_signs_nobody_in_and_breaks_nothing(
    world: World, provider: Provider, oddity: str
) -> None:
    for name, value in ODD[oddity].items():
        setattr(provider, name, value)
    http, page = go(provider)
    assert not is_signed_in(http)
    assert page.request["PATH_INFO"] == "/accounts/login/"
    assert "next=%2Fconnections" in page.content.decode()
    assert "Signing in there did not work." in page.content.decode()


@pytest.mark.parametrize(
    ("trusted", "verified", "joined"),
    [
        (False, True, False),
        (True, False, False),
        (True, "false", False),
        (True, "true", False),
        (True, None, False),
        (True, True, True),
    ],
)
def test_an_account_is_joined_only_for_a_trusted_provider_that_verified_the_address(
    world: World, provider: Provider, settings: Any, trusted: bool, verified: object, joined: bool
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(email_authentication=trusted)
    provider.claims["email_verified"] = verified
    http, page = go(provider)
    assert is_signed_in(http) is joined
    assert SocialAccount.objects.filter(user=world.alice.user).exists() is joined
    assert world.alice.user.check_password("correct horse battery staple")
    if not joined:  # the page is the one that a new address gets
        assert page.request["PATH_INFO"] == "/accounts/confirm-email/"


def test_the_way_back_wants_the_state_of_this_browser(world: World, provider: Provider) -> None:
    away = Http().get(START)["Location"]
    stolen = provider.visit(away).removeprefix("http://testserver")
    mallory = Person("", Http(headers={"accept": "text/html"}))
    for back in (
        stolen,
        "/accounts/oidc/acme/login/callback/",
        "/accounts/oidc/acme/login/callback/?code=1&state=\x00",
    ):
        page = follow(mallory, mallory.http.get(back))
        assert page.request["PATH_INFO"] == "/accounts/login/"
        assert not is_signed_in(mallory.http)


def test_another_site_cannot_send_a_browser_there_without_a_question(world: World, provider: Provider) -> None:
    for site in ("cross-site", "same-site"):
        page = Http(headers={"sec-fetch-site": site}).get(START)
        assert page.status_code == 200
        assert "Another site led you here." in page.content.decode()
    assert Http(headers={"sec-fetch-site": "same-origin"}).get(START).status_code == 302
    assert Http().get("/accounts/oidc/unknown/login/").status_code == 404


@pytest.mark.parametrize("way", ["closed", "invited"])
def test_where_sign_up_is_not_open_a_provider_opens_no_account(
    world: World, provider: Provider, settings: Any, way: str
) -> None:
    settings.SIGN_UP = way
    provider.claims |= {"sub": "1", "email": "new@example.com"}
    before = User.objects.count()
    http, page = go(provider)
    assert "by invitation only" in page.content.decode()
    form = {"email": "new@example.com", "password1": "correct horse battery staple"}
    assert "by invitation only" in Http().post("/accounts/signup/", form).content.decode()
    assert User.objects.count() == before
    assert not is_signed_in(http)
