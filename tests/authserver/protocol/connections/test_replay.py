"""The verdict on a refresh token that came again: every mixture of what is known."""

from __future__ import annotations

from itertools import product

import pytest

from authserver.protocol.connections.replay import Caller, Verdict, judge

HOME, NEXT_DOOR, ELSEWHERE = "8.8.8.8", "8.8.8.9", "9.9.9.9"
HOME_6, NEXT_DOOR_6, ELSEWHERE_6 = "2001:4860:4860::8888", "2001:4860:4860::1", "2620:fe::fe"
THEFT, LATE = Verdict.THEFT, Verdict.LATE


def verdict(*, used: bool, before: Caller, now: Caller, is_proven: bool = False) -> Verdict:
    return judge(answer_was_used=used, is_proven=is_proven, before=before, now=now).verdict


# --- The answer was used: two hold what one may


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Caller(HOME, "x/1"), Caller(ELSEWHERE, "x/1")),
        (Caller(HOME, "x/1"), Caller(NEXT_DOOR, "x/1")),
        (Caller(HOME, "x/1"), Caller(HOME, "y/1")),
        (Caller(HOME, ""), Caller(HOME, "")),
        (Caller("10.0.0.7", "x/1"), Caller("10.0.0.7", "x/1")),
        (Caller("127.0.0.1", "x/1"), Caller("127.0.0.1", "x/1")),
        (Caller("100.64.1.1", "x/1"), Caller("100.64.1.1", "x/1")),
        (Caller("::1", "x/1"), Caller("::1", "x/1")),
        (Caller(None, "x/1"), Caller(None, "x/1")),
        (Caller(None, ""), Caller(None, "")),
        (Caller(HOME_6, "x/1"), Caller(NEXT_DOOR_6, "x/1")),
        (Caller(HOME, "x/1"), Caller(HOME_6, "x/1")),
    ],
)
def test_a_used_answer_is_theft_unless_all_is_the_very_same_in_public(before: Caller, now: Caller) -> None:
    assert verdict(used=True, before=before, now=now) == THEFT


@pytest.mark.parametrize("address", [HOME, HOME_6])
def test_a_second_process_in_the_very_same_place_is_late(address: str) -> None:
    assert verdict(used=True, before=Caller(address, "x/1"), now=Caller(address, "x/1")) == LATE


# --- The answer was lost


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Caller(HOME, "x/1"), Caller(ELSEWHERE, "y/1")),
        (Caller(HOME, "x/1"), Caller(ELSEWHERE, "")),
        (Caller(HOME, ""), Caller(ELSEWHERE, "")),
        (Caller(None, "x/1"), Caller(None, "y/1")),
        (Caller("10.0.0.7", "x/1"), Caller("10.0.0.7", "y/1")),
        (Caller(HOME_6, "x/1"), Caller(ELSEWHERE_6, "y/1")),
    ],
)
def test_a_lost_answer_is_not_given_to_somebody_who_has_nothing_in_common(before: Caller, now: Caller) -> None:
    assert verdict(used=False, before=before, now=now) == THEFT


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Caller(HOME, "x/1"), Caller(HOME, "x/1")),
        (Caller(HOME, "x/1"), Caller(ELSEWHERE, "x/1")),
        (Caller(HOME, "x/1"), Caller(NEXT_DOOR, "x/2")),
        (Caller(HOME_6, ""), Caller(NEXT_DOOR_6, "")),
        (Caller(None, ""), Caller(None, "")),
        (Caller("127.0.0.1", ""), Caller("127.0.0.1", "")),
        (Caller("127.0.0.1", "x/1"), Caller("127.0.0.1", "x/1")),
    ],
)
def test_a_lost_answer_is_given_again(before: Caller, now: Caller) -> None:
    assert verdict(used=False, before=before, now=now) == LATE


@pytest.mark.parametrize(("used", "now"), list(product([True, False], [Caller(ELSEWHERE, "y"), Caller(None, "")])))
def test_a_client_that_showed_its_secret_is_late_from_wherever(used: bool, now: Caller) -> None:
    assert verdict(used=used, before=Caller(HOME, "x"), now=now, is_proven=True) == LATE


def test_the_reasons_name_what_the_verdict_rests_on() -> None:
    told = judge(answer_was_used=True, is_proven=False, before=Caller(HOME, "x"), now=Caller(NEXT_DOOR, "y"))
    assert told.reasons == ("answer:used", "client:unproven", "address:near", "agent:other")
