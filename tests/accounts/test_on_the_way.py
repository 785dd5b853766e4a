"""Account pages on the way through a connection: `next` survives every detour, the page says what it is for, and the
headers let the answer through."""

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import code_in_last_mail, sign_in, with_next
from tests.people import PASSWORD, App


def next_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


# --- What the page says


def test_the_sign_in_page_names_the_client_one_is_about_to_connect(client: Client, way: str) -> None:
    page = client.get(with_next("/accounts/login/", way)).content.decode()
    assert "<h1>Sign in to connect <bdi>ChatGPT</bdi></h1>" in page


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/login/?next=/connections"])
def test_outside_of_a_flow_the_sign_in_page_names_nobody(client: Client, path: str, way: str) -> None:
    assert "ChatGPT" in client.get(with_next("/accounts/login/", way)).content.decode()
    response = client.get(path)
    assert "ChatGPT" not in response.content.decode()
    assert "chatgpt.com" not in response.headers["Content-Security-Policy"]
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_path_that_only_begins_like_the_authorize_door_is_no_flow(client: Client, way: str) -> None:
    elsewhere = way.replace("/oauth/authorize?", "/oauth/authorize-me?")
    assert "ChatGPT" not in client.get(with_next("/accounts/login/", elsewhere)).content.decode()


def test_a_client_cannot_write_markup_into_the_sign_in_page(client: Client, db: None) -> None:
    app = App.register(name='<img src=x>"Chat')
    page = client.get(with_next("/accounts/login/", app.authorize_url())).content.decode()
    assert "&lt;img src=x&gt;" in page
    assert "<img" not in page


def test_the_page_shows_our_host_in_its_header(client: Client, db: None, settings) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert f"<bdi>{urlsplit(settings.ISSUER).netloc}</bdi>" in page


# --- Headers


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_a_page_of_the_flow_has_the_headers_of_the_flow(client: Client, path: str, way: str) -> None:
    headers = client.get(with_next(path, way)).headers
    policy = headers["Content-Security-Policy"]
    assert "form-action 'self' https://chatgpt.com" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex"


def test_an_address_that_is_not_registered_never_reaches_the_policy(client: Client, chatgpt: App) -> None:
    hostile = chatgpt.authorize_url(redirect_uri="https://evil.example/cb")
    response = client.get(with_next("/accounts/login/", hostile))
    assert "evil.example" not in response.headers["Content-Security-Policy"]
    assert "ChatGPT" not in response.content.decode()


def test_two_tabs_never_show_each_other_s_client(client: Client, chatgpt: App) -> None:
    other = App.register(name="Note Buddy", redirect_uri="https://notes.example/cb")
    client.get(with_next("/accounts/login/", other.authorize_url()))
    page = client.get(with_next("/accounts/login/", chatgpt.authorize_url())).content.decode()
    assert "ChatGPT" in page
    assert "Note Buddy" not in page


# --- next survives


def test_the_links_of_the_sign_in_page_carry_next_along(client: Client, way: str) -> None:
    page = client.get(with_next("/accounts/login/", way)).content.decode()
    assert f'href="{with_next("/accounts/signup/", way)}"' in page
    assert f'href="{with_next("/accounts/password/reset/", way)}"' in page


def test_signing_up_with_a_code_stays_in_the_tab_and_leads_on_to_next(client: Client, way: str) -> None:
    form = {"email": "dora@example.com", "password1": PASSWORD, "next": way}
    to_code = client.post("/accounts/signup/", form).headers["Location"]
    assert urlsplit(to_code).path == "/accounts/confirm-email/"
    assert next_of(to_code) == way
    assert "ChatGPT" in client.get(to_code).content.decode()
    to_offer = client.post(to_code, {"code": code_in_last_mail(), "next": way}).headers["Location"]
    assert next_of(to_offer) == way
    assert "Next time, sign in with a passkey?" in client.get(to_offer).content.decode()
    done = client.post(to_offer, {"action": "skip", "next": way})
    assert done.headers["Location"] == way
    assert EmailAddress.objects.get(email="dora@example.com").verified


def test_signing_in_before_the_address_is_confirmed_leads_over_the_code_to_next(
    client: Client, alice: User, way: str
) -> None:
    EmailAddress.objects.update(verified=False)
    to_code = sign_in(client, alice.email, next=way).headers["Location"]
    assert next_of(to_code) == way
    done = client.post(to_code, {"code": code_in_last_mail()})
    assert done.headers["Location"] == way


def test_a_wrong_code_does_not_sign_in(client: Client, way: str) -> None:
    client.post("/accounts/signup/", {"email": "dora@example.com", "password1": PASSWORD, "next": way})
    response = client.post(with_next("/accounts/confirm-email/", way), {"code": "AAAAAA"})
    assert response.status_code == 200
    assert "This code is not right." in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_too_many_wrong_codes_lead_back_to_the_sign_in_page_with_next(client: Client, way: str) -> None:
    client.post("/accounts/signup/", {"email": "dora@example.com", "password1": PASSWORD, "next": way})
    for _ in range(10):
        response = client.post("/accounts/confirm-email/", {"code": "AAAAAA", "next": way})
        if response.status_code == 302:
            break
    assert response.headers["Location"] == with_next("/accounts/login/", way)


def test_signing_up_with_a_known_address_looks_the_same_and_tells_only_its_owner(
    client: Client, alice: User, way: str
) -> None:
    known = client.post("/accounts/signup/", {"email": alice.email, "password1": PASSWORD, "next": way})
    fresh = Client().post("/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD, "next": way})
    assert (known.status_code, known.headers["Location"]) == (fresh.status_code, fresh.headers["Location"])
    assert User.objects.filter(email=alice.email).count() == 1
    assert mail.outbox[0].to == [alice.email]
    assert "already" in mail.outbox[0].body


def test_a_reset_of_the_password_keeps_next_and_tells_nobody_who_is_known(
    client: Client, alice: User, way: str
) -> None:
    known = client.post("/accounts/password/reset/", {"email": alice.email, "next": way})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com", "next": way})
    assert next_of(known.headers["Location"]) == way
    assert known.headers["Location"] == unknown.headers["Location"]
    assert "Enter the code to connect <bdi>ChatGPT</bdi>" in client.get(known.headers["Location"]).content.decode()


def test_a_hostile_next_is_not_carried_along(client: Client, db: None) -> None:
    form = {"email": "dora@example.com", "password1": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/accounts/signup/", form).headers["Location"] == "/accounts/confirm-email/"
    page = Client().get("/accounts/login/?next=https://evil.example/").content.decode()
    assert 'href="/accounts/signup/"' in page


# --- Switching the account


def test_switching_the_account_signs_out_and_keeps_next_and_the_flow(client: Client, alice: User, way: str) -> None:
    client.force_login(alice)
    response = client.post("/accounts/switch-account", {"next": way})
    assert response.headers["Location"] == with_next("/accounts/login/", way)
    assert "_auth_user_id" not in client.session
    assert "Sign in to connect <bdi>ChatGPT</bdi>" in client.get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "", "connections"])
def test_switching_the_account_drops_a_hostile_next(client: Client, alice: User, following: str) -> None:
    client.force_login(alice)
    response = client.post("/accounts/switch-account", {"next": following})
    assert response.headers["Location"] == "/accounts/login/"


def test_a_link_cannot_switch_the_account(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/accounts/switch-account").status_code == 405
    assert "_auth_user_id" in client.session


def test_another_site_cannot_switch_the_account(alice: User, way: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/accounts/switch-account", {"next": way}).status_code == 403
    assert "_auth_user_id" in client.session
