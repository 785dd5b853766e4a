"""Every requirement has a test and every claim a requirement."""

from __future__ import annotations

import pytest

from tests.conformance import claims

LISTED = {"T01": "one", "T02": "two"}
CLAIM = '@pytest.mark.covers("T01", "T02")\ndef test_it(): ...'


def test_every_requirement_is_shown_and_every_claim_is_of_a_requirement() -> None:
    ids, later = claims.requirements()
    assert claims.breaches(ids, later, claims.claims()) == []


def test_every_statement_is_a_line_and_every_delay_has_a_reason() -> None:
    ids, later = claims.requirements()
    assert len(ids) > 150
    assert [each for each, text in (ids | later).items() if not text.strip() or "\n" in text or len(text) > 140] == []


# --- And they would be noticed


def claimed(source: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each, test in claims.claims_in(source, "test_x.py"):
        found.setdefault(each, []).append(test)
    return found


def test_a_claim_is_read_from_functions_modules_and_parameters() -> None:
    assert claimed(CLAIM) == {"T01": ["test_x.py::test_it"], "T02": ["test_x.py::test_it"]}
    assert set(claimed('pytestmark = pytest.mark.covers("T01")\ndef test_it(): ...')) == {"T01"}
    assert set(claimed('pytestmark = [pytest.mark.db, pytest.mark.covers("T01")]\nasync def test_it(): ...')) == {"T01"}
    parameter = '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.covers("T02"))])\ndef test_it(x): ...'
    assert set(claimed(parameter)) == {"T02"}


@pytest.mark.parametrize(
    "source",
    [
        CLAIM.replace("def test_it", "def helper"),
        '@pytest.mark.xfail(strict=True, reason="x")\n' + CLAIM,
        CLAIM.replace("pytest.mark.covers", "covers"),
        "def test_it(): ...",
    ],
)
def test_what_is_no_claim_is_not_read(source: str) -> None:
    assert claimed(source) == {}


def test_an_id_without_a_test_is_a_breach() -> None:
    assert claims.breaches(LISTED, {}, {"T01": ["a"]}) == ["T02 has no test: two"]


@pytest.mark.parametrize("unknown", ["T99", "t01", "T1", ""])
def test_a_claim_of_an_unknown_id_is_a_breach(unknown: str) -> None:
    assert len(claims.breaches({}, {}, claimed(CLAIM.replace('"T02"', f'"{unknown}"').replace('"T01", ', "")))) == 1


def test_a_claim_that_is_not_spelled_out_is_a_breach() -> None:
    assert len(claims.breaches({}, {}, claimed("@pytest.mark.covers(NAME)\ndef test_it(): ..."))) == 1


def test_a_claim_of_what_is_left_for_later_is_a_breach() -> None:
    assert len(claims.breaches({}, {"T01": "later", "T02": "later"}, {"T01": ["a"]})) == 1
