"""Query strings and forms, read strictly."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol import parameters
from authserver.protocol.errors import Refusal
from authserver.protocol.parameters import Parameters

whole_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in (*range(32), 127)]),
    min_size=1,
    max_size=12,
)


def read(raw: str) -> Parameters:
    found = parameters.parse(raw)
    assert isinstance(found, Parameters), found
    return found


@given(st.dictionaries(whole_text, whole_text, max_size=10))
def test_what_was_written_is_read(written: dict[str, str]) -> None:
    assert dict(read(urlencode(written)).items()) == written


@pytest.mark.covers("RF-07")
def test_only_a_resource_may_come_twice() -> None:
    assert read("resource=a&resource=b").all("resource") == ("a", "b")
    for name in ("client_id", "state", "code", "scope", "x"):
        assert isinstance(parameters.parse(f"{name}=a&{name}=a"), Refusal)


@pytest.mark.parametrize("raw", ["", "&", "&&", "a", "a=", "=", "a=&b="])
def test_a_parameter_without_a_value_counts_as_left_out(raw: str) -> None:
    assert read(raw).get("a") is None
    assert read(raw).all("a") == ()


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize(
    "raw",
    [
        "a=%",
        "a=%2",
        "a=%zz",
        "%=a",
        "a=%00",
        "%00=a",
        "a=%1f",
        "a=%7f",
        "a=%ff",
        "a=%c3",
        "a=%ed%a0%80",
        "a=ä",
        "a=\x00",
    ],
)
def test_what_cannot_be_read_is_refused(raw: str) -> None:
    found = parameters.parse(raw)
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == ("invalid_request", 400)


@pytest.mark.covers("M-sizes")
def test_bounds_are_exact() -> None:
    most, longest = policy.PARAMETER_COUNT_MAX, policy.PARAMETER_LENGTH_MAX
    assert len(read("&".join(f"a{number}=1" for number in range(most))).items()) == most
    assert isinstance(parameters.parse("&".join(f"a{number}=1" for number in range(most + 1))), Refusal)
    assert read("a=" + "x" * longest).get("a") == "x" * longest
    assert isinstance(parameters.parse("a=" + "x" * (longest + 1)), Refusal)


@pytest.mark.parametrize(
    ("raw", "value"), [("a=+", " "), ("a=%2B", "+"), ("a=b=c", "b=c"), ("a=%0A", "\n"), ("a=;", ";")]
)
def test_escapes_are_read_once(raw: str, value: str) -> None:
    assert read(raw).get("a") == value
    assert read("a=%2520").get("a") == "%20"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_and_never_repeated(raw: str) -> None:
    found = parameters.parse(raw)
    if isinstance(found, Refusal):
        assert found.description.isascii()
        assert found == parameters.parse(raw)
    else:
        assert repr(found) == "Parameters()"
