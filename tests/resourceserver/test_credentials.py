"""The written definition of a bridge credential, as vectors; the authorization server holds to the same ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resourceserver.credentials import ALPHABET, base62, is_well_formed
from tests.resourceserver.fakes import credential

# The 32 random bytes in hexadecimal, and the credential they make.
VECTORS = [
    ("00" * 32, "mcpv1_00000000000000000000000000000000000000000000x4UqE"),
    (bytes(range(32)).hex(), "mcpv1_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0SRUeU"),
    ("ff" * 32, "mcpv1_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12v8IKk"),
    (
        "822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757",
        "mcpv1_UrkpV03PVchVgXme2M6dpIihgYydUhimH9dZugl6CwR054NyK",
    ),
]
GOOD = VECTORS[1][1]


@pytest.mark.parametrize(("secret", "text"), VECTORS)
def test_a_vector_of_the_definition_is_well_formed(secret: str, text: str):
    assert is_well_formed(text)
    assert text[6:49] == base62(int(secret, 16), width=43)


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_every_256_bit_secret_makes_a_well_formed_credential(secret: int):
    assert is_well_formed(credential(secret))


@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.sampled_from(ALPHABET))
def test_one_changed_character_is_always_noticed(place: int, character: str):
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    assert is_well_formed(changed) is (changed == GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mcpv1_",
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD,
        GOOD.upper(),
        GOOD.replace("mcpv1_", "mcpv2_"),
        GOOD.replace("mcpv1_", "pat_"),
        GOOD.replace("mcpv1_", "mcprt_"),
        GOOD.replace("003", "00\u0663"),
        "eyJhbGciOiJIUzI1NiJ9.e30.XXXX",
    ],
)
def test_another_shape_is_refused(text: str):
    assert not is_well_formed(text)


def test_a_number_above_256_bits_is_refused_even_with_a_good_checksum():
    assert not is_well_formed(credential(2**256))
