"""The life of a registration: made, shared by equals, repaired, ended, expired, taken in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from authserver import policy
from authserver.models import Client, Connection, Event
from authserver.protocol import credentials
from authserver.services import batches, clients, registration
from authserver.services.connections import EndReason, Issued
from authserver.services.registration import Registered
from tests.authserver.services.conftest import (
    CONFIDENTIAL,
    NOW,
    PUBLIC,
    Approving,
    approve,
    authenticate,
    exchange,
    issued,
    reason,
    refresh,
)
from tests.people import World

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


# --- Made


def test_an_id_is_a_uuid_and_secrets_are_kept_as_digests(confidential: Registered) -> None:
    row = Client.objects.get()
    assert UUID(row.client_id).version == 4
    assert bytes(row.secret_digest) == credentials.digest(confidential.secret or "")
    assert bytes(row.registration_token_digest) == credentials.digest(confidential.registration_token or "")
    assert credentials.is_well_formed(confidential.secret or "", policy.CLIENT_SECRET_PREFIX)
    assert credentials.is_well_formed(confidential.registration_token or "", policy.REGISTRATION_TOKEN_PREFIX)


def test_no_secret_shows_in_a_representation(confidential: Registered) -> None:
    for secret in (confidential.secret or "", confidential.registration_token or ""):
        assert secret not in repr(confidential) + str(confidential.client)


def test_a_public_client_has_no_secret(public: Registered) -> None:
    assert public.secret is None
    assert not public.client.has_secret
    assert public.client.client_type == "public"


def test_what_was_said_is_kept(public: Registered) -> None:
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


def test_an_update_replaces_everything_said_and_keeps_the_id(public: Registered) -> None:
    registration.update(
        public.client, replace(PUBLIC, name="New", redirect_uris=("https://new.example/cb",), website_url="")
    )
    row = Client.objects.get()
    assert (row.client_id, row.name, row.website_url) == (public.client.client_id, "New", "")
    assert row.redirect_uri_list == ["https://new.example/cb"]


def test_an_update_keeps_the_secret_and_says_none(confidential: Registered) -> None:
    told = registration.update(confidential.client, replace(CONFIDENTIAL, auth_method="client_secret_post"))
    assert (told.secret, told.registration_token) == (None, None)
    assert authenticate(confidential.client.client_id, confidential.secret) == confidential.client


def test_a_client_that_turns_public_loses_its_secret_and_back_gets_a_new_one(
    confidential: Registered,
) -> None:
    registration.update(confidential.client, PUBLIC)
    assert bytes(Client.objects.get().secret_digest) == b""
    again = registration.update(confidential.client, CONFIDENTIAL)
    assert again.secret not in (None, confidential.secret)
    assert reason(authenticate(again.client.client_id, confidential.secret)) == "client:secret_wrong"


def test_an_update_does_not_verify_unblock_or_change_the_token(public: Registered) -> None:
    before = bytes(Client.objects.get().registration_token_digest)
    registration.update(public.client, PUBLIC)
    row = Client.objects.get()
    assert bytes(row.registration_token_digest) == before
    assert not row.is_verified


# --- Shared by equals


@pytest.mark.parametrize(
    "change",
    [{"auth_method": "client_secret_basic"}, {"auth_method": "client_secret_post"}],
)
def test_confidential_clients_never_share(change: dict[str, str]) -> None:
    said = replace(PUBLIC, **change)
    assert registration.register(said).client != registration.register(said).client


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Claude"},
        {"redirect_uris": PUBLIC.redirect_uris[:1]},
        {"redirect_uris": ("https://chatgpt.com/connector/oauth/abd", "http://127.0.0.1/cb")},
        {"redirect_uris": ("https://chatgpt.com:8443/connector/oauth/abc", "http://127.0.0.1/cb")},
        {"redirect_uris": (PUBLIC.redirect_uris[0], "http://localhost/cb")},
        {"may_refresh": False},
        {"website_url": "https://evil.example/"},
        {"policy_url": "https://evil.example/"},
        {"software_id": "other"},
        {"software_version": "2"},
    ],
    ids=str,
)
def test_public_clients_that_differ_in_anything_people_see_never_share(
    public: Registered, change: dict[str, str]
) -> None:
    assert registration.register(replace(PUBLIC, **change)).client != public.client


def test_what_an_administrator_registers_is_shared_with_nobody() -> None:
    by_hand = registration.register(PUBLIC, is_manual=True).client
    assert registration.register(PUBLIC).client != by_hand
    assert registration.register(PUBLIC, is_manual=True).client != by_hand


def test_after_a_second_registration_nobody_can_change_what_both_use(public: Registered) -> None:
    again = registration.register(PUBLIC)
    assert again.client == public.client
    assert (again.secret, again.registration_token) == (None, None)
    assert clients.of_registration_token(public.client.client_id, public.registration_token or "") is None


def test_a_blocked_client_stays_blocked_however_often_it_registers(public: Registered) -> None:
    Client.objects.update(is_active=False)
    again = registration.register(PUBLIC)
    assert reason(authenticate(again.client.client_id, None)) == "client:blocked"


def test_a_client_that_was_repaired_is_joined_by_nobody(public: Registered) -> None:
    registration.update(public.client, PUBLIC)
    assert registration.register(PUBLIC).client != public.client


def test_a_client_that_an_administrator_shaped_is_joined_by_nobody(public: Registered, world: World) -> None:
    public.client.is_verified = True
    clients.save_by_administrator(public.client, by=world.admin.user, changed=["is_verified"], is_new=False)
    assert not registration.register(PUBLIC).client.is_verified


@pytest.mark.parametrize("end", ["deleted", "expired"])
def test_a_registration_that_ended_is_joined_by_nobody(public: Registered, end: str) -> None:
    if end == "deleted":
        registration.delete(public.client, now=NOW)
    else:
        registration.expire_unused(now=public.client.created + policy.UNUSED_REGISTRATION_LIFETIME + DAY)
    fresh = registration.register(PUBLIC)
    assert fresh.client != public.client
    assert authenticate(fresh.client.client_id, None) == fresh.client


def test_a_thousand_equal_registrations_are_one_row_and_one_event(public: Registered) -> None:
    said = [
        replace(PUBLIC, redirect_uris=(PUBLIC.redirect_uris[0], f"http://127.0.0.1:{port}/cb")) for port in (80, 99)
    ]
    ids = {registration.register(each).client.client_id for each in [*said, replace(PUBLIC, scope="links.read")] * 5}
    assert ids == {public.client.client_id}
    assert Event.objects.filter(tag="client:registered").count() == 1


def test_each_registrant_is_told_its_own_redirect_uris(public: Registered) -> None:
    mine = (PUBLIC.redirect_uris[0], "http://127.0.0.1:4711/cb")
    assert registration.register(replace(PUBLIC, redirect_uris=mine)).redirect_uris == mine


# --- The end


def test_a_deleted_client_is_a_tombstone_without_secrets(confidential: Registered) -> None:
    registration.delete(confidential.client, now=NOW)
    row = Client.objects.get()
    assert row.expired_at == NOW
    assert {bytes(row.secret_digest), bytes(row.previous_secret_digest), bytes(row.registration_token_digest)} == {b""}
    assert row.name == "ChatGPT"
    assert reason(authenticate(row.client_id, confidential.secret)) == "client:expired"
    assert clients.of_registration_token(row.client_id, confidential.registration_token or "") is None


def test_deleting_ends_the_connections_of_this_client_only(
    pair: Issued, client_row: Client, public: Registered
) -> None:
    registration.delete(public.client, now=NOW)
    assert Connection.objects.get().is_live
    registration.delete(client_row, now=NOW)
    assert Connection.objects.get().end_reason == EndReason.CLIENT_DELETED
    assert reason(refresh(pair.refresh_token, client_row)) == "client:expired"


# --- Unused


def ends_at(client: Client, now) -> bool:
    registration.expire_unused(now=now)
    client.refresh_from_db()
    return client.expired_at is not None


def test_a_registration_that_nobody_used_ends_after_its_month(public: Registered) -> None:
    made = public.client.created
    assert not ends_at(public.client, made + policy.UNUSED_REGISTRATION_LIFETIME)
    assert ends_at(public.client, made + policy.UNUSED_REGISTRATION_LIFETIME + timedelta(seconds=1))
    assert Event.objects.filter(tag="client:expired", client_id=public.client.client_id).count() == 1


def test_a_registration_that_was_used_lives_two_years_beyond_its_last_use(public: Registered) -> None:
    clients.mark_used([public.client], now=NOW)
    assert not ends_at(public.client, NOW + policy.IDLE_REGISTRATION_LIFETIME)
    assert ends_at(public.client, NOW + policy.IDLE_REGISTRATION_LIFETIME + timedelta(seconds=1))


def test_a_registration_with_a_live_connection_never_ends(pair: Issued, client_row: Client) -> None:
    assert not ends_at(client_row, NOW + policy.IDLE_REGISTRATION_LIFETIME * 5)


@pytest.mark.parametrize("source", ["manual", "cimd"])
def test_what_did_not_register_itself_never_expires(public: Registered, source: str) -> None:
    Client.objects.update(registration_source=source)
    assert not ends_at(public.client, NOW + policy.IDLE_REGISTRATION_LIFETIME * 5)


def test_a_tombstone_of_what_was_never_used_goes_after_a_year_and_of_what_was_used_stays(
    public: Registered, confidential: Registered
) -> None:
    clients.mark_used([confidential.client], now=NOW)
    late = NOW + policy.IDLE_REGISTRATION_LIFETIME + DAY
    assert registration.expire_unused(now=late) == 2
    registration.expire_unused(now=late + policy.TOMBSTONE_LIFETIME)
    assert Client.objects.count() == 2
    registration.expire_unused(now=late + policy.TOMBSTONE_LIFETIME + DAY)
    assert Client.objects.get() == confidential.client


def test_batches_are_worked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    for number in range(5):
        registration.register(replace(PUBLIC, name=f"Client {number}"))
    assert registration.expire_unused(now=NOW + policy.IDLE_REGISTRATION_LIFETIME) == 5


def test_use_is_noted_once_a_day(public: Registered) -> None:
    clients.mark_used([public.client], now=NOW)
    public.client.refresh_from_db()
    clients.mark_used([public.client], now=NOW + policy.CLIENT_LAST_USED_RESOLUTION)
    public.client.refresh_from_db()
    assert public.client.last_used_at == NOW
    clients.mark_used([public.client], now=NOW + policy.CLIENT_LAST_USED_RESOLUTION + timedelta(seconds=1))
    public.client.refresh_from_db()
    assert public.client.last_used_at == NOW + policy.CLIENT_LAST_USED_RESOLUTION + timedelta(seconds=1)


def test_allowing_and_exchanging_are_use(approval: Approving, client_row: Client) -> None:
    assert Client.objects.get(pk=client_row.pk).last_used_at is None
    code = approve(approval())
    assert Client.objects.get(pk=client_row.pk).last_used_at == NOW
    assert issued(exchange(code, client_row))
