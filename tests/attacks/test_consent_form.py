"""The consent form in other hands: nothing is granted but by a person, on their own page, for what that page showed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.core import signing
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import AuthorizationCode, Connection, Event
from tests.people import (
    CALLBACK,
    GATEWAY,
    LOOPBACK_CALLBACK,
    READS,
    App,
    Person,
    World,
    answer_of,
    field_value,
    hosted,
    tokens_of,
)

EVERYTHING = "mcp.connect skills.read links.read links.write site.deployments.write webhooks.write context_store.manage"


def connection() -> Connection:
    return Connection.objects.get()


def assert_not_granted(answer: Any) -> None:
    assert "code=" not in answer.headers.get("Location", "")
    assert AuthorizationCode.objects.count() == 0
    assert Connection.objects.count() == 0


# --- Skipping the person


@pytest.mark.covers("C3", "AS-69")
@pytest.mark.parametrize(
    "parameters", [{"approval_prompt": "auto"}, {"prompt": "none"}, {"prompt": "none consent"}, {}]
)
@pytest.mark.parametrize("redirect_uri", [CALLBACK, LOOPBACK_CALLBACK])
def test_nothing_skips_consent_not_even_a_connection_that_covers_it(
    world: World, redirect_uri: str, parameters: dict[str, str]
) -> None:
    app = App.register(redirect_uri=redirect_uri)
    world.connect(world.alice, app, handle="acme")
    codes = AuthorizationCode.objects.count()
    answer = world.alice.http.get(app.authorize_url(scope=READS, **parameters))
    if "none" in parameters.get("prompt", ""):
        assert answer_of(answer)["error"] == "consent_required"
    else:
        assert answer.status_code == 200
        assert "wants to connect" in answer.content.decode()
    assert AuthorizationCode.objects.count() == codes


@pytest.mark.covers("C3")
def test_another_port_of_this_computer_gets_no_code_silently(world: World) -> None:
    app = App.register(redirect_uri=LOOPBACK_CALLBACK)
    world.connect(world.alice, app, handle="acme")
    url = app.authorize_url(scope=READS, redirect_uri="http://127.0.0.1:6666/callback", approval_prompt="auto")
    assert world.alice.http.get(url).status_code == 200
    assert AuthorizationCode.objects.count() == 1


@pytest.mark.covers("C3", "M-prompt")
def test_prompt_none_for_somebody_signed_out_asks_for_a_sign_in_at_the_client(world: World, chatgpt: App) -> None:
    answer = answer_of(Http().get(chatgpt.authorize_url(prompt="none")))
    assert (answer["error"], answer["state"], answer["iss"]) == ("login_required", "state-1", "http://127.0.0.1:8000")


@pytest.mark.covers("C3")
@pytest.mark.parametrize("decision", ["", "yes", "ALLOW", "allow\x00"])
def test_a_form_without_allow_allows_nothing(world: World, chatgpt: App, decision: str) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    assert_not_granted(world.alice.decide(page, decision, handle="acme"))


# --- Somebody else's form


@pytest.mark.covers("M-form-replay")
def test_a_form_posted_by_another_person_only_asks_that_person(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    answer = world.bob.sign_in().decide(page, handle="acme")
    assert answer["Location"].startswith("/oauth/authorize?")
    assert_not_granted(answer)


@pytest.mark.covers("M-form-replay")
def test_a_form_posted_by_nobody_grants_nothing(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    assert_not_granted(Person("nobody@example.com").decide(page, handle="acme"))


@pytest.mark.covers("AS-62")
@pytest.mark.parametrize("decision", ["allow", "cancel"])
def test_a_form_without_the_sessions_csrf_token_is_refused(world: World, chatgpt: App, decision: str) -> None:
    browser = Person("alice@example.com", Http(enforce_csrf_checks=True, headers={"accept": "text/html"}))
    browser.http.force_login(world.alice.user)
    page = browser.http.get(chatgpt.authorize_url())
    assert page.status_code == 200
    answer = browser.decide(page, decision, handle="acme")
    assert answer.status_code == 403
    assert_not_granted(answer)
    token = field_value(page.content.decode(), "csrfmiddlewaretoken")
    assert browser.decide(page, "allow", handle="acme", csrfmiddlewaretoken=token).status_code == 302


@pytest.mark.covers("AS-62", "M-consent-headers")
def test_the_page_cannot_be_framed_kept_or_read_by_others(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in page
    cookie = world.alice.http.cookies["session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


# --- Again


@pytest.mark.covers("M-form-replay")
def test_a_form_sent_again_after_its_code_was_used_gives_no_second_code(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="acme"))["code"]))
    again = world.alice.decide(page, handle="acme")
    assert (again.status_code, "already answered" in again.content.decode()) == (400, True)
    assert world.asker.is_active(held.access)


@pytest.mark.covers("M-form-replay")
def test_an_answered_form_cannot_be_turned_to_another_handle(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    chatgpt.exchange(answer_of(world.alice.decide(page, handle="acme"))["code"])
    assert world.alice.decide(page, handle="globex").status_code == 400
    assert list(Connection.objects.values_list("handle__slug", flat=True)) == ["acme"]


@pytest.mark.covers("M-form-replay")
def test_a_form_sent_again_cannot_bring_back_what_was_disconnected(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="acme"))["code"]))
    world.alice.http.post(f"/connections/{connection().pk}/disconnect", {"confirm": "yes"})
    assert world.alice.decide(page, handle="acme").status_code == 400
    assert not Connection.objects.filter(ended_at=None).exists()
    assert not world.asker.is_active(held.access)


@pytest.mark.covers("M-form-replay", "req:C6")
def test_of_a_form_sent_twice_only_the_last_code_is_good(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    first, second = (answer_of(world.alice.decide(page, handle="acme"))["code"] for _ in range(2))
    assert chatgpt.exchange(first).json()["error"] == "invalid_grant"
    assert chatgpt.exchange(second).status_code == 200


@pytest.mark.covers("M-form-replay")
def test_a_form_from_too_long_ago_asks_again(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    with time_machine.travel(timezone.now() + policy.CONSENT_FORM_LIFETIME + timedelta(seconds=1), tick=False):
        answer = world.alice.decide(page, handle="acme")
    assert answer["Location"].startswith("/oauth/authorize?")
    assert_not_granted(answer)


# --- Changed


@pytest.mark.covers("M-form-tampering")
@pytest.mark.parametrize("change", ["none", "empty", "cut", "flipped", "unsigned", "other salt", "not ours"])
def test_a_changed_request_field_is_not_believed(world: World, chatgpt: App, change: str) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    good = field_value(page.content.decode(), "request")
    content = {"q": "client_id=x", "u": str(world.alice.user.pk), "c": "00000000-0000-0000-0000-000000000000"}
    bad = {
        "none": None,
        "empty": "",
        "cut": good[:-5],
        "flipped": good[:20] + ("A" if good[20] != "A" else "B") + good[21:],
        "unsigned": good.rpartition(":")[0],
        "other salt": signing.dumps(content, salt="authserver.other"),
        "not ours": signing.dumps(content, key="another key", salt="authserver.consent"),
    }[change]
    form = {"decision": "allow", "handle": "acme", "scope": READS.split()} | (
        {"request": bad} if bad is not None else {}
    )
    answer = world.alice.http.post("/oauth/authorize", form)
    assert answer.status_code == 400
    assert_not_granted(answer)


@pytest.mark.covers("M-form-tampering")
def test_parameters_beside_the_signed_request_change_nothing(world: World, chatgpt: App) -> None:
    """Client, redirect, scope, challenge and resource come from the page that was shown, not from what was posted."""
    other = App.register("Evil", redirect_uri="https://evil.example/cb")
    page = world.alice.open(chatgpt.authorize_url(scope=READS))
    planted = {
        "client_id": other.client_id,
        "redirect_uri": other.redirect_uri,
        "code_challenge": other.challenge,
        "resource": hosted("globex"),
        "state": "planted",
    }
    html = page.content.decode()
    form = {"request": field_value(html, "request"), "decision": "allow", "handle": "acme", "scope": READS.split()}
    answer = world.alice.http.post(f"/oauth/authorize?{urlencode(planted)}", form | planted)
    assert answer["Location"].startswith(CALLBACK)
    told = answer_of(answer)
    assert told["state"] == "state-1"
    assert other.exchange(told["code"]).json()["error"] == "invalid_grant"
    assert chatgpt.exchange(told["code"]).status_code == 200
    assert (connection().client.client_id, connection().resource) == (chatgpt.client_id, GATEWAY)


@pytest.mark.covers("M-form-tampering", "req:S3")
def test_scopes_that_were_not_asked_for_cannot_be_ticked(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope="mcp.connect links.read"))
    code = answer_of(world.alice.decide(page, handle="acme", scope=EVERYTHING.split()))["code"]
    assert tokens_of(chatgpt.exchange(code)).scope == "mcp.connect links.read"


@pytest.mark.covers("M-form-tampering", "req:S3")
def test_scopes_beyond_the_role_cannot_be_ticked(world: World, chatgpt: App) -> None:
    page = world.bob.open(chatgpt.authorize_url(scope=EVERYTHING))
    code = answer_of(world.bob.decide(page, handle="acme", scope=EVERYTHING.split()))["code"]
    held = tokens_of(chatgpt.exchange(code))
    assert set(held.scope.split()) == {"mcp.connect", "skills.read", "links.read", "links.write"}
    assert world.asker.knows(held.access)["handle_role"] == "member"


@pytest.mark.covers("M-form-tampering", "req:S3")
def test_only_one_of_two_roles_counts_that_of_the_chosen_handle(world: World, chatgpt: App) -> None:
    """Bob owns initech and is a member of acme: what he may allow there he may not allow here."""
    page = world.bob.open(chatgpt.authorize_url(scope="webhooks.write"))
    answer = world.bob.decide(page, handle="acme", scope=["webhooks.write"])
    held = tokens_of(chatgpt.exchange(answer_of(answer)["code"]))
    assert held.scope == "mcp.connect"


@pytest.mark.covers("M-form-tampering", "req:P2")
@pytest.mark.parametrize("slug", ["globex", "nowhere", "@globex", "GLOBEX", "", "acme,globex", "acme\x00", "x" * 5000])
def test_a_handle_of_others_cannot_be_picked(world: World, chatgpt: App, slug: str) -> None:
    page = world.bob.open(chatgpt.authorize_url())
    answer = world.bob.decide(page, handle=slug)
    assert answer.status_code == 200
    assert "Choose one handle" in answer.content.decode()
    assert_not_granted(answer)


@pytest.mark.covers("M-form-tampering", "req:T2")
def test_the_handle_of_the_address_wins_over_the_forms(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme")))
    world.alice.decide(page, handle="globex")
    assert connection().handle.slug == "acme"


@pytest.mark.covers("M-form-tampering")
def test_nothing_ticked_is_still_a_session_but_no_more(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope=EVERYTHING))
    code = answer_of(world.alice.decide(page, handle="acme", scope=[]))["code"]
    assert tokens_of(chatgpt.exchange(code)).scope == "mcp.connect"


# --- Cancel


@pytest.mark.covers("req:P3", "AS-20")
def test_cancel_grants_nothing_and_is_noted(world: World, chatgpt: App) -> None:
    answer = world.alice.decide(world.alice.open(chatgpt.authorize_url()), "cancel", handle="acme")
    assert answer_of(answer)["error"] == "access_denied"
    assert_not_granted(answer)
    assert Event.objects.first().tag == "connection:denied"


@pytest.mark.covers("M-form-replay")
def test_cancel_on_one_page_leaves_a_standing_connection_alone(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    world.alice.decide(world.alice.open(chatgpt.authorize_url()), "cancel", handle="acme")
    assert world.asker.is_active(held.access)
