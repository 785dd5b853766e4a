"""The life of a client: registered, found, authenticated, repaired, blocked, deleted."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from authserver import policy
from authserver.models import Client, Event
from authserver.protocol import credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal
from authserver.services import clients
from tests.authserver.services.conftest import NOW, reason
from tests.people import World

pytestmark = pytest.mark.django_db

PUBLIC = ClientMetadata(
    name="ChatGPT",
    redirect_uris=("https://chatgpt.com/connector/oauth/abc", "http://127.0.0.1/cb"),
    auth_method="none",
    may_refresh=True,
    scope="mcp.connect",
    website_url="https://chatgpt.com/",
    policy_url="",
    terms_url="",
    software_id="openai",
    software_version="1",
)
CONFIDENTIAL = replace(PUBLIC, auth_method="client_secret_basic")
UNKNOWN = "8f6f6a2e-0000-4000-8000-000000000000"


@pytest.fixture
def public() -> clients.Registered:
    return clients.register(PUBLIC)


@pytest.fixture
def confidential() -> clients.Registered:
    return clients.register(CONFIDENTIAL)


# --- Finding


@pytest.mark.parametrize("asked", [None, "", UNKNOWN, "x" * 256, "x" * 100_000, "a\x00b", "\x00", "' OR 1=1 --"])
def test_whatever_is_asked_for_an_unknown_client_is_none(public: clients.Registered, asked: str | None) -> None:
    assert clients.find(asked) is None


@pytest.mark.parametrize("asked", [None, "", "x" * 256, "a\x00b"])
def test_an_impossible_id_costs_no_statement(asked: str | None, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        clients.find(asked)


def test_a_blocked_client_is_still_found(public: clients.Registered) -> None:
    Client.objects.update(is_active=False)
    assert clients.find(public.client.client_id) == public.client


# --- Authenticating: no


def test_an_unknown_client_is_refused() -> None:
    assert reason(clients.authenticate(UNKNOWN, None)) == "client:unknown"


def test_a_blocked_client_is_refused_with_the_right_secret(confidential: clients.Registered) -> None:
    Client.objects.update(is_active=False)
    answer = clients.authenticate(confidential.client.client_id, confidential.secret)
    assert reason(answer) == "client:blocked"


@pytest.mark.parametrize("secret", ["x", "mcs_" + "0" * 49])
def test_a_public_client_with_a_secret_is_refused(public: clients.Registered, secret: str) -> None:
    assert reason(clients.authenticate(public.client.client_id, secret)) == "client:secret_from_public_client"


@pytest.mark.parametrize("secret", [None, ""])
def test_a_confidential_client_without_a_secret_is_refused(
    confidential: clients.Registered, secret: str | None
) -> None:
    assert reason(clients.authenticate(confidential.client.client_id, secret)) == "client:secret_missing"


@pytest.mark.parametrize(
    "change", [str.swapcase, lambda s: s[:-1], lambda s: f"{s}0", lambda s: f" {s}", lambda s: "\ud800"]
)
def test_a_secret_that_is_nearly_right_is_refused(confidential: clients.Registered, change) -> None:
    answer = clients.authenticate(confidential.client.client_id, change(confidential.secret))
    assert reason(answer) == "client:secret_wrong"


def test_the_digest_is_not_the_secret(confidential: clients.Registered) -> None:
    digest = bytes(Client.objects.get().secret_digest)
    for text in (digest.hex(), digest.decode("latin-1")):
        assert reason(clients.authenticate(confidential.client.client_id, text)) == "client:secret_wrong"


def test_another_client_s_secret_is_refused(confidential: clients.Registered) -> None:
    other = clients.register(CONFIDENTIAL)
    assert reason(clients.authenticate(confidential.client.client_id, other.secret)) == "client:secret_wrong"


def test_a_confidential_client_that_has_no_digest_yet_lets_nobody_in(confidential: clients.Registered) -> None:
    Client.objects.update(secret_digest=b"")
    for secret in ("", "x", "mcs_" + "0" * 49):
        assert isinstance(clients.authenticate(confidential.client.client_id, secret), Refusal)


def test_every_refusal_is_publicly_the_same(public: clients.Registered, confidential: clients.Registered) -> None:
    answers = [
        clients.authenticate(UNKNOWN, None),
        clients.authenticate(public.client.client_id, "x"),
        clients.authenticate(confidential.client.client_id, None),
        clients.authenticate(confidential.client.client_id, "x"),
    ]
    assert len({(each.code, each.description) for each in answers if isinstance(each, Refusal)}) == 1
    assert {each.status for each in answers if isinstance(each, Refusal)} == {401}


def test_junk_costs_one_statement(confidential: clients.Registered, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        clients.authenticate(confidential.client.client_id, "junk" * 1000)


# --- Authenticating: yes


def test_a_public_client_is_itself(public: clients.Registered) -> None:
    assert clients.authenticate(public.client.client_id, None) == public.client
    assert clients.authenticate(public.client.client_id, "") == public.client


def test_a_confidential_client_is_itself_with_its_secret(confidential: clients.Registered) -> None:
    assert clients.authenticate(confidential.client.client_id, confidential.secret) == confidential.client


# --- Registering


def test_an_id_is_a_uuid_and_secrets_are_kept_as_digests(confidential: clients.Registered) -> None:
    row = Client.objects.get()
    assert UUID(row.client_id).version == 4
    assert bytes(row.secret_digest) == credentials.digest(confidential.secret or "")
    assert bytes(row.registration_token_digest) == credentials.digest(confidential.registration_token or "")
    assert credentials.is_well_formed(confidential.secret or "", policy.CLIENT_SECRET_PREFIX)
    assert credentials.is_well_formed(confidential.registration_token or "", policy.REGISTRATION_TOKEN_PREFIX)


def test_no_secret_shows_in_a_representation(confidential: clients.Registered) -> None:
    for secret in (confidential.secret or "", confidential.registration_token or ""):
        assert secret not in repr(confidential) + str(confidential.client)


def test_a_public_client_has_no_secret(public: clients.Registered) -> None:
    assert public.secret is None
    assert not public.client.has_secret
    assert public.client.client_type == "public"


def test_what_was_said_is_kept(public: clients.Registered) -> None:
    row = Client.objects.get()
    assert row.redirect_uri_list == list(PUBLIC.redirect_uris)
    assert (row.name, row.website_url, row.software_id, row.software_version) == (
        "ChatGPT",
        "https://chatgpt.com/",
        "openai",
        "1",
    )
    assert row.is_active
    assert not row.is_verified


# --- Repairing


def test_an_update_replaces_everything_said_and_keeps_the_id(public: clients.Registered) -> None:
    clients.update(
        public.client, replace(PUBLIC, name="New", redirect_uris=("https://new.example/cb",), website_url="")
    )
    row = Client.objects.get()
    assert (row.client_id, row.name, row.website_url) == (public.client.client_id, "New", "")
    assert row.redirect_uri_list == ["https://new.example/cb"]


def test_an_update_keeps_the_secret_and_says_none(confidential: clients.Registered) -> None:
    told = clients.update(confidential.client, replace(CONFIDENTIAL, auth_method="client_secret_post"))
    assert (told.secret, told.registration_token) == (None, None)
    assert clients.authenticate(confidential.client.client_id, confidential.secret) == confidential.client


def test_a_client_that_turns_public_loses_its_secret_and_back_gets_a_new_one(
    confidential: clients.Registered,
) -> None:
    clients.update(confidential.client, PUBLIC)
    assert bytes(Client.objects.get().secret_digest) == b""
    again = clients.update(confidential.client, CONFIDENTIAL)
    assert again.secret not in (None, confidential.secret)
    assert reason(clients.authenticate(again.client.client_id, confidential.secret)) == "client:secret_wrong"


def test_an_update_does_not_verify_unblock_or_change_the_token(public: clients.Registered) -> None:
    before = bytes(Client.objects.get().registration_token_digest)
    clients.update(public.client, PUBLIC)
    row = Client.objects.get()
    assert bytes(row.registration_token_digest) == before
    assert not row.is_verified


def test_a_new_secret_voids_the_old_one_at_once(confidential: clients.Registered, world: World) -> None:
    fresh = clients.rotate_secret(confidential.client, by=world.admin.user)
    assert reason(clients.authenticate(confidential.client.client_id, confidential.secret)) == "client:secret_wrong"
    assert clients.authenticate(confidential.client.client_id, fresh) == confidential.client


def test_a_public_client_cannot_be_given_a_secret(public: clients.Registered, world: World) -> None:
    assert clients.rotate_secret(public.client, by=world.admin.user) is None
    assert clients.authenticate(public.client.client_id, None) == public.client


# --- Registration access tokens


def test_the_token_manages_its_own_client_and_no_other(
    public: clients.Registered, confidential: clients.Registered
) -> None:
    token = public.registration_token or ""
    assert clients.of_registration_token(public.client.client_id, token) == public.client
    assert clients.of_registration_token(confidential.client.client_id, token) is None
    assert clients.of_registration_token(UNKNOWN, token) is None


@pytest.mark.parametrize("token", ["", "x", "mcr_" + "0" * 49, "\ud800"])
def test_another_token_manages_nothing(public: clients.Registered, token: str) -> None:
    assert clients.of_registration_token(public.client.client_id, token) is None


def test_a_blocked_client_manages_nothing(public: clients.Registered) -> None:
    Client.objects.update(is_active=False)
    assert clients.of_registration_token(public.client.client_id, public.registration_token or "") is None


def test_a_client_that_an_administrator_made_has_no_token_to_guess(public: clients.Registered) -> None:
    Client.objects.update(registration_token_digest=b"")
    for token in ("", "\x00"):
        assert clients.of_registration_token(public.client.client_id, token) is None


# --- The end


def test_a_deleted_client_is_blocked_and_without_secrets_and_its_row_stays(confidential: clients.Registered) -> None:
    clients.delete(confidential.client, now=NOW)
    row = Client.objects.get()
    assert not row.is_active
    assert bytes(row.secret_digest) == bytes(row.registration_token_digest) == b""
    assert row.name == "ChatGPT"
    assert isinstance(clients.authenticate(row.client_id, confidential.secret), Refusal)
    assert Event.objects.filter(tag="client:deleted", client_id=row.client_id).count() == 1


# --- An administrator's form


def test_a_form_that_turns_a_client_public_drops_its_secret(confidential: clients.Registered, world: World) -> None:
    row = confidential.client
    row.auth_method = "none"
    clients.save_by_administrator(row, by=world.admin.user, changed=["auth_method"], is_new=False)
    saved = Client.objects.get()
    assert (saved.client_type, bytes(saved.secret_digest)) == ("public", b"")


def test_a_form_s_redirect_uris_are_kept_one_space_apart(public: clients.Registered, world: World) -> None:
    row = public.client
    row.redirect_uris = "https://a.example/cb\r\n\r\n  https://b.example/cb\n"
    clients.save_by_administrator(row, by=world.admin.user, changed=["redirect_uris"], is_new=False)
    assert Client.objects.get().redirect_uris == "https://a.example/cb https://b.example/cb"
