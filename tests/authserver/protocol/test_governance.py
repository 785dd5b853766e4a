"""A handle's word on one client comes before its policy, the exact word before the wide one, doubt is a no."""

import pytest

from authserver.protocol import governance
from authserver.protocol.governance import (
    ALLOWED,
    BLOCKED,
    UNLISTED,
    UNVERIFIED,
    WAITS,
    Entry,
    Facts,
    Outcome,
    entry_to_keep,
    verdict,
    verdict_on,
)

EXACT = Entry("client_id", "id-1")
ALIKE = Entry("fingerprint", "f" * 64)
CLAUDE = Facts("id-1", "f" * 64, is_verified=False)
VERIFIED_CLAUDE = Facts("id-1", "f" * 64, is_verified=True)
DOCUMENT = Facts("https://claude.ai/client.json", "", is_verified=False)


# --- No


def test_a_blocked_client_stays_out_under_every_policy() -> None:
    for mode in (None, "all", "verified", "ask", "listed"):
        assert verdict(mode, ["block"], is_verified=True) == BLOCKED


def test_a_client_on_no_list_is_not_let_in_however_verified() -> None:
    assert verdict("listed", [None, None], is_verified=True) == UNLISTED


def test_an_unverified_client_is_not_let_in_where_only_verified_ones_are() -> None:
    assert verdict("verified", [], is_verified=False) == UNVERIFIED


def test_a_new_client_waits_where_the_admins_want_to_be_asked() -> None:
    assert verdict("ask", [], is_verified=True) == WAITS


@pytest.mark.parametrize("mode", ["", "ALL", "everyone", "\x00"])
def test_a_policy_that_the_code_does_not_know_lets_nobody_in(mode: str) -> None:
    assert verdict(mode, [], is_verified=True).outcome == Outcome.BLOCK


@pytest.mark.parametrize("decision", ["", "ALLOW", "maybe"])
def test_a_word_that_the_code_does_not_know_lets_nobody_in(decision: str) -> None:
    assert verdict("all", [decision], is_verified=True) == BLOCKED


def test_an_exact_block_holds_although_the_product_is_allowed() -> None:
    assert verdict_on(CLAUDE, mode="listed", words={ALIKE: "allow", EXACT: "block"}) == BLOCKED


def test_a_word_on_another_client_says_nothing() -> None:
    words = {Entry("client_id", "id-2"): "allow", Entry("fingerprint", "e" * 64): "allow"}
    assert verdict_on(CLAUDE, mode="listed", words=words) == UNLISTED


def test_a_fingerprint_that_stands_as_a_client_id_matches_nothing() -> None:
    assert verdict_on(CLAUDE, mode="listed", words={Entry("client_id", "f" * 64): "allow"}) == UNLISTED


def test_a_client_without_fingerprint_is_met_by_no_rule_for_an_empty_one() -> None:
    assert verdict_on(DOCUMENT, mode="listed", words={Entry("fingerprint", ""): "allow"}) == UNLISTED


@pytest.mark.parametrize(("mode", "expected"), [("ask", WAITS), ("listed", UNLISTED), ("verified", UNVERIFIED)])
def test_a_question_is_no_word(mode: str, expected: governance.Verdict) -> None:
    assert verdict(mode, ["pending"], is_verified=False) == expected


def test_a_question_about_one_registration_leaves_the_word_on_the_product() -> None:
    assert verdict_on(CLAUDE, mode="all", words={EXACT: "pending", ALIKE: "block"}) == BLOCKED


# --- Yes


@pytest.mark.parametrize("mode", [None, "all"])
def test_without_a_policy_every_client_is_let_in(mode: str | None) -> None:
    assert verdict(mode, [None], is_verified=False) == ALLOWED


@pytest.mark.parametrize("mode", ["all", "verified", "ask", "listed"])
def test_an_allowed_client_is_let_in_under_every_policy(mode: str) -> None:
    assert verdict(mode, ["allow"], is_verified=False) == ALLOWED


def test_an_exact_word_lets_one_registration_of_a_blocked_product_in() -> None:
    assert verdict_on(CLAUDE, mode="all", words={ALIKE: "block", EXACT: "allow"}) == ALLOWED


# --- What is kept when the policy turns to "ask"


def test_nothing_is_kept_that_was_not_let_in() -> None:
    assert entry_to_keep(CLAUDE, mode="verified", words={}) is None
    assert entry_to_keep(CLAUDE, mode="listed", words={}) is None


@pytest.mark.parametrize("words", [{EXACT: "block"}, {ALIKE: "block"}, {EXACT: "allow", ALIKE: "block"}])
def test_no_word_is_overwritten_by_keeping(words: dict[Entry, str]) -> None:
    assert entry_to_keep(CLAUDE, mode="all", words=words) is None


def test_what_everybody_used_is_kept_as_one_product() -> None:
    assert entry_to_keep(CLAUDE, mode="all", words={ALIKE: "pending"}) == ALIKE
    assert entry_to_keep(DOCUMENT, mode="all", words={}) == Entry("client_id", DOCUMENT.client_id)


def test_a_verified_client_is_kept_by_its_own_id_so_that_others_of_its_name_are_not() -> None:
    assert entry_to_keep(VERIFIED_CLAUDE, mode="verified", words={}) == EXACT
