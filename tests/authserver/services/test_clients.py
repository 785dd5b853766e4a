"""Clients found, authenticated, given secrets, kept by administrators. How they come and go is in test_registration."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authserver import policy
from authserver.models import Client, Event
from authserver.protocol.errors import Refusal
from authserver.services import clients, registration
from authserver.services.registration import Registered
from tests.authserver.services.conftest import CONFIDENTIAL, NOW, UNKNOWN, authenticate, reason
from tests.people import World
from tests.tampering import forget_events

pytestmark = pytest.mark.django_db

# --- Finding


@pytest.mark.parametrize("asked", [None, "", UNKNOWN, "x" * 256, "x" * 100_000, "a\x00b", "\x00", "' OR 1=1 --"])
def test_whatever_is_asked_for_an_unknown_client_is_none(public: Registered, asked: str | None) -> None:
    assert clients.find(asked) is None


@pytest.mark.parametrize("asked", [None, "", "x" * 256, "a\x00b"])
def test_an_impossible_id_costs_no_statement(asked: str | None, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        clients.find(asked)


def test_a_blocked_client_is_still_found(public: Registered) -> None:
    Client.objects.update(is_active=False)
    assert clients.find(public.client.client_id) == public.client


# --- Authenticating: no


def test_an_unknown_client_is_refused() -> None:
    assert reason(authenticate(UNKNOWN, None)) == "client:unknown"


def test_a_blocked_client_is_refused_with_the_right_secret(confidential: Registered) -> None:
    Client.objects.update(is_active=False)
    answer = authenticate(confidential.client.client_id, confidential.secret)
    assert reason(answer) == "client:blocked"


@pytest.mark.parametrize("secret", ["x", "mcs_" + "0" * 49])
def test_a_public_client_with_a_secret_is_refused(public: Registered, secret: str) -> None:
    assert reason(authenticate(public.client.client_id, secret)) == "client:secret_from_public_client"


@pytest.mark.parametrize("secret", [None, ""])
def test_a_confidential_client_without_a_secret_is_refused(confidential: Registered, secret: str | None) -> None:
    assert reason(authenticate(confidential.client.client_id, secret)) == "client:secret_missing"


def test_a_secret_that_is_nearly_right_is_refused(confidential: Registered) -> None:
    right = confidential.secret or ""
    for wrong in (right.swapcase(), right[:-1], f"{right}0", f" {right}", "\ud800"):
        assert reason(authenticate(confidential.client.client_id, wrong)) == "client:secret_wrong"


def test_the_digest_is_not_the_secret(confidential: Registered) -> None:
    digest = bytes(Client.objects.get().secret_digest)
    for text in (digest.hex(), digest.decode("latin-1")):
        assert reason(authenticate(confidential.client.client_id, text)) == "client:secret_wrong"


def test_another_client_s_secret_is_refused(confidential: Registered) -> None:
    other = registration.register(CONFIDENTIAL)
    assert reason(authenticate(confidential.client.client_id, other.secret)) == "client:secret_wrong"


def test_a_confidential_client_that_has_no_digest_yet_lets_nobody_in(confidential: Registered) -> None:
    Client.objects.update(secret_digest=b"")
    for secret in ("", "x", "mcs_" + "0" * 49):
        assert isinstance(authenticate(confidential.client.client_id, secret), Refusal)


def test_every_refusal_is_publicly_the_same(public: Registered, confidential: Registered) -> None:
    answers = [
        authenticate(UNKNOWN, None),
        authenticate(public.client.client_id, "x"),
        authenticate(confidential.client.client_id, None),
        authenticate(confidential.client.client_id, "x"),
    ]
    assert len({(each.code, each.description) for each in answers if isinstance(each, Refusal)}) == 1
    assert {each.status for each in answers if isinstance(each, Refusal)} == {401}


def test_junk_costs_one_statement(confidential: Registered, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        authenticate(confidential.client.client_id, "junk" * 1000)


# --- Authenticating: yes


def test_a_public_client_is_itself(public: Registered) -> None:
    assert authenticate(public.client.client_id, None) == public.client
    assert authenticate(public.client.client_id, "") == public.client


def test_a_confidential_client_is_itself_with_its_secret(confidential: Registered) -> None:
    assert authenticate(confidential.client.client_id, confidential.secret) == confidential.client


# --- New secrets


def test_a_replaced_secret_works_on_for_its_overlap_to_the_second(confidential: Registered, world: World) -> None:
    fresh = clients.rotate_secret(confidential.client, by=world.admin.user, now=NOW)
    name, old, over = confidential.client.client_id, confidential.secret, NOW + policy.SECRET_OVERLAP
    assert authenticate(name, fresh) == confidential.client
    assert authenticate(name, old, over - timedelta(seconds=1)) == confidential.client
    assert reason(authenticate(name, old, over)) == "client:secret_wrong"
    assert authenticate(name, fresh, over) == confidential.client


def test_only_the_last_secret_but_one_overlaps(confidential: Registered, world: World) -> None:
    for _ in range(2):
        clients.rotate_secret(confidential.client, by=world.admin.user, now=NOW)
    assert reason(authenticate(confidential.client.client_id, confidential.secret)) == "client:secret_wrong"


def test_a_secret_is_rotated_by_the_clock_too_and_says_who_did_it(confidential: Registered) -> None:
    forget_events()
    clients.rotate_secret(confidential.client, by=None, now=NOW)
    assert Event.objects.get().actor == "system"


def test_a_public_client_cannot_be_given_a_secret(public: Registered, world: World) -> None:
    assert clients.rotate_secret(public.client, by=world.admin.user, now=NOW) is None
    assert authenticate(public.client.client_id, None) == public.client


# --- Registration access tokens


def test_the_token_manages_its_own_client_and_no_other(public: Registered, confidential: Registered) -> None:
    token = public.registration_token or ""
    assert clients.of_registration_token(public.client.client_id, token) == public.client
    assert clients.of_registration_token(confidential.client.client_id, token) is None
    assert clients.of_registration_token(UNKNOWN, token) is None


@pytest.mark.parametrize("token", ["", "x", "mcr_" + "0" * 49, "\ud800"])
def test_another_token_manages_nothing(public: Registered, token: str) -> None:
    assert clients.of_registration_token(public.client.client_id, token) is None


def test_a_blocked_client_manages_nothing(public: Registered) -> None:
    Client.objects.update(is_active=False)
    assert clients.of_registration_token(public.client.client_id, public.registration_token or "") is None


def test_a_client_that_an_administrator_made_has_no_token_to_guess(public: Registered) -> None:
    Client.objects.update(registration_token_digest=b"")
    for token in ("", "\x00"):
        assert clients.of_registration_token(public.client.client_id, token) is None


# --- An administrator's form


def test_a_form_that_turns_a_client_public_drops_its_secret(confidential: Registered, world: World) -> None:
    row = confidential.client
    row.auth_method = "none"
    clients.save_by_administrator(row, by=world.admin.user, changed=["auth_method"], is_new=False)
    saved = Client.objects.get()
    assert (saved.client_type, bytes(saved.secret_digest)) == ("public", b"")


def test_a_form_s_redirect_uris_are_kept_one_space_apart(public: Registered, world: World) -> None:
    row = public.client
    row.redirect_uris = "https://a.example/cb\r\n\r\n  https://b.example/cb\n"
    clients.save_by_administrator(row, by=world.admin.user, changed=["redirect_uris"], is_new=False)
    assert Client.objects.get().redirect_uris == "https://a.example/cb https://b.example/cb"
