"""Consent that is remembered: the same again costs one button, a verified client none; anything else is asked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Http

from authserver.models import AuthorizationCode, Connection, Event, Notice
from tests.authserver.views.test_consent_page import words
from tests.flows.changes import join, live_connections, set_client, set_role
from tests.people import CALLBACK, GATEWAY, LOOPBACK_CALLBACK, READS, App, World, answer_of, hosted, tokens_of

pytestmark = pytest.mark.covers("screen:C29")

WIDE = f"{READS} links.write"


@pytest.fixture
def verified(world: World, chatgpt: App) -> App:
    """ChatGPT, verified, with a connection of alice's at acme's own address."""
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    set_client(chatgpt, is_verified=True)
    return chatgpt


def again(world: World, app: App, resource: str | None = None, **parameters: str | None) -> Any:
    return world.alice.open(app.authorize_url(resource or hosted("acme"), **{"scope": READS} | parameters))


def kind_of(answer: Any) -> str:
    """Return how a request was met: silent, short, ask, or its status."""
    html = answer.content.decode()
    if answer.status_code == 302 and answer["Location"].startswith("/"):
        return "sign in"
    if answer.status_code == 302:
        return "silent" if "code" in answer_of(answer) else "refused"
    if 'value="continue"' in html:
        return "short"
    return "ask" if 'value="allow"' in html else str(answer.status_code)


# --- Nobody is asked


def test_the_same_of_a_verified_client_goes_on_without_a_page_and_works(world: World, verified: App) -> None:
    before = Connection.objects.get()
    Notice.objects.all().delete()
    told = answer_of(again(world, verified))
    held = tokens_of(verified.exchange(told["code"]))
    assert (told["state"], told["iss"]) == ("state-1", "http://127.0.0.1:8000")
    assert world.asker.knows(held.access)["connection_id"] == str(before.pk)
    assert held.scope == READS
    assert Event.objects.filter(tag="connection:continued", connection_id=before.pk).count() == 1
    assert not Notice.objects.exists()


def test_less_than_before_goes_on_and_takes_nothing_back(world: World, verified: App) -> None:
    assert tokens_of(verified.exchange(answer_of(again(world, verified, scope="links.read"))["code"])).scope == (
        "mcp.connect links.read"
    )
    assert Connection.objects.get().scopes == READS


def test_on_the_gateway_one_connection_settles_the_handle(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="globex")
    set_client(chatgpt, is_verified=True)
    held = tokens_of(chatgpt.exchange(answer_of(again(world, chatgpt, GATEWAY))["code"]))
    assert world.asker.knows(held.access)["handle"] == "globex"


def test_every_answer_has_a_code_of_its_own(world: World, verified: App) -> None:
    """A browser that asks twice spoils nothing: each answer is worth a minute, for its own client."""
    codes = [answer_of(again(world, verified))["code"] for _ in range(3)]
    assert len(set(codes)) == 3
    assert AuthorizationCode.objects.filter(redeemed_at=None).count() == 3
    assert [verified.exchange(code).status_code for code in codes] == [200, 200, 200]
    assert live_connections() == 1


def test_somebody_who_has_to_sign_in_goes_on_after_that(world: World, verified: App) -> None:
    world.alice.http = Http(headers={"accept": "text/html"})
    assert kind_of(again(world, verified)) == "silent"


def test_the_answer_is_not_kept_and_passes_nothing_on(world: World, verified: App) -> None:
    answer = again(world, verified)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"


# --- One button


def test_an_unverified_client_takes_one_button(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    before = world.asker.knows(held.access)["connection_id"]
    page = again(world, chatgpt)
    said = words(page)
    assert "ChatGPT wants to connect" in said
    assert "Continue as Alice to @acme ?" in said
    assert "Already allowed (3)" in said
    assert "You will be sent to chatgpt.com" in said
    Notice.objects.all().delete()
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, "continue"))["code"]))
    assert world.asker.knows(held.access)["connection_id"] == before
    assert Event.objects.filter(tag="connection:continued").count() == 1
    assert not Notice.objects.exists()


def test_with_handles_to_choose_from_the_whole_page_comes_with_the_one_from_before_chosen(
    world: World, chatgpt: App
) -> None:
    world.connect(world.alice, chatgpt, handle="globex")
    page = again(world, chatgpt, GATEWAY)
    assert kind_of(page) == "ask"
    html = page.content.decode()
    assert re.search(r'name="handle" value="globex"[^>]*checked', html)
    assert not re.search(r'name="handle" value="acme"[^>]*checked', html)


def test_a_program_on_this_computer_takes_one_button_with_its_warning_whatever_its_port(world: World) -> None:
    app = App.register("Claude Code", LOOPBACK_CALLBACK)
    world.connect(world.alice, app, resource=hosted("acme"))
    set_client(app, is_verified=True)
    app.redirect_uri = LOOPBACK_CALLBACK.replace("33418", "50123")
    page = again(world, app)
    assert kind_of(page) == "short"
    assert "This app runs on this computer." in words(page)
    assert "port 50123" in words(page)


def test_an_installed_app_takes_one_button(world: World) -> None:
    app = App.register("Cursor", "cursor://anysphere.cursor-retrieval/oauth/callback")
    world.connect(world.alice, app, resource=hosted("acme"))
    set_client(app, is_verified=True)
    assert kind_of(again(world, app)) == "short"


def test_cancel_on_it_tells_the_client_no_and_leaves_what_there_was(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    told = answer_of(world.alice.decide(again(world, chatgpt, GATEWAY), "cancel"))
    assert told["error"] == "access_denied"
    assert world.asker.is_active(held.access)


def test_something_else_can_be_chosen(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    page = world.alice.decide(again(world, chatgpt, GATEWAY), "choose")
    assert kind_of(page) == "ask"
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="globex"))["code"]))
    assert world.asker.knows(held.access)["handle"] == "globex"
    assert live_connections() == 2


def test_continuing_twice_counts_once(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    page = again(world, chatgpt)
    first, second = (answer_of(world.alice.decide(page, "continue"))["code"] for _ in range(2))
    assert [chatgpt.exchange(code).status_code for code in (first, second)] == [400, 200]
    assert "already answered" in words(world.alice.decide(page, "continue"))


# --- The whole page


@pytest.mark.parametrize("prompt", ["consent", "login", "select_account", "login consent", "create"])
def test_a_prompt_asks(world: World, verified: App, prompt: str) -> None:
    assert kind_of(again(world, verified, prompt=prompt)) == "ask"


def test_prompt_none_is_refused_as_ever(world: World, verified: App) -> None:
    assert answer_of(again(world, verified, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("scope", [WIDE, f"{READS} offline_access", None])
def test_more_than_stands_asks(world: World, verified: App, scope: str | None) -> None:
    assert kind_of(again(world, verified, scope=scope)) == "ask"


def test_another_person_expected_asks(world: World, verified: App) -> None:
    page = again(world, verified, login_hint="bob@example.com")
    assert kind_of(page) == "ask"
    assert "The app expected bob@example.com" in words(page)
    assert kind_of(again(world, verified, login_hint="ALICE@example.com")) == "silent"


@pytest.mark.parametrize("change", [{"name": "ChatGPT 2"}, {"metadata_digest": "x"}, {"metadata_digest": ""}])
def test_a_changed_client_asks(world: World, verified: App, change: dict[str, str]) -> None:
    set_client(verified, **change)
    assert kind_of(again(world, verified)) == "ask"


def test_a_changed_client_shows_everything_and_what_it_was(world: World, verified: App) -> None:
    set_client(verified, name="ChatGPT 2", metadata_digest="x")
    said = words(again(world, verified, scope=WIDE))
    assert "This app changed since you allowed it. Its name was ChatGPT ." in said
    assert "Already allowed" not in said


def test_another_place_to_return_to_asks(world: World) -> None:
    other = "https://eu.chatgpt.com/cb"
    app = App.register(redirect_uris=[CALLBACK, other])
    world.connect(world.alice, app, resource=hosted("acme"))
    set_client(app, is_verified=True)
    assert kind_of(again(world, app)) == "silent"
    app.redirect_uri = other
    assert kind_of(again(world, app)) == "ask"


def test_another_handle_asks(world: World, verified: App) -> None:
    assert kind_of(again(world, verified, hosted("globex"))) == "ask"


def test_the_same_handle_through_another_address_asks(world: World, verified: App) -> None:
    assert kind_of(again(world, verified, GATEWAY)) == "ask"


def test_two_handles_on_the_gateway_always_ask(world: World, chatgpt: App) -> None:
    for handle in ("acme", "globex"):
        world.connect(world.alice, chatgpt, handle=handle)
    set_client(chatgpt, is_verified=True)
    assert kind_of(again(world, chatgpt, GATEWAY)) == "ask"


def test_another_client_of_the_same_name_asks(world: World, verified: App) -> None:
    other = App.register(redirect_uris=[CALLBACK, "https://chatgpt.com/other"])
    set_client(other, is_verified=True)
    assert kind_of(again(world, other)) == "ask"


def test_another_person_asks(world: World, verified: App) -> None:
    page = world.bob.open(verified.authorize_url(hosted("acme"), scope=READS))
    assert kind_of(page) == "ask"


def test_a_disconnected_app_asks(world: World, verified: App) -> None:
    world.alice.http.post("/connections/all/disconnect", {"confirm": "yes"})
    assert kind_of(again(world, verified)) == "ask"


def test_a_connection_that_was_narrowed_asks(world: World, verified: App) -> None:
    page = f"/connections/{Connection.objects.get().pk}/scopes"
    world.alice.http.post(page, {"offered": ["links.read"], "scope": []})
    assert kind_of(again(world, verified)) == "ask"


def test_a_role_that_is_too_low_now_asks(world: World, chatgpt: App) -> None:
    join(world.carol, "acme", "member")
    world.connect(world.carol, chatgpt, resource=hosted("acme"), scope=WIDE)
    set_client(chatgpt, is_verified=True)
    set_role(world.carol, "acme", "public")
    assert kind_of(world.carol.open(chatgpt.authorize_url(hosted("acme"), scope=WIDE))) == "ask"


def test_only_asking_what_is_new_shows_that_first_and_folds_the_rest(world: World, verified: App) -> None:
    page = again(world, verified, scope=WIDE)
    html = page.content.decode()
    assert "New: Links Create and edit links Change" in words(page)
    assert "Already allowed (3)" in words(page)
    assert '<details class="already">' in html
    assert html.index('value="links.write"') < html.index("Already allowed") < html.index('value="links.read"')
    assert tokens_of(verified.exchange(answer_of(world.alice.decide(page))["code"])).scope == WIDE


def test_what_is_folded_can_be_unticked(world: World, verified: App) -> None:
    page = again(world, verified, scope=WIDE)
    told = answer_of(world.alice.decide(page, scope=["links.write", "skills.read"]))
    assert tokens_of(verified.exchange(told["code"])).scope == "mcp.connect skills.read links.write"


def test_where_the_handle_can_still_change_nothing_is_folded_away(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    html = again(world, chatgpt, GATEWAY, scope=WIDE).content.decode()
    assert '<details class="already" open>' in html


def test_what_an_admin_of_the_handle_says_comes_first(world: World, verified: App) -> None:
    world.alice.http.post("/handles/acme/clients/policy", {"mode": "listed"})
    assert kind_of(again(world, verified)) == "403"
