"""A deployment adds tools: whoever was connected before does not get those that nobody showed them."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.models import Connection, Event, ProtectedResource, ResourceServer, ToolApproval
from authserver.services import connections
from authserver.services.tools import manifests
from handles.models import Handle
from tests.flows.changes import set_role, set_scope
from tests.people import App, Tokens, World
from tests.receivers import CHANGED, Stream, kind_of

pytestmark = pytest.mark.covers("ask:7")

WHOAMI = {"name": "whoami", "scopes": ["mcp.connect"], "annotations": {"readOnlyHint": True}}
LIST = {"name": "list_links", "scopes": ["links.read"], "annotations": {"readOnlyHint": True}}
CREATE = {"name": "create_link", "scopes": ["links.write"], "annotations": {"destructiveHint": False}}
DELETE = {"name": "delete_link", "scopes": ["links.write"]}
WRITES = "mcp.connect links.read links.write"


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    """Alice allowed links.write before anybody published anything."""
    return world.connect(world.alice, chatgpt, handle="acme", scope=WRITES)


def withheld(world: World, held: Tokens) -> list[str] | None:
    known = world.asker.knows(held.access)
    assert known["active"]
    return known.get("withheld_tools")


def gateway() -> ProtectedResource:
    return ProtectedResource.objects.get(kind="gateway")


def test_those_of_the_first_publication_are_everybody_s_and_later_ones_wait(world: World, held: Tokens) -> None:
    before = world.asker.knows(held.access)
    assert "withheld_tools" not in before
    world.asker.publish(WHOAMI, LIST, CREATE)
    assert world.asker.knows(held.access) == before
    world.asker.publish(DELETE, WHOAMI, LIST, CREATE)
    assert world.asker.knows(held.access) == before | {"withheld_tools": ["delete_link"]}
    world.asker.publish(WHOAMI, LIST, CREATE | {"title": "Another title"})
    assert withheld(world, held) == ["delete_link"]
    world.asker.publish(WHOAMI, LIST | {"annotations": {}}, CREATE | {"annotations": {}}, DELETE)
    assert withheld(world, held) == ["create_link", "delete_link", "list_links"]
    Connection.objects.update(tools_version=gateway().tools_version)
    assert withheld(world, held) is None


def test_an_admin_s_word_for_the_handle_is_good_for_everybody_there(world: World, held: Tokens, chatgpt: App) -> None:
    elsewhere = world.connect(world.alice, chatgpt, handle="globex", scope=WRITES)
    world.asker.publish(CREATE)
    world.asker.publish(CREATE, DELETE)
    acme = Handle.objects.get(slug="acme")
    hosted = ProtectedResource.objects.get(kind="hosted")
    for endpoint in (hosted, gateway()):
        ToolApproval.objects.create(
            handle=acme, protected_resource=endpoint, version=2, approved_at=endpoint.tools_published_at
        )
        expected = None if endpoint != hosted else ["delete_link"]
        assert withheld(world, held) == expected
    assert withheld(world, elsewhere) == ["delete_link"]
    world.asker.publish(CREATE, DELETE, {"name": "third", "scopes": ["links.write"]})
    assert withheld(world, held) == ["third"]


def test_what_somebody_took_away_or_nobody_can_allow_is_withheld_whatever_its_age(
    world: World, held: Tokens, django_assert_num_queries: Any
) -> None:
    run = {"name": "run", "scopes": ["site.deployments.write"]}
    world.asker.publish(WHOAMI, LIST, CREATE, run, {"name": "typo", "scopes": ["links.wrote"]})
    assert withheld(world, held) == ["typo"]
    connection = Connection.objects.get()
    connections.allow_scopes(connection, ["mcp.connect", "links.read"], by=world.alice.user, now=connection.created_at)
    assert withheld(world, held) == ["create_link", "typo"]
    connections.allow_scopes(connection, WRITES.split(), by=world.alice.user, now=connection.created_at)
    connections.withhold(connection, ["links.read"], by=world.alice.user, now=connection.created_at)
    assert withheld(world, held) == ["list_links", "typo"]
    connections.withhold(connection, [], by=world.alice.user, now=connection.created_at)
    set_scope("site.deployments.write", role="admin")
    assert withheld(world, held) == ["typo"]
    set_role(world.alice, "acme", "member")
    assert withheld(world, held) == ["run", "typo"]
    Connection.objects.update(declined_scopes="links.write", scopes="mcp.connect links.read")
    assert withheld(world, held) == ["create_link", "run", "typo"]


def test_two_servers_at_one_endpoint_publish_side_by_side(world: World, held: Tokens) -> None:
    second = ResourceServer.objects.get(pk=world.other_asker.id)
    second.resources.add(gateway())
    world.asker.publish(LIST)
    world.other_asker.publish(CREATE, resources=["gateway"])
    assert (gateway().tools_version, withheld(world, held)) == (2, ["create_link"])
    world.asker.publish(LIST, WHOAMI)
    assert withheld(world, held) == ["create_link", "whoami"]
    names = {tool.name: tool.since for tool in manifests.manifest_of(gateway().pk).tools}
    assert names == {"create_link": 2, "list_links": 0, "whoami": 3}
    world.other_asker.publish(resources=["gateway"])
    assert {tool.name for tool in manifests.manifest_of(gateway().pk).tools} == {"list_links", "whoami"}


def test_each_change_is_proven_by_the_ledger_and_told_to_whoever_remembers(world: World, held: Tokens) -> None:
    stream, other = Stream.open(world.asker), Stream.open(world.other_asker)
    for _ in range(2):
        told = world.asker.publish(LIST, resources=["gateway"]).json()["resources"]
    (event,) = Event.objects.filter(tag="tools:published")
    assert event.detail == {
        "resource": str(gateway().pk),
        "resource_server": world.asker.id,
        "version": 1,
        "digest": told[0]["digest"],
        "tools": 1,
        "new": 0,
        "gone": 0,
    }
    again = world.asker.publish(CREATE, resources=["gateway"]).json()["resources"]
    newest = Event.objects.filter(tag="tools:published").latest("pk").detail
    assert (newest["version"], newest["new"], newest["gone"]) == (2, 1, 1)
    assert newest["digest"] == again[0]["digest"] != told[0]["digest"]
    heard = stream.hear()
    assert [(kind_of(each), each["sub_id"]["format"]) for each in heard] == [(CHANGED, "uri")] * 2
    assert other.hear() == []


def test_the_tools_are_read_once_for_each_version(world: World, held: Tokens, django_assert_num_queries: Any) -> None:
    world.asker.ask(held.access)  # its use is noted
    world.asker.publish(LIST)
    for count in (2, 1, 1):
        with django_assert_num_queries(count):
            world.asker.ask(held.access)
