"""The endpoint for tools: who may publish, in which form, and what is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import ResourceServer, Tool
from tests.people import GATEWAY, App, Asker, World, compat, hosted

PATH = "/oauth/tools"
LIST = {"name": "list_links", "scopes": ["links.read"], "annotations": {"readOnlyHint": True, "openWorldHint": False}}
CREATE = {"name": "create_link", "title": "Create a link", "description": "Adds one.", "scopes": ["links.write"]}


def test_whoever_is_no_resource_server_is_refused_and_learns_nothing_of_the_form(world: World, chatgpt: App) -> None:
    answer = Http().put(PATH, b"{", content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == 'Basic realm="resource servers"'
    strangers = [("", ""), ("platform", "x"), (world.asker.id, world.other_asker.secret), (world.asker.id, "")]
    for stranger in [Asker(*pair) for pair in strangers]:
        assert (stranger.publish(LIST).status_code, stranger.published().status_code) == (401, 401)
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert Http().get(PATH, headers={"Authorization": f"Bearer {held.access}"}).status_code == 401
    ResourceServer.objects.filter(pk=world.asker.id).update(is_active=False)
    assert world.asker.publish(LIST).status_code == 401
    assert not Tool.objects.exists()


@pytest.mark.parametrize("method", ["post", "patch", "delete", "head", "options"])
def test_anything_but_get_and_put_is_refused(db: None, method: str) -> None:
    answer = getattr(Http(), method)(PATH)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, PUT")


def test_a_body_that_is_wrong_is_refused_and_nothing_is_published(world: World) -> None:
    largest = b'{"tools":[]}'.ljust(policy.TOOLS_BODY_BYTES_MAX)
    assert world.asker.publish(body=largest).status_code == 200
    for body, sentence in {
        largest + b" ": "The body is too large.",
        b"": "The body is not JSON.",
        b"[" * 100_000: "The body is not JSON.",
        b'{"tools": [], "resources": ["other"]}': "resources names what is no endpoint of this server.",
        b'{"tools": [], "resources": ["gateway", "x"]}': "resources names what is no endpoint of this server.",
        b'{"tools": [{"name": "a"}]}': "tools[0].scopes must be a list of scopes.",
    }.items():
        answer = world.asker.publish(body=body)
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "invalid_request", "error_description": sentence},
        )
    assert world.asker.publish(LIST, {"name": "\ud83d", "scopes": []}).status_code == 400
    assert not Tool.objects.exists()


def test_what_is_published_is_told_and_can_be_read_again(world: World) -> None:
    answer = world.asker.publish(LIST, CREATE | {"scopes": ["links.wrote"]})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    told: dict[str, Any] = answer.json()
    assert told["warnings"] == ["tools[1] needs a scope that is not in the catalog: nobody can use it."]
    assert {(each["resource"], each["kind"]) for each in told["resources"]} == {
        (GATEWAY, "gateway"),
        (hosted("{handle}"), "hosted"),
        (compat("{handle}"), "compatibility"),
    }
    assert {(each["version"], each["tools"]) for each in told["resources"]} == {(1, 2)}
    assert len(told["resources"][0]["digest"]) == 64
    world.asker.publish(CREATE, resources=["hosted", GATEWAY])
    read = {each["kind"]: each for each in world.asker.published().json()["resources"]}
    assert [read[kind]["version"] for kind in ("gateway", "hosted", "compatibility")] == [2, 2, 1]
    hints = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True}
    assert read["gateway"]["tools"] == [CREATE | {"annotations": hints, "since": 2}]
    assert [tool["name"] for tool in read["compatibility"]["tools"]] == ["list_links", "create_link"]


def test_nobody_sees_what_others_published(world: World) -> None:
    world.asker.publish(LIST)
    (other,) = world.other_asker.published().json()["resources"]
    assert (other["version"], other["tools"], other["published_at"]) == (0, [], None)
