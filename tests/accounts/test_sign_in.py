"""Signing in with an address and a password, and what stands against guessing."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import sign_in, with_next
from tests.people import PASSWORD

HOSTILE_NEXT = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "///evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    "http:///evil.example",
    " https://evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example",
    "evil.example",
    "",
]


def alert_of(response) -> str:
    text = response.content.decode()
    start = text.index('role="alert"')
    return text[start : text.index("</div>", start)]


@pytest.mark.parametrize(("email", "password"), [("alice@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    client: Client, alice: User, email: str, password: str
) -> None:
    response = sign_in(client, email, password)
    assert response.status_code == 200
    assert "The email address or the password is not right." in alert_of(response)
    assert "_auth_user_id" not in client.session


def test_what_was_typed_is_kept_except_the_password(client: Client, alice: User) -> None:
    text = sign_in(client, "alice@example.com", "not-my-password").content.decode()
    assert 'value="alice@example.com"' in text
    assert "not-my-password" not in text


def test_a_person_who_was_switched_off_is_refused(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    sign_in(client, alice.email)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("following", HOSTILE_NEXT)
def test_a_next_that_is_not_a_path_of_ours_is_dropped(client: Client, alice: User, following: str) -> None:
    response = sign_in(client, alice.email, next=following)
    assert response.status_code == 302
    assert response.headers["Location"] == "/connections"


def test_another_name_of_this_host_is_refused_as_next(client: Client, alice: User) -> None:
    response = sign_in(client, alice.email, next="http://localhost/connections?x=1")
    assert response.headers["Location"] == "/connections"


def test_the_right_password_leads_on_to_next_unchanged(client: Client, alice: User, way: str) -> None:
    response = sign_in(client, alice.email, next=way)
    assert response.headers["Location"] == way


def test_an_address_is_known_however_it_is_typed(client: Client, alice: User) -> None:
    sign_in(client, "  Alice@EXAMPLE.com ")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_signing_in_gives_the_session_a_new_key(client: Client, alice: User) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["session"] = planted = session.session_key
    sign_in(client, alice.email)
    assert client.session.session_key not in (None, planted)


def test_a_form_without_its_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = sign_in(client, alice.email)
    assert response.status_code == 403
    assert "_auth_user_id" not in client.session


def test_a_byte_that_no_database_takes_is_no_error_of_ours(client: Client, alice: User) -> None:
    assert sign_in(client, "al\0ice@example.com", "pass\0word").status_code == 200


def sign_in_afresh(person: User, **headers: str) -> int:
    """Sign in, and forget the session: each further one makes the next sign-in slower. Return the status."""
    status = sign_in(Client(headers=headers), person.email).status_code
    UserSession.objects.all().delete()
    return status


def test_sixty_sign_ins_a_minute_from_one_address_pass_and_the_next_waits(alice: User, way: str) -> None:
    statuses = [sign_in_afresh(alice) for _ in range(60)]
    assert statuses == [302] * 60
    refused = sign_in(Client(), alice.email, next=way)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == 60
    assert "Too many tries" in refused.content.decode()


def test_an_invented_forwarding_header_does_not_make_a_new_address(alice: User) -> None:
    for number in range(60):
        sign_in_afresh(alice, **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert sign_in(Client(headers={"X-Forwarded-For": "203.0.113.9"}), alice.email).status_code == 429


def test_behind_a_proxy_each_person_has_their_own_count(alice: User, settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for _ in range(60):
        sign_in_afresh(alice, **{"X-Forwarded-For": "203.0.113.9, 198.51.100.1"})
    assert sign_in(Client(headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}), alice.email).status_code == 429
    assert sign_in(Client(headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.2"}), alice.email).status_code == 302


@pytest.mark.parametrize("header", ["198.51.100.1", "no address", ""])
def test_a_forwarding_header_that_went_around_the_proxies_is_no_error_of_ours(
    alice: User, settings, header: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    assert sign_in(Client(headers={"X-Forwarded-For": header}), alice.email).status_code == 302


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_the_sixth_wrong_password_for_one_address_locks_it_for_five_minutes(alice: User, email: str) -> None:
    statuses = [sign_in(Client(), email, "wrong").status_code for _ in range(5)]
    assert statuses == [200] * 5
    refused = sign_in(Client(), email)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == 300
    assert "Wait five minutes" in alert_of(refused)


def test_a_lock_on_one_address_leaves_the_others_alone(alice: User) -> None:
    for _ in range(6):
        sign_in(Client(), "nobody@example.com", "wrong")
    assert sign_in(Client(), alice.email).status_code == 302


def test_somebody_signed_in_already_goes_straight_to_next(client: Client, alice: User, way: str) -> None:
    client.force_login(alice)
    response = client.get(with_next("/accounts/login/", way))
    assert response.headers["Location"] == way


def test_opening_the_sign_out_page_does_not_sign_out(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/accounts/logout/").status_code == 200
    assert "_auth_user_id" in client.session
