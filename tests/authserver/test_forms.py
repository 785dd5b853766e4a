"""The request that rides in the consent form: signed, for one person, for an hour."""

from __future__ import annotations

import pytest
from django.core import signing
from django.http import QueryDict

from authserver import forms, policy
from authserver.forms import Choice
from tests.people import World

QUERY = "client_id=x&state=a%26b&resource=http%3A%2F%2F127.0.0.1%3A8001%2Fmcp"


@pytest.mark.parametrize("text", ["", "x", ":", "a:b:c", "\x00", "\ud800", "é:x:y", "." * 10_000])
def test_what_we_did_not_sign_is_none(text: str) -> None:
    assert forms.read(text) is None


def test_a_changed_letter_anywhere_is_none(world: World) -> None:
    signed = forms.sign(QUERY, world.alice.user)
    for place in range(0, len(signed), 7):
        changed = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]
        read = forms.read(changed)
        assert read is None or read == forms.read(signed)


def test_what_we_signed_for_something_else_is_none(world: World) -> None:
    content = {"q": QUERY, "u": str(world.alice.user.pk), "c": "8f6f6a2e-0000-4000-8000-000000000000"}
    assert forms.read(signing.dumps(content, salt="something.else", compress=True)) is None


def test_another_key_s_signature_is_none_and_an_old_key_s_counts_while_it_is_kept(world: World, settings) -> None:
    signed = forms.sign(QUERY, world.alice.user)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of this server, long enough to please every check"
    assert forms.read(signed) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert forms.read(signed) is not None


def test_what_was_signed_is_read_as_it_was(world: World) -> None:
    read = forms.read(forms.sign(QUERY, world.alice.user))
    assert read is not None
    assert (read.query, read.user_id, read.is_expired) == (QUERY, str(world.alice.user.pk), False)


def test_each_page_has_an_id_of_its_own(world: World) -> None:
    one, other = (forms.read(forms.sign(QUERY, world.alice.user)) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.consent_id != other.consent_id


def test_a_page_open_too_long_says_so_and_keeps_its_request(world: World, time_machine) -> None:
    time_machine.move_to("2026-11-20 12:00:00", tick=False)
    signed = forms.sign(QUERY, world.alice.user)
    time_machine.shift(policy.CONSENT_FORM_LIFETIME.total_seconds())
    read = forms.read(signed)
    assert read is not None
    assert not read.is_expired
    time_machine.shift(1)
    read = forms.read(signed)
    assert read is not None
    assert (read.is_expired, read.query) == (True, QUERY)


def test_a_choice_is_what_was_posted_and_nothing_where_nothing_was() -> None:
    assert Choice.of(QueryDict("")) == Choice("", "", frozenset())
    posted = QueryDict("decision=allow&handle=acme&scope=a&scope=b&scope=a&other=x")
    assert Choice.of(posted) == Choice("allow", "acme", frozenset({"a", "b"}))
