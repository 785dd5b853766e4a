"""From a tool call to the page: a server asks, reports, and an admin reads what was used."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from authserver.models import Connection
from authserver.services.usage import figures, introspections
from authserver.tasks import roll_up_usage
from tests.people import App, World

pytestmark = pytest.mark.covers("ask:13")


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    introspections._counts.clear()


def gate(world: World, token: str, tool: str, *, needs: str, times: int = 1) -> None:
    """Do what a resource server's gate does: ask what the credential is worth, let in or not, report it."""
    for _ in range(times):
        known = world.asker.knows(token)
        missing = sorted({needs} - set(known["scope"].split()))
        call: dict[str, Any] = {"connection_id": known["connection_id"], "tool": tool, "scopes": [needs]}
        call |= {"missing": missing, "outcome": "insufficient_scope" if missing else "allowed", "count": 1}
        assert world.asker.report(call | {"at": int(timezone.now().timestamp())}).status_code == 202


def usage_of(world: World) -> str:
    return " ".join(world.alice.sign_in().http.get("/handles/acme/usage").content.decode().split())


def test_calls_are_on_the_page_at_once_and_stay_when_they_are_added_up(world: World) -> None:
    claude = world.connect(world.bob, App.register("Claude", "https://claude.ai/api/mcp/auth_callback"), handle="acme")
    gate(world, claude.access, "list_links", needs="links.read", times=14)
    gate(world, claude.access, "create_link", needs="links.write", times=2)
    before = usage_of(world)
    assert roll_up_usage.delay().result == 16
    for page in (before, usage_of(world)):
        assert '<bdi>Claude</bdi> used <code dir="ltr">list_links</code> 14 times this week.' in page
        assert "2 times this week and was refused for want of permission." in page
        assert "<bdi>bob@example.com</bdi>" in page


def test_figures_are_of_reports_where_there_are_and_of_questions_elsewhere(world: World, chatgpt: App) -> None:
    told = world.connect(world.alice, chatgpt, handle="acme")
    quiet = world.connect(world.alice, chatgpt, handle="globex")
    gate(world, told.access, "list_links", needs="links.read", times=3)
    for _ in range(5):
        world.asker.knows(quiet.access)
    introspections.flush()
    rows = Connection.objects.select_related("handle")
    found = {row.handle.slug: figures.of(rows, timezone.now())[row.pk] for row in rows}
    assert (found["acme"].count, found["acme"].unit) == (3, "tool calls")
    assert (found["globex"].count, found["globex"].unit) == (5, "requests")


def test_nobodys_use_is_on_another_handles_page(world: World, chatgpt: App) -> None:
    held = world.connect(world.bob, chatgpt, handle="initech")
    gate(world, held.access, "list_links", needs="links.read")
    assert "Nothing was used this week" in usage_of(world)
    assert "list_links" in world.bob.sign_in().http.get("/handles/initech/usage").content.decode()


def test_a_refused_call_is_a_question_to_the_person_at_once(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    gate(world, held.access, "create_link", needs="links.write")
    wish = Connection.objects.get().scope_requests.get()
    assert (wish.scope, wish.tool, wish.count) == ("links.write", "create_link", 1)
