"""A deployment adds a tool that changes data, under a permission that people gave long ago. The authorization server is
the running product; the new deployment is the sample server with one tool more, its gate asking that product."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect

from resourceserver.sample import config, server
from resourceserver.sample.tools import CATALOG, Call, Tool
from tests.contract.apps import Connections
from tests.contract.person import Person
from tests.resourceserver.running import RunningSample, ready, start
from tests.resourceserver.sample.test_sample import rpc


def delete_link(call: Call) -> dict[str, Any]:
    return {"summary": f"There is no {call.text('slug')} at @{call.data.handle}."}


ARGUMENTS = (("slug", "Which"),)
NEW = Tool(
    "delete_link",
    "Delete a link",
    "Removes one.",
    ("links.write",),
    delete_link,
    ARGUMENTS,
    writes=True,
    destructive=True,
)


@contextmanager
def deployed(product: dict, *more: Tool) -> Iterator[RunningSample]:
    """Run the sample server, in the place of the product's own, with these tools more."""
    tools = (*CATALOG, *more)
    own = product["resource_servers"][0]
    urls = {name.upper(): product[name] for name in ("gateway_url", "hosted_url", "compat_url")}
    environ = {"ISSUER": product["issuer"], "RESOURCE_SERVER_ID": own["id"], "RESOURCE_SERVER_SECRET": own["secret"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "CATALOG", tools)
        patch.setattr(server, "BY_NAME", {tool.name: tool for tool in tools})
        patch.setattr(server, "RULES", {tool.name: tool.rule() for tool in tools})
        app = server.application(config.read(environ | urls))
        sample = RunningSample(None, app, ThreadPoolExecutor(max_workers=1), asyncio.new_event_loop())  # type: ignore[arg-type]
        stop = sample.run(start(app))
        try:
            sample.run(asyncio.wait_for(ready(sample), 30))
            yield sample
        finally:
            sample.run(stop())
            sample.loop.close()
            sample.thread.shutdown()


@pytest.fixture
def deployment(short_lived: dict) -> Iterator[RunningSample]:
    with deployed(short_lived, NEW) as sample:
        yield sample
    with deployed(short_lived):  # and back: other tests meet the product as it was
        pass


def credential(app: Any) -> str:
    """The client's credential, renewed where it ran out: without asking the person anything."""
    app.call("whoami")
    return app.ask("credential")


def listed(sample: RunningSample, app: Any, url: str) -> set[str]:
    return {tool["name"] for tool in rpc(sample, credential(app), "tools/list", url=url).json["result"]["tools"]}


@pytest.mark.parametrize("at", ["compat globex"], indirect=True)
@pytest.mark.covers("ask:6", "ask:7")
def test_who_was_connected_gets_a_new_tool_once_they_say_so_and_without_another_sign_in(
    at: Connections, alice: Person, request: pytest.FixtureRequest
) -> None:
    app = at.of("python2")
    app.order("call", tool="create_link", arguments={"slug": "old", "target": "https://example.com/"})
    alice.allows(app.authorize_url())
    assert "old" in app.next("done")

    sample: RunningSample = request.getfixturevalue("deployment")
    assert {"create_link", "delete_link"} & listed(sample, app, at.url) == {"create_link"}
    refused = rpc(sample, credential(app), "tools/call", url=at.url, name="delete_link", arguments={"slug": "old"})
    assert (refused.status, refused.challenge["scope"]) == (403, "mcp.connect links.write")
    told = re.search(r"http\S+/connections/\S+/tools", refused.json["error_description"])
    assert told

    page = alice.opens(told[0])
    expect(page.get_by_role("main")).to_contain_text("Delete a link")
    page.get_by_role("button", name="Allow").click()
    expect(page).not_to_have_url(told[0])
    page.close()
    assert {"create_link", "delete_link"} <= listed(sample, app, at.url)
    done = rpc(sample, credential(app), "tools/call", url=at.url, name="delete_link", arguments={"slug": "old"})
    assert done.json["result"]["content"][0]["text"] == "There is no old at @globex."
