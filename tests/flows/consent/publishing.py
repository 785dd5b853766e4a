"""Tools at an endpoint, as its server publishes them, and what a page says of them."""

from __future__ import annotations

import re
from typing import Any

from django.utils import timezone

from authserver.models import ProtectedResource, Tool
from tests.people import World

READS, CHANGES, DELETES = (
    {"is_read_only": True, "is_destructive": False},
    {"is_destructive": False},
    {"is_destructive": True},
)
FIRST = {
    "whoami": ("Who am I", "", READS),
    "list_links": ("List links", "links.read", READS),
    "create_link": ("Create a link", "links.read links.write", CHANGES),
    "deploy_site": ("Publish the site", "site.deployments.write", DELETES),
    "list_pages": ("List pages", "pages.read", READS),
}
ROW = re.compile(r'<li class="tool" data-tool([^>]*)>\s*<span class="tool-name"><bdi>([^<]*)</bdi>')


def publish(world: World, tools: dict[str, tuple[str, str, dict[str, bool]]], kind: str = "hosted") -> int:
    """Add tools to an endpoint, as its server does, and return the version of all that is there now."""
    endpoint = ProtectedResource.objects.get(kind=kind)
    version = endpoint.tools_version + 1
    place = Tool.objects.filter(protected_resource=endpoint).count()
    for name, (title, scopes, hints) in tools.items():
        place += 1
        Tool.objects.create(
            protected_resource=endpoint,
            resource_server_id=world.asker.id,
            name=name,
            title=title,
            scopes=scopes,
            since=version if version > 1 else 0,
            position=place,
            **hints,
        )
    ProtectedResource.objects.filter(pk=endpoint.pk).update(tools_version=version, tools_published_at=timezone.now())
    return version


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
