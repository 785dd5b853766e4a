"""Refusals: a public code and sentence, a private reason."""

from __future__ import annotations

import re

import pytest

from authserver.protocol import errors
from authserver.protocol.errors import Refusal, Refused

DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §5.2
MADE = [
    errors.invalid_grant("code:unknown"),
    errors.invalid_client("client:unknown"),
    errors.invalid_target("resource:x"),
]


@pytest.mark.covers("RF-18")
@pytest.mark.parametrize("refusal", MADE, ids=lambda refusal: refusal.code)
def test_the_public_half_never_holds_the_private_one(refusal: Refusal) -> None:
    assert set(refusal.body()) == {"error", "error_description"}
    assert refusal.reason not in str(refusal.body())
    assert DESCRIPTION.fullmatch(refusal.description)


@pytest.mark.covers("RF-13", "T17", "Q8")
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_client", 401),
        ("invalid_grant", 400),
        ("invalid_target", 400),
        ("invalid_scope", 400),
        ("slow_down", 429),
    ],
)
def test_each_code_has_its_status(code: str, status: int) -> None:
    assert Refusal(code, "No.", "x:y").status == status


def test_every_dead_code_and_token_is_refused_in_the_same_words() -> None:
    assert errors.invalid_grant("code:replayed").body() == errors.invalid_grant("refresh:unknown").body()


def test_a_refusal_on_its_way_says_its_reason_to_us_only() -> None:
    assert str(Refused(MADE[0])) == "code:unknown"
    assert Refused(MADE[0]).refusal is MADE[0]
