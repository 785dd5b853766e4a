"""Tools at an endpoint, as its server publishes them, and what a page says of them."""

from __future__ import annotations

import re
from typing import Any

from tests.people import World

READS, CHANGES, DELETES = {"readOnlyHint": True}, {"destructiveHint": False}, {"destructiveHint": True}
Tools = dict[str, tuple[str, str, dict[str, bool]]]
FIRST: Tools = {
    "whoami": ("Who am I", "", READS),
    "list_links": ("List links", "links.read", READS),
    "create_link": ("Create a link", "links.read links.write", CHANGES),
    "deploy_site": ("Publish the site", "site.deployments.write", DELETES),
    "list_pages": ("List pages", "pages.read", READS),
}
ROW = re.compile(r'<li class="tool" data-tool([^>]*)>\s*<span class="tool-name"><bdi>([^<]*)</bdi>')


def publish(world: World, *tools: Tools, kind: str = "hosted") -> int:
    """Publish these tools and no others at an endpoint, as its server does; return the version of all of them."""
    told = [
        {"name": name, "title": title, "scopes": scopes.split(), "annotations": hints}
        for some in tools
        for name, (title, scopes, hints) in some.items()
    ]
    answer = world.asker.publish(*told, resources=[kind])
    assert answer.status_code == 200, answer.content
    return answer.json()["resources"][0]["version"]


def part(page: Any, attribute: str) -> str:
    """Return the part of a page that carries this attribute, or nothing."""
    html = page.content.decode()
    found = re.search(rf"<(details|section|div)\b[^>]*\s{attribute}[ >=].*?</\1>", html, re.DOTALL)
    return found[0] if found else ""


def tools_on(html: str) -> list[str]:
    """Return the titles of the tools that are shown in a piece of a page."""
    return [title for marks, title in ROW.findall(html) if not marks.endswith(" hidden")]


def counted(page: Any) -> str:
    """Return what the page says of how many tools there are."""
    found = re.search(r"<summary data-count>([^<]*)</summary>", page.content.decode())
    return found[1] if found else ""
