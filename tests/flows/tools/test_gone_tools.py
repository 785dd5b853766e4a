"""A rolling deployment: an older process starts again and publishes the tools of its day, while a newer one runs."""

from __future__ import annotations

import pytest

from authserver.models import Connection, Event, ProtectedResource, ResourceServer
from tests.authserver.views.test_consent_page import words
from tests.flows.tools.test_new_tools import CREATE, DELETE, LIST, WRITES, held, withheld
from tests.people import App, Person, Tokens, World

__all__ = ["held"]

pytestmark = pytest.mark.covers("ask:7")

OLD, NEW = (LIST, CREATE), (LIST, CREATE, DELETE)
WAITS = ["delete_link"]


def allow(person: Person, handle: str, version: int) -> None:
    row = Connection.objects.get(user=person.user, handle__slug=handle)
    person.http.post(f"/connections/{row.pk}/tools", {"decision": "allow", "version": version})


def pages(world: World, app: App) -> str:
    """Return what the pages with tools say: what waits, what the handle's admins see, what is asked for."""
    globex = Connection.objects.get(handle__slug="globex")
    shown = [
        f"/connections/{globex.pk}/tools",
        "/connections",
        "/handles/globex/tools",
        app.authorize_url(scope=WRITES),
    ]
    return " ".join(words(world.alice.http.get(each, follow=True)) for each in shown)


def test_an_older_process_takes_a_new_tool_from_nobody_and_gives_it_to_nobody(
    world: World, chatgpt: App, held: Tokens
) -> None:
    world.asker.publish(*OLD)
    waiting = world.connect(world.alice, chatgpt, handle="globex", scope=WRITES)
    world.asker.publish(*NEW)
    allow(world.alice, "acme", 2)
    assert "delete_link" in pages(world, chatgpt)
    assert [withheld(world, each) for each in (held, waiting)] == [None, WAITS]

    told = world.asker.publish(*OLD).json()["resources"][0]
    assert (told["version"], told["tools"]) == (3, 2)
    (listed, *_) = world.asker.published().json()["resources"]
    assert ([tool["name"] for tool in listed["tools"]], listed["digest"]) == (
        ["list_links", "create_link"],
        told["digest"],
    )
    between = world.connect(world.bob, chatgpt, handle="acme", scope=WRITES)
    everybody = (held, waiting, between)
    assert [withheld(world, each) for each in everybody] == [None, WAITS, WAITS]
    shown = pages(world, chatgpt)
    assert "create_link" in shown
    assert "delete_link" not in shown
    assert "1 new tool waits" not in shown

    world.asker.publish(*NEW)
    assert [withheld(world, each) for each in everybody] == [None, WAITS, WAITS]
    newest = Event.objects.filter(tag="tools:published").latest("pk").detail
    assert (newest["version"], newest["new"], newest["gone"]) == (4, 0, 0)
    assert "1 new tool waits for your word" in pages(world, chatgpt)
    allow(world.alice, "globex", 4)
    allow(world.bob, "acme", 4)
    assert [withheld(world, each) for each in everybody] == [None, None, None]


def test_a_tool_that_comes_back_with_more_power_is_new_to_everybody(world: World, held: Tokens) -> None:
    harmless = DELETE | {"annotations": {"destructiveHint": False}}
    world.asker.publish(LIST, harmless)
    world.asker.publish(LIST)
    assert withheld(world, held) is None
    world.asker.publish(LIST, DELETE)
    assert withheld(world, held) == WAITS
    allow(world.alice, "acme", 3)
    assert withheld(world, held) is None
    world.asker.publish(LIST)
    world.asker.publish(LIST, harmless)
    assert withheld(world, held) is None


def test_one_that_another_server_has_now_is_judged_as_it_is_there(world: World, held: Tokens) -> None:
    second = ResourceServer.objects.get(pk=world.other_asker.id)
    second.resources.add(ProtectedResource.objects.get(kind="gateway"))
    world.asker.publish(LIST, DELETE)
    world.other_asker.publish(DELETE, resources=["gateway"])
    world.asker.publish(LIST)
    allow(world.alice, "acme", 3)
    assert withheld(world, held) is None
