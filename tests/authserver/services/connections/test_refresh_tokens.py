"""Rotation is idempotent within the leeway, and a late replay ends the connection."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authserver import policy
from authserver.models import AccessToken, Client, Connection, Event, RefreshToken
from authserver.protocol import credentials
from authserver.services import connections
from authserver.services.connections import EndReason, Issued, sealing
from tests.authserver.services.conftest import NOW, READS, issued, reason, refresh, seen
from tests.authserver.services.connections.test_connections import other_client

SECOND = timedelta(seconds=1)
LEEWAY = policy.REFRESH_LEEWAY
IDLE = policy.REFRESH_TOKEN_IDLE_LIFETIME


def row_of(token: str | None) -> RefreshToken:
    return RefreshToken.objects.get(digest=credentials.digest(token or ""))


# --- No


def test_an_unknown_token_is_refused(pair: Issued, client_row: Client) -> None:
    assert reason(refresh(credentials.generate("mcprt_"), client_row)) == "refresh:unknown"
    assert reason(refresh(pair.access_token, client_row)) == "refresh:unknown"


def test_a_token_of_another_client_is_refused_and_not_taken_for_a_replay(pair: Issued, client_row: Client) -> None:
    refresh(pair.refresh_token, client_row)
    assert reason(refresh(pair.refresh_token, other_client(), NOW + timedelta(days=1))) == "refresh:foreign_client"
    assert Connection.objects.get().is_live


def test_an_idle_token_runs_out_to_the_second(pair: Issued, client_row: Client) -> None:
    assert reason(refresh(pair.refresh_token, client_row, NOW + IDLE)) == "refresh:expired"
    assert issued(refresh(pair.refresh_token, client_row, NOW + IDLE - SECOND))


def test_a_token_that_ran_out_ends_nothing_by_being_shown(pair: Issued, client_row: Client) -> None:
    refresh(pair.refresh_token, client_row, NOW + IDLE)
    assert Connection.objects.get().is_live


@pytest.mark.parametrize(
    ("after", "replayed"),
    [
        (timedelta(0), False),
        (SECOND, False),
        (LEEWAY, False),
        (LEEWAY + timedelta(microseconds=1), True),
        (LEEWAY + SECOND, True),
        (IDLE + timedelta(days=1), True),
    ],
)
def test_the_leeway_ends_to_the_microsecond(pair: Issued, client_row: Client, after: timedelta, replayed: bool) -> None:
    seen(issued(refresh(pair.refresh_token, client_row)))
    answer = refresh(pair.refresh_token, client_row, NOW + after)
    if replayed:
        assert reason(answer) == "refresh:replayed"
    else:
        assert issued(answer)
    assert Connection.objects.get().is_live is not replayed


def test_a_replay_ends_the_connection_for_the_newest_pair_too(pair: Issued, client_row: Client) -> None:
    newer = issued(refresh(pair.refresh_token, client_row))
    newest = issued(refresh(newer.refresh_token, client_row))
    refresh(pair.refresh_token, client_row, NOW + LEEWAY + SECOND)
    assert reason(refresh(newest.refresh_token, client_row)) == "connection:ended_refresh_replay"
    tags = Event.objects.filter(tag__in=["refresh:replayed", "connection:revoked"]).values_list("tag", flat=True)
    assert sorted(tags) == ["connection:revoked", "refresh:replayed"]


def test_a_replay_on_an_ended_connection_is_refused_and_not_told_again(pair: Issued, client_row: Client) -> None:
    refresh(pair.refresh_token, client_row)
    connections.revoke(Connection.objects.get(), reason=EndReason.PERSON, now=NOW)
    answer = refresh(pair.refresh_token, client_row, NOW + LEEWAY + SECOND)
    assert reason(answer) == "connection:ended_person"
    assert not Event.objects.filter(tag="refresh:replayed").exists()


def test_a_pair_is_not_answered_again_after_the_connection_ended(pair: Issued, client_row: Client) -> None:
    refresh(pair.refresh_token, client_row)
    connections.revoke(Connection.objects.get(), reason=EndReason.PERSON, now=NOW)
    assert reason(refresh(pair.refresh_token, client_row)) == "connection:ended_person"


# --- The same pair


def test_the_same_token_answers_the_same_pair_and_issues_nothing_more(pair: Issued, client_row: Client) -> None:
    first = issued(refresh(pair.refresh_token, client_row))
    again = issued(refresh(pair.refresh_token, client_row, NOW + LEEWAY))
    assert (again.access_token, again.refresh_token) == (first.access_token, first.refresh_token)
    assert (again.scopes, again.expires_at) == (first.scopes, first.expires_at)
    assert (AccessToken.objects.count(), RefreshToken.objects.count()) == (2, 2)
    assert Event.objects.filter(tag="credential:refreshed").count() == 1


def test_the_same_token_answers_the_newest_pair_once_its_own_was_refreshed(pair: Issued, client_row: Client) -> None:
    """With the replaced pair, its holder would look like a thief at the next turn."""
    first = issued(refresh(pair.refresh_token, client_row))
    second = issued(refresh(first.refresh_token, client_row, NOW + SECOND))
    third = issued(refresh(second.refresh_token, client_row, NOW + 2 * SECOND))
    again = issued(refresh(pair.refresh_token, client_row, NOW + LEEWAY))
    assert (again.refresh_token, again.access_token) == (third.refresh_token, third.access_token)
    assert RefreshToken.objects.filter(rotated_at=None).count() == 1


def test_a_successor_that_ran_out_within_the_leeway_is_replaced_once(
    pair: Issued, client_row: Client, settings
) -> None:
    settings.ACCESS_TOKEN_LIFETIME_SECONDS = 5
    first = issued(refresh(pair.refresh_token, client_row))
    late = NOW + timedelta(seconds=5)
    replaced = issued(refresh(pair.refresh_token, client_row, late))
    assert replaced.access_token != first.access_token
    assert replaced.refresh_token == first.refresh_token
    assert replaced.expires_at == late + timedelta(seconds=5)
    again = issued(refresh(pair.refresh_token, client_row, late + SECOND))
    assert again.access_token == replaced.access_token


def test_a_replaced_successor_does_not_make_the_leeway_longer(pair: Issued, client_row: Client, settings) -> None:
    settings.ACCESS_TOKEN_LIFETIME_SECONDS = 5
    refresh(pair.refresh_token, client_row)
    seen(issued(refresh(pair.refresh_token, client_row, NOW + LEEWAY)))
    assert reason(refresh(pair.refresh_token, client_row, NOW + LEEWAY + SECOND)) == "refresh:replayed"


def test_asking_again_for_less_answers_what_was_answered(pair: Issued, client_row: Client) -> None:
    first = issued(refresh(pair.refresh_token, client_row))
    again = issued(refresh(pair.refresh_token, client_row, scope_list=("mcp.connect",)))
    assert (again.access_token, again.scopes) == (first.access_token, READS)


# --- What is kept


def test_the_database_alone_opens_no_successor(pair: Issued, client_row: Client) -> None:
    newer = issued(refresh(pair.refresh_token, client_row))
    kept = row_of(pair.refresh_token)
    sealed = bytes(kept.sealed_successor or b"")
    for known in (kept.digest, row_of(newer.refresh_token).digest):
        assert sealing.unseal(bytes(known).hex(), sealed) is None
    assert newer.access_token.encode() not in sealed
    assert (newer.refresh_token or "").encode() not in sealed


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_successor_cannot_be_opened_with_the_pair_itself(pair: Issued, client_row: Client, which: str) -> None:
    newer = issued(refresh(pair.refresh_token, client_row))
    sealed = bytes(row_of(pair.refresh_token).sealed_successor or b"")
    assert sealing.unseal(getattr(newer, which), sealed) is None
    assert sealing.unseal(pair.access_token, sealed) is None
    assert sealing.unseal(pair.refresh_token or "", sealed) is not None


def test_a_token_that_was_not_rotated_keeps_no_successor(pair: Issued) -> None:
    assert row_of(pair.refresh_token).sealed_successor is None
    assert row_of(pair.refresh_token).rotated_at is None


# --- Time


def test_each_rotation_starts_the_idle_time_again(pair: Issued, client_row: Client) -> None:
    held, now = pair, NOW
    for _ in range(5):
        now += IDLE - SECOND
        held = issued(refresh(held.refresh_token, client_row, now))
    assert row_of(held.refresh_token).expires_at == now + IDLE


def test_the_access_token_before_lives_to_its_own_end(pair: Issued, client_row: Client) -> None:
    refresh(pair.refresh_token, client_row, NOW + timedelta(minutes=9))
    before = AccessToken.objects.get(digest=credentials.digest(pair.access_token))
    assert before.expires_at == NOW + policy.ACCESS_TOKEN_LIFETIME
