"""A handle's name stands in host names and paths: its grammar is theirs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handles import slugs


@pytest.mark.parametrize("text", ["acme", "a", "0", "a-b", "a" * 40, "a--b", "abc--d", "x1-2-3"])
def test_a_good_name_is_itself(text: str) -> None:
    assert slugs.parse(text) == text


@pytest.mark.parametrize(
    ("text", "slug"), [("@acme", "acme"), ("ACME", "acme"), (" acme\n", "acme"), ("@Acme", "acme")]
)
def test_what_people_type_is_read(text: str, slug: str) -> None:
    assert slugs.parse(text) == slug


@pytest.mark.covers("req:T7")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@@acme",
        "-a",
        "a-",
        "-",
        "a_b",
        "a.b",
        "a b",
        "a/b",
        "a\x00",
        "ä",
        "xn--acme",
        "ab--c",
        "a" * 41,
        "..",
        "а",
    ],
)
def test_a_bad_name_is_none(text: str) -> None:
    assert slugs.parse(text) is None


@given(st.text(max_size=50))
def test_what_is_parsed_is_a_dns_label_and_parses_to_itself(text: str) -> None:
    slug = slugs.parse(text)
    if slug is None:
        return
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug)
    assert len(slug) <= slugs.SLUG_LENGTH_MAX
    assert slug[2:4] != "--"
    assert slugs.parse(slug) == slugs.parse(f"@{slug.upper()}") == slug


@pytest.mark.parametrize("slug", ["admin", "mcp", "www", "oauth", "well-known", "localhost", "public"])
def test_names_of_the_server_itself_are_reserved(slug: str) -> None:
    assert slugs.is_reserved(slug)


def test_every_reserved_name_keeps_the_grammar_and_ordinary_ones_are_free() -> None:
    assert [name for name in slugs.RESERVED if slugs.parse(name) != name] == []
    assert not any(slugs.is_reserved(name) for name in ("acme", "globex", "initech"))
