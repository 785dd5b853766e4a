"""Purging removes what can no longer matter, in batches, and never what still works."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken
from authserver.services import purge
from authserver.services.connections import Issued
from handles.models import Handle
from tests.authserver.services.conftest import NOW, Approving, approve, exchange, issued, reason, refresh, seen

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LIFETIME = policy.ACCESS_TOKEN_LIFETIME
IDLE = policy.REFRESH_TOKEN_IDLE_LIFETIME


def rows() -> tuple[int, int, int]:
    return AuthorizationCode.objects.count(), AccessToken.objects.count(), RefreshToken.objects.count()


@pytest.mark.parametrize(
    "now",
    [NOW, NOW + policy.ACCESS_TOKEN_LIFETIME - SECOND, NOW + LIFETIME + purge.TOKEN_RETENTION],
)
def test_what_is_live_or_just_ran_out_stays(pair: Issued, now) -> None:
    assert purge.purge_expired(now=now) == 0
    assert rows() == (1, 1, 1)
    assert Connection.objects.get().is_live


def test_an_access_token_goes_an_hour_after_it_ran_out_and_its_refresh_token_works_on(
    pair: Issued, client_row: Client
) -> None:
    now = NOW + LIFETIME + purge.TOKEN_RETENTION + SECOND
    assert purge.purge_expired(now=now) == 1
    assert rows() == (1, 0, 1)
    assert issued(refresh(pair.refresh_token, client_row, now))


def test_a_rotated_token_stays_to_its_own_end_so_that_a_late_replay_is_noticed(
    pair: Issued, client_row: Client
) -> None:
    seen(issued(refresh(pair.refresh_token, client_row, NOW + DAY)))
    purge.purge_expired(now=NOW + IDLE + purge.TOKEN_RETENTION)
    assert RefreshToken.objects.count() == 2
    assert reason(refresh(pair.refresh_token, client_row, NOW + IDLE - SECOND)) == "refresh:replayed"


def test_a_redeemed_code_stays_as_long_as_what_it_brought_could_live_unused(
    pair: Issued, client_row: Client, approval: Approving
) -> None:
    code = approve(approval())
    exchange(code, client_row)
    purge.purge_expired(now=NOW + IDLE)
    assert AuthorizationCode.objects.count() == 2
    assert (
        reason(exchange(code, client_row, NOW + IDLE - DAY)) == "code:replayed" or not Connection.objects.get().is_live
    )


def test_after_all_of_it_ran_out_nothing_is_left_but_the_connection_that_ended(pair: Issued) -> None:
    purge.purge_expired(now=NOW + IDLE + IDLE)
    assert rows() == (0, 0, 0)
    ended = Connection.objects.get()
    assert (ended.end_reason, ended.ended_at) == ("unused", NOW + IDLE + IDLE)


def test_a_connection_that_is_kept_refreshed_is_never_ended(pair: Issued, client_row: Client) -> None:
    held, now = pair, NOW
    for _ in range(5):
        now += IDLE - SECOND
        purge.purge_expired(now=now)
        held = issued(refresh(held.refresh_token, client_row, now))
    assert Connection.objects.get().is_live
    assert RefreshToken.objects.count() <= 3


def test_a_connection_without_refresh_tokens_ends_with_its_access_token(
    approval: Approving, client_row: Client
) -> None:
    Client.objects.update(may_refresh=False)
    exchange(approve(approval()), client_row)
    assert purge.end_unused(now=NOW + LIFETIME - SECOND) == 0
    assert purge.end_unused(now=NOW + LIFETIME) == 1


def test_a_connection_whose_code_was_never_fetched_ends(approval: Approving) -> None:
    approve(approval())
    assert purge.end_unused(now=NOW + policy.AUTHORIZATION_CODE_LIFETIME - SECOND) == 0
    assert purge.end_unused(now=NOW + policy.AUTHORIZATION_CODE_LIFETIME) == 1
    assert purge.end_unused(now=NOW + policy.AUTHORIZATION_CODE_LIFETIME) == 0


def test_what_works_of_others_is_not_touched(pair: Issued, approval: Approving, client_row: Client) -> None:
    later = NOW + timedelta(days=20)
    other = issued(exchange(approve(approval(handle=Handle.objects.get(slug="globex")), later), client_row, later))
    assert purge.end_unused(now=NOW + IDLE) == 1
    assert Connection.objects.get(ended_at=None).handle.slug == "globex"
    assert issued(refresh(other.refresh_token, client_row, NOW + IDLE))


def test_all_batches_are_worked_through(
    pair: Issued, client_row: Client, approval: Approving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(6):
        exchange(approve(approval()), client_row)
    assert rows() == (7, 7, 7)
    assert purge.purge_expired(now=NOW + IDLE + IDLE) == 21 + 1  # and the mail about it
    assert rows() == (0, 0, 0)


def test_one_batch_is_bounded(pair: Issued, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    with django_assert_max_num_queries(16):
        assert purge._purge(AccessToken, NOW + DAY) == 1


def test_nothing_to_do_is_done_quickly(world, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(16):
        assert purge.purge_expired(now=NOW) == 0
