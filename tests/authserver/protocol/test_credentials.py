"""The form of secrets: fixed for good, because scanners, resource servers and rows depend on it."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol import credentials

PREFIXES = [
    policy.ACCESS_TOKEN_PREFIX,
    policy.REFRESH_TOKEN_PREFIX,
    policy.PERSONAL_ACCESS_TOKEN_PREFIX,
    policy.RESOURCE_SERVER_SECRET_PREFIX,
    policy.CLIENT_SECRET_PREFIX,
    policy.REGISTRATION_TOKEN_PREFIX,
    "",
]
# Computed apart from the code: base62 (0-9A-Za-z) of the number, 43 digits, and of the CRC-32, 6 digits.
VECTORS = [
    ("mcpv1_", bytes(32), "mcpv1_00000000000000000000000000000000000000000000x4UqE"),
    ("mcpv1_", bytes(range(32)), "mcpv1_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0SRUeU"),
    ("mcprt_", b"\xff" * 32, "mcprt_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10WZa9k"),
    ("", b"\x01" + bytes(31), "0EhWuMzfS7MPuxAu520Mu4XwCuyZfalRej3Z8gTlzA84OW3lE"),
]
prefixes = st.sampled_from(PREFIXES)
randoms = st.binary(min_size=32, max_size=32)


@pytest.mark.covers("req:B1")
@pytest.mark.parametrize(("prefix", "random", "secret"), VECTORS)
def test_the_fixed_vectors(prefix: str, random: bytes, secret: str) -> None:
    assert credentials.encode(prefix, random) == secret
    assert credentials.is_well_formed(secret, prefix)


@given(prefixes, randoms)
def test_every_secret_is_well_formed_of_its_kind_only(prefix: str, random: bytes) -> None:
    secret = credentials.encode(prefix, random)
    assert re.fullmatch(re.escape(prefix) + r"[0-9A-Za-z]{49}", secret)
    assert [each for each in PREFIXES if credentials.is_well_formed(secret, each)] == [prefix]


@pytest.mark.covers("Q10")
@given(prefixes, randoms)
def test_a_secret_needs_no_escaping_anywhere(prefix: str, random: bytes) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", credentials.encode(prefix, random))


@given(randoms, randoms)
def test_two_random_values_never_share_a_secret(one: bytes, two: bytes) -> None:
    assert (credentials.encode("x_", one) == credentials.encode("x_", two)) == (one == two)


@given(randoms, st.integers(0, 54), st.sampled_from(credentials.ALPHABET + "_-+/= é\x00\ud800"))
def test_one_changed_character_is_noticed(random: bytes, place: int, character: str) -> None:
    secret = credentials.encode("mcpv1_", random)
    changed = secret[:place] + character + secret[place + 1 :]
    assert credentials.is_well_formed(changed, "mcpv1_") == (changed == secret)


@given(randoms, st.integers(0, 53))
def test_two_exchanged_characters_are_noticed(random: bytes, place: int) -> None:
    secret = credentials.encode("mcpv1_", random)
    changed = secret[:place] + secret[place + 1] + secret[place] + secret[place + 2 :]
    assert credentials.is_well_formed(changed, "mcpv1_") == (changed == secret)


@given(st.text(), prefixes)
def test_no_other_text_is_well_formed(text: str, prefix: str) -> None:
    assert not credentials.is_well_formed(text, prefix)
    assert not credentials.is_well_formed(prefix + text, prefix)


@pytest.mark.parametrize(
    "text",
    ["", "mcpv1_", "mcpv1_" + "0" * 49, " " + VECTORS[0][2], VECTORS[0][2] + "\n", VECTORS[0][2].swapcase(), "٣" * 55],
)
def test_look_alikes_are_refused(text: str) -> None:
    assert not credentials.is_well_formed(text, "mcpv1_")


def test_no_prefix_begins_another() -> None:
    named = [prefix for prefix in PREFIXES if prefix]
    assert [(one, two) for one in named for two in named if one != two and one.startswith(two)] == []


def test_generated_secrets_differ_and_are_of_256_random_bits() -> None:
    made = {credentials.generate("mcpv1_") for _ in range(200)}
    assert len(made) == 200
    assert credentials.RANDOM_BYTES * 8 == 256
    assert all(credentials.is_well_formed(each, "mcpv1_") for each in made)


@given(st.text(st.characters(codec=None), max_size=30))
def test_any_text_has_a_digest_of_32_bytes(text: str) -> None:
    assert len(credentials.digest(text)) == 32


def test_a_digest_is_the_sha_256_of_the_whole_secret() -> None:
    assert credentials.digest("mcpv1_") == hashlib.sha256(b"mcpv1_").digest()
    assert credentials.digest("\ud800") != credentials.digest("?")
