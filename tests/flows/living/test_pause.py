"""A pause: nothing works, nothing is lost."""

from __future__ import annotations

import pytest
from django.utils import timezone

from authserver.models import Connection
from authserver.services import connections
from authserver.services.connections import PausedBy
from tests.authserver.views.test_consent_page import words
from tests.people import READS, App, Tokens, World, answer_of, hosted, tokens_of

pytestmark = pytest.mark.covers("ask:5")


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.alice, chatgpt, resource=hosted("acme"))


@pytest.fixture
def address(world: World, held: Tokens) -> str:
    return f"/connections/{world.asker.knows(held.access)['connection_id']}"


def pause_as(who: PausedBy, world: World) -> None:
    connections.pause(Connection.objects.get(), who=who, by=world.admin.user, now=timezone.now())


def test_paused_is_inactive_refreshes_go_on_and_resumed_is_active(
    world: World, chatgpt: App, held: Tokens, address: str
) -> None:
    world.alice.http.post(f"{address}/pause")
    assert not world.asker.is_active(held.access)
    refreshed = tokens_of(chatgpt.refresh(held.refresh))
    assert not world.asker.is_active(refreshed.access)
    assert "Paused by you" in words(world.alice.http.get("/connections"))
    world.alice.http.post(f"{address}/resume")
    assert world.asker.is_active(held.access)
    assert world.asker.is_active(refreshed.access)
    assert "Paused by you" not in words(world.alice.http.get("/connections"))


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (PausedBy.HANDLE_ADMIN, "Paused by an admin of the handle"),
        (PausedBy.ADMINISTRATOR, "Paused by the people who run this server"),
    ],
)
def test_what_somebody_higher_paused_is_said_and_stays(
    world: World, held: Tokens, address: str, who: PausedBy, said: str
) -> None:
    pause_as(who, world)
    html = world.alice.http.get("/connections").content.decode()
    assert said in html
    assert f"{address}/resume" not in html
    assert f"{address}/pause" not in html
    world.alice.http.post(f"{address}/resume")
    assert "stays paused" in words(world.alice.http.get("/connections"))
    assert not world.asker.is_active(held.access)


def test_pausing_twice_and_resuming_what_runs_change_nothing(world: World, held: Tokens, address: str) -> None:
    world.alice.http.post(f"{address}/resume")
    assert "was not paused" in words(world.alice.http.get("/connections"))
    for _ in range(2):
        world.alice.http.post(f"{address}/pause")
    assert "was paused already" in words(world.alice.http.get("/connections"))
    assert not world.asker.is_active(held.access)


@pytest.mark.parametrize("verb", ["pause", "resume", "wishes"])
def test_a_link_changes_nothing(world: World, held: Tokens, address: str, verb: str) -> None:
    if verb == "resume":
        world.alice.http.post(f"{address}/pause")
    assert world.alice.http.get(f"{address}/{verb}")["Location"] == "/connections"
    assert world.asker.is_active(held.access) == (verb != "resume")


@pytest.mark.parametrize("verb", ["pause", "resume", "wishes"])
def test_an_ended_connection_is_neither_paused_nor_resumed(world: World, held: Tokens, address: str, verb: str) -> None:
    world.alice.http.post(f"{address}/disconnect", {"confirm": "yes"})
    assert world.alice.http.post(f"{address}/{verb}")["Location"] == "/connections"
    assert "has ended already" in words(world.alice.http.get("/connections"))
    assert Connection.objects.get().paused_by == ""


def test_allow_on_the_consent_page_ends_a_pause_of_ones_own_and_says_so(
    world: World, chatgpt: App, held: Tokens, address: str
) -> None:
    world.alice.http.post(f"{address}/pause")
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS))
    assert "You paused this connection. Allow resumes it." in words(page)
    tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page))["code"]))
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("who", [PausedBy.HANDLE_ADMIN, PausedBy.ADMINISTRATOR])
def test_a_pause_by_somebody_higher_stops_a_new_consent_too(
    world: World, chatgpt: App, held: Tokens, who: PausedBy
) -> None:
    open_page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS, prompt="consent"))
    pause_as(who, world)
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=READS))
    assert page.status_code == 403
    assert "ChatGPT is paused on @acme" in words(page)
    assert "error=access_denied" in page.content.decode()
    assert world.alice.decide(open_page).status_code == 403


def test_on_the_gateway_a_paused_handle_is_shown_with_the_reason_and_cannot_be_chosen(
    world: World, chatgpt: App
) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    pause_as(PausedBy.HANDLE_ADMIN, world)
    page = world.alice.open(chatgpt.authorize_url(scope=READS))
    assert "Paused by an admin of the handle." in words(page)
    assert "Choose one handle." in words(world.alice.decide(page, handle="acme"))
    assert "code" in answer_of(world.alice.decide(page, handle="globex"))
