"""Sealing: only the holder of the very token opens what it sealed."""

from __future__ import annotations

import pytest

from authserver import policy
from authserver.protocol import credentials
from authserver.services.connections import sealing

TOKEN = credentials.encode(policy.REFRESH_TOKEN_PREFIX, bytes(32))
TEXT = '["mcpv1_…", "mcprt_…"]'


@pytest.mark.parametrize(
    "other",
    [
        "",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.swapcase(),
        f" {TOKEN}",
        credentials.encode(policy.REFRESH_TOKEN_PREFIX, bytes([1] * 32)),
    ],
)
def test_another_token_opens_nothing(other: str) -> None:
    assert sealing.unseal(other, sealing.seal(TOKEN, TEXT)) is None


def test_the_digest_that_the_database_keeps_opens_nothing() -> None:
    digest = credentials.digest(TOKEN)
    for text in (digest.hex(), digest.decode("latin-1")):
        assert sealing.unseal(text, sealing.seal(TOKEN, TEXT)) is None


@pytest.mark.parametrize("place", [0, sealing.NONCE_BYTES, -1])
def test_a_changed_byte_opens_nothing(place: int) -> None:
    sealed = bytearray(sealing.seal(TOKEN, TEXT))
    sealed[place] ^= 1
    assert sealing.unseal(TOKEN, bytes(sealed)) is None


@pytest.mark.parametrize("length", range(8))
def test_what_is_cut_short_opens_nothing(length: int) -> None:
    assert sealing.unseal(TOKEN, sealing.seal(TOKEN, TEXT)[:length]) is None


@pytest.mark.parametrize("length", [8, sealing.NONCE_BYTES, sealing.NONCE_BYTES + 1, sealing.NONCE_BYTES + 16])
def test_what_has_no_whole_text_opens_nothing(length: int) -> None:
    assert sealing.unseal(TOKEN, sealing.seal(TOKEN, TEXT)[:length]) is None


def test_the_same_text_is_sealed_differently_each_time_and_shows_nothing() -> None:
    one, other = sealing.seal(TOKEN, TEXT), sealing.seal(TOKEN, TEXT)
    assert one != other
    assert b"mcpv1_" not in one


def test_the_token_opens_what_it_sealed() -> None:
    assert sealing.unseal(TOKEN, sealing.seal(TOKEN, TEXT)) == TEXT
    assert sealing.unseal(TOKEN, memoryview(sealing.seal(TOKEN, TEXT))) == TEXT  # type: ignore[arg-type]
