"""Purging removes what can no longer matter, in batches, and never what still works."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken
from authserver.services import batches, connections, purge
from authserver.services.batches import Pace
from authserver.services.connections import Issued
from authserver.tasks import end_unused
from handles.models import Handle
from tests.authserver.services.conftest import NOW, Approving, approve, exchange, issued, reason, refresh, seen

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LIFETIME = policy.ACCESS_TOKEN_LIFETIME
IDLE = policy.REFRESH_TOKEN_IDLE_LIFETIME
GONE = NOW + IDLE + purge.TOKEN_RETENTION + SECOND  # when the refresh token of NOW is removed


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
    purge.purge_expired(now=GONE)
    assert Connection.objects.get(ended_at=None).handle.slug == "globex"
    assert issued(refresh(other.refresh_token, client_row, GONE))


def test_all_batches_are_worked_through(
    pair: Issued, client_row: Client, approval: Approving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    for _ in range(6):
        exchange(approve(approval()), client_row)
    assert rows() == (7, 7, 7)
    assert purge.purge_expired(now=NOW + IDLE + IDLE) == 21 + 1  # and the mail about it
    assert rows() == (0, 0, 0)


def test_one_batch_costs_as_many_statements_as_any_other(
    pair: Issued, approval: Approving, client_row: Client, django_assert_max_num_queries
) -> None:
    for _ in range(6):
        exchange(approve(approval()), client_row)
    rows = AccessToken.objects.filter(expires_at__lt=NOW + DAY)
    with django_assert_max_num_queries(5):  # two of them begin and end the transaction
        assert batches.remove(rows, by="expires_at", pace=Pace(DAY)) == 7


def test_nothing_to_do_is_done_quickly(world, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(23):
        assert purge.purge_expired(now=NOW) == 0


def test_a_connection_ends_within_an_hour_of_its_last_refresh_token(pair: Issued) -> None:
    for now in (NOW + DAY, NOW + IDLE - SECOND):
        purge.purge_expired(now=now)
        assert Connection.objects.get().is_live
    purge.purge_expired(now=GONE)
    assert Connection.objects.get().end_reason == "unused"


def test_a_connection_is_ended_before_the_row_that_leads_to_it_is_removed(
    pair: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "end_if_nobody_holds_it", lambda pk, *, now: 1 / 0)  # cut off at this point
    with pytest.raises(ZeroDivisionError):
        purge.purge_expired(now=NOW + IDLE + IDLE)
    assert RefreshToken.objects.count() + AccessToken.objects.count() + AuthorizationCode.objects.count() >= 1
    assert Connection.objects.get().is_live
    monkeypatch.undo()
    purge.purge_expired(now=NOW + IDLE + IDLE)
    assert (rows(), Connection.objects.get().end_reason) == ((0, 0, 0), "unused")


def test_a_connection_that_is_gone_when_its_turn_comes_stops_nothing(
    pair: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(pk: UUID, *, now: datetime) -> bool:
        Connection.objects.filter(pk=pk).delete()
        return ends(pk, now=now)

    ends = connections.end_if_nobody_holds_it
    monkeypatch.setattr(connections, "end_if_nobody_holds_it", gone)
    purge.purge_expired(now=NOW + IDLE + IDLE)
    assert rows() == (0, 0, 0)


def test_a_refresh_just_before_the_end_keeps_the_connection_though_the_purge_had_chosen_it(
    pair: Issued, client_row: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(pk: UUID, *, now: datetime) -> bool:
        refresh(pair.refresh_token, client_row, NOW + IDLE - SECOND)  # committed after the purge looked, before it acts
        return ends(pk, now=now)

    ends = connections.end_if_nobody_holds_it
    monkeypatch.setattr(connections, "end_if_nobody_holds_it", late)
    purge.purge_expired(now=GONE)
    assert Connection.objects.get().is_live


def test_an_access_token_outlives_its_refresh_token_and_so_does_the_connection(pair: Issued) -> None:
    AccessToken.objects.update(expires_at=NOW + IDLE + DAY)
    purge.purge_expired(now=GONE)
    assert (RefreshToken.objects.count(), Connection.objects.get().is_live) == (0, True)
    purge.purge_expired(now=NOW + IDLE + DAY + purge.TOKEN_RETENTION + SECOND)
    assert (AccessToken.objects.count(), Connection.objects.get().is_live) == (0, False)


def test_a_run_without_time_does_nothing_and_the_next_one_all_of_it(pair: Issued) -> None:
    assert purge.purge_expired(now=NOW + IDLE + IDLE, pace=Pace(timedelta())) == 0
    assert rows() == (1, 1, 1)
    assert purge.purge_expired(now=NOW + IDLE + IDLE) == 3 + 1  # and the mail about it


def test_a_code_that_nobody_fetched_while_no_purge_ran_is_found_by_the_nightly_look(approval: Approving) -> None:
    approve(approval())
    purge.purge_expired(now=NOW + DAY)
    assert Connection.objects.get().is_live
    assert end_unused.delay().result == 1
    assert Connection.objects.get().end_reason == "unused"
