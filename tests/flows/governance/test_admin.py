"""An administrator's word on clients, for every handle, and a look at what handles decided."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.models import Client, ClientPolicy, ClientRule, Event
from handles.models import Handle
from tests.people import App, World

CLIENTS = "/admin/authserver/client/"
READ_ONLY = ["/admin/authserver/clientrule/", "/admin/authserver/clientpolicy/"]


def judge(world: World, action: str, *apps: App, **form: str) -> Any:
    chosen = Client.objects.filter(client_id__in=[app.client_id for app in apps]).values_list("pk", flat=True)
    return world.admin.http.post(
        CLIENTS, {"action": action, "_selected_action": [str(pk) for pk in chosen]} | form, follow=True
    )


def test_a_block_needs_a_reason_and_is_asked_about_first(world: World, chatgpt: App) -> None:
    world.admin.sign_in()
    for form in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 201}):
        page = judge(world, "block_selected", chatgpt, **form)
        assert "1 client will be blocked everywhere. Every connection of it is refused" in page.content.decode()
    assert Client.objects.get().is_active
    assert not Event.objects.filter(tag="client:blocked").exists()


def test_selected_clients_are_blocked_for_every_handle_at_once(world: World, chatgpt: App) -> None:
    held = [world.connect(world.alice, chatgpt, handle=handle) for handle in ("acme", "globex")]
    other = App.register("Claude", "https://claude.ai/callback")
    kept = world.connect(world.alice, other, handle="acme")
    world.admin.sign_in()
    judge(world, "block_selected", chatgpt, reason="Phishing")
    assert not any(world.asker.is_active(tokens.access) for tokens in held)
    assert world.asker.is_active(kept.access)
    event = Event.objects.get(tag="client:blocked")
    assert (event.actor, event.client_id, event.detail) == ("administrator", chatgpt.client_id, {"note": "Phishing"})
    page = world.alice.open(chatgpt.authorize_url())
    assert page.status_code in (400, 403)
    assert "blocked" in page.content.decode()


def test_what_is_blocked_already_is_not_blocked_again(world: World, chatgpt: App) -> None:
    Client.objects.update(is_active=False)
    world.admin.sign_in()
    page = judge(world, "block_selected", chatgpt, reason="Again")
    assert "These clients are blocked already." in page.content.decode()
    assert not Event.objects.filter(tag="client:blocked").exists()


def test_a_verified_client_is_let_in_where_only_verified_ones_are(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="acme"), mode="verified")
    assert not world.asker.is_active(held.access)
    world.admin.sign_in()
    judge(world, "verify_selected", chatgpt, reason="Called them")
    assert world.asker.is_active(held.access)
    assert Event.objects.get(tag="client:updated").detail == {"change": "verified", "note": "Called them"}


def test_nobody_but_administrators_judges_clients(world: World, chatgpt: App) -> None:
    world.alice.sign_in()
    form = {"action": "block_selected", "_selected_action": [str(Client.objects.get().pk)], "reason": "x"}
    assert world.alice.http.post(CLIENTS, form).status_code in (302, 403)
    assert Client.objects.get().is_active


@pytest.mark.parametrize("path", READ_ONLY)
def test_what_handles_decided_is_found_and_not_typed(world: World, chatgpt: App, path: str) -> None:
    acme = Handle.objects.get(slug="acme")
    ClientPolicy.objects.create(handle=acme, mode="ask")
    ClientRule.objects.create(handle=acme, kind="client_id", value="id-1", client_name="Claude", decision="block")
    world.admin.sign_in()
    assert "@acme" in world.admin.http.get(f"{path}?q=acme").content.decode()
    assert "0 client" in world.admin.http.get(f"{path}?q=globex").content.decode()
    assert world.admin.http.get(f"{path}add/").status_code == 403
