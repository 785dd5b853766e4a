"""A stolen authorization code: it is of no use without its verifier, its client and its minute, and a second use of it
ends what the first one got."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from authserver import policy
from authserver.models import AccessToken, Connection, Event
from tests.people import App, World, answer_of, tokens_of


def code_for(world: World, app: App, **parameters: str | None) -> str:
    page = world.alice.open(app.authorize_url(**parameters))
    return answer_of(world.alice.decide(page, handle="acme"))["code"]


# --- Used twice


@pytest.mark.covers("H1", "RF-09")
def test_a_code_used_twice_ends_the_connection_and_says_so(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    held = tokens_of(chatgpt.exchange(code))
    refreshed = tokens_of(chatgpt.refresh(held.refresh))
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    for token in (held.access, refreshed.access):
        assert world.asker.knows(token) == {"active": False}
    for refresh in (held.refresh, refreshed.refresh):
        assert chatgpt.refresh(refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().end_reason == Connection.EndReason.CODE_REPLAY
    assert list(Event.objects.values_list("tag", flat=True)[:2]) == ["connection:revoked", "code:replayed"]


@pytest.mark.covers("H1")
def test_a_code_used_twice_is_noticed_long_after_its_minute(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    held = tokens_of(chatgpt.exchange(code))
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        assert chatgpt.exchange(code).status_code == 400
        assert world.asker.knows(held.access) == {"active": False}


@pytest.mark.covers("H1")
def test_the_very_request_again_is_refused_and_what_nobody_used_is_void_but_the_approval_stands(
    world: World, chatgpt: App
) -> None:
    """Its answer was lost: the server was killed, or the line broke, and the client asks again."""
    code = code_for(world, chatgpt)
    held = tokens_of(chatgpt.exchange(code))
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    assert world.asker.knows(held.access) == {"active": False}
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"
    assert Connection.objects.get().is_live
    assert Event.objects.get(tag="code:replayed").detail == {"verdict": "answer_lost"}
    assert world.asker.is_active(tokens_of(chatgpt.exchange(code_for(world, chatgpt))).access)
    assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    assert not Connection.objects.get().is_live  # a third time there is nothing left that it could be about


@pytest.mark.parametrize("thief", ["with another verifier", "after a use", "a day later"])
def test_any_other_replay_ends_the_connection(world: World, chatgpt: App, thief: str) -> None:
    code = code_for(world, chatgpt)
    held = tokens_of(chatgpt.exchange(code))
    if thief == "after a use":
        assert world.asker.is_active(held.access)
    if thief == "with another verifier":
        chatgpt.verifier = "x" * 64
    with time_machine.travel(timezone.now() + timedelta(days=thief == "a day later"), tick=False):
        assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    assert Connection.objects.get().end_reason == Connection.EndReason.CODE_REPLAY


@pytest.mark.covers("H1", "req:C6")
def test_after_a_replay_the_person_can_connect_again_at_once(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    chatgpt.exchange(code)
    chatgpt.exchange(code)
    assert world.asker.is_active(world.connect(world.alice, chatgpt, handle="acme").access)


# --- Used by another


@pytest.mark.covers("RF-09")
@pytest.mark.parametrize("with_verifier", [True, False])
def test_another_client_gets_nothing_for_a_code_and_ends_nothing(
    world: World, chatgpt: App, with_verifier: bool
) -> None:
    code = code_for(world, chatgpt)
    thief = App.register("Thief", redirect_uri=chatgpt.redirect_uri)
    thief.verifier = chatgpt.verifier if with_verifier else thief.verifier
    assert thief.exchange(code).json()["error"] == "invalid_grant"
    held = tokens_of(chatgpt.exchange(code))
    assert thief.exchange(code).json()["error"] == "invalid_grant"
    assert world.asker.is_active(held.access)


@pytest.mark.covers("RF-09")
def test_a_code_is_refused_with_another_registered_redirect_uri(world: World) -> None:
    app = App.register(redirect_uris=["https://a.example/cb", "https://b.example/cb"])
    app.redirect_uri = "https://a.example/cb"
    code = code_for(world, app)
    assert app.exchange(code, redirect_uri="https://b.example/cb").json()["error"] == "invalid_grant"
    assert AccessToken.objects.count() == 0


@pytest.mark.covers("RF-09", "AS-13")
def test_a_code_is_refused_after_its_minute(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    late = timezone.now() + policy.AUTHORIZATION_CODE_LIFETIME + timedelta(seconds=1)
    with time_machine.travel(late, tick=False):
        assert chatgpt.exchange(code).json()["error"] == "invalid_grant"
    assert AccessToken.objects.count() == 0


@pytest.mark.parametrize("kind", ["access", "refresh", "nonsense"])
def test_nothing_else_passes_for_a_code(world: World, chatgpt: App, kind: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    other = {"access": held.access, "refresh": held.refresh or "", "nonsense": "x" * 4000}[kind]
    assert chatgpt.exchange(other).json()["error"] == "invalid_grant"
    assert world.asker.is_active(held.access)


# --- PKCE


@pytest.mark.covers("RF-10", "AS-10")
@pytest.mark.parametrize(
    "verifier", ["wrong-" * 8, "", "short", "x" * 129, "the challenge itself", "a" * 42 + " ", "ü" * 43]
)
def test_a_code_is_refused_without_its_own_verifier(world: World, chatgpt: App, verifier: str) -> None:
    code = code_for(world, chatgpt)
    sent = chatgpt.challenge if verifier == "the challenge itself" else verifier
    answer = chatgpt.exchange(code, code_verifier=sent)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_grant", "invalid_request")
    assert AccessToken.objects.count() == 0


@pytest.mark.covers("RF-10")
@pytest.mark.parametrize("length", [43, 128])
def test_verifiers_of_every_allowed_length_and_character_work(world: World, chatgpt: App, length: int) -> None:
    chatgpt.verifier = ("aZ09-._~" * 16)[:length]
    assert chatgpt.exchange(code_for(world, chatgpt)).status_code == 200


@pytest.mark.covers("H5", "AS-10")
@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (None, None),
        (None, "S256"),
        ("good", None),
        ("good", "plain"),
        ("good", "s256"),
        ("good", "S512"),
        ("a", "S256"),
        ("x" * 42, "S256"),
        ("x" * 44, "S256"),
        ("=" * 43, "S256"),
        ("x" * 42 + "\n", "S256"),
    ],
)
def test_no_pkce_but_s256_is_refused_before_anybody_is_asked(
    world: World, chatgpt: App, challenge: str | None, method: str | None
) -> None:
    sent = chatgpt.challenge if challenge == "good" else challenge
    answer = answer_of(world.alice.http.get(chatgpt.authorize_url(code_challenge=sent, code_challenge_method=method)))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


@pytest.mark.covers("H5")
def test_a_plain_verifier_does_not_pass_for_its_hash(world: World, chatgpt: App) -> None:
    """A challenge that was sent as S256 is never compared as plain."""
    plain = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).rstrip(b"=").decode()
    code = code_for(world, chatgpt, code_challenge=plain)
    assert chatgpt.exchange(code, code_verifier=plain).json()["error"] == "invalid_grant"
    assert chatgpt.exchange(code, code_verifier=plain, code_challenge_method="plain").status_code == 400
