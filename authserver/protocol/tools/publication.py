"""What a resource server publishes about its tools: read strictly, so that a mistake is told to whoever made it and
nothing half-right is shown to people; and what a change of it means for those who are connected."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from authserver import policy
from authserver.protocol import scopes
from authserver.protocol.errors import Refusal
from authserver.protocol.names import plain
from authserver.protocol.tools import absence
from authserver.protocol.tools.standing import Tool

NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)  # MCP 2025-11-25, server/tools, tool names


@dataclass(frozen=True)
class Publication:
    """All tools of one server, in its order; `resources` are the kinds or addresses that it names, None for all."""

    tools: tuple[Tool, ...]
    resources: tuple[str, ...] | None


class _Wrong(Exception):
    """Names the member that is not as it has to be."""


def parse(body: object) -> Publication | Refusal:
    """Return what is published, each tool `since` 0, or which member of it is wrong."""
    try:
        if not isinstance(body, dict):
            raise _Wrong("The body must be an object.")
        entries = _list(body, "tools", at_most=policy.TOOLS_MAX)
        tools = tuple(_tool(entry, f"tools[{number}]") for number, entry in enumerate(entries))
        _insist_on_one_of_each(tools)
        return Publication(tools, _resources(body))
    except _Wrong as wrong:
        return Refusal("invalid_request", str(wrong), "tools:malformed")


def warnings(publication: Publication, catalog: scopes.Catalog) -> list[str]:
    """Return a sentence for each scope that no catalog entry explains: nobody can allow it."""
    return [
        f"tools[{number}] needs a scope that is not in the catalog: nobody can use it."
        for number, tool in enumerate(publication.tools)
        if not tool.scopes <= catalog.keys()
    ]


def dated(tools: Iterable[Tool], before: Iterable[Tool], *, version: int) -> tuple[Tool, ...]:
    """Return a server's tools with the version since which each has its power, where `before` is what this server had
    published, with what is gone and not forgotten, and `version` the one with which these will be. The first of an
    endpoint were there before all."""
    known = {tool.name: tool for tool in before}
    if version == 1:
        return tuple(replace(tool, since=0) for tool in tools)
    return tuple(_dated(tool, known.get(tool.name), version) for tool in tools)


def _dated(tool: Tool, before: Tool | None, version: int) -> Tool:
    if before is None or _gained_power(tool, before):
        return replace(tool, since=version)
    return replace(tool, since=before.since, absences=absence.back(before, version).absences)


def _gained_power(tool: Tool, before: Tool) -> bool:
    """Tell whether people who allowed the tool as it was cannot be taken to have allowed it as it is."""
    return (
        tool.scopes != before.scopes
        or (before.is_read_only and not tool.is_read_only)
        or (tool.is_destructive and not before.is_destructive)
    )


def digest(tools: Sequence[tuple[str, Tool]]) -> str:
    """Return the SHA-256, in hexadecimal, of the tools of an endpoint, each after the id of its server."""
    told = [{"server": server} | described(tool) for server, tool in tools]
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def described(tool: Tool) -> dict[str, Any]:
    """Return a tool as it is written on the wire, with its `since`."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "scopes": sorted(tool.scopes),
        "annotations": {
            "readOnlyHint": tool.is_read_only,
            "destructiveHint": tool.is_destructive,
            "openWorldHint": tool.is_open_world,
        },
        "since": tool.since,
    }


def _list(body: Mapping[str, Any], member: str, *, at_most: int) -> list[Any]:
    found = body.get(member)
    if not isinstance(found, list):
        raise _Wrong(f"{member} must be a list.")
    if len(found) > at_most:
        raise _Wrong(f"{member} holds more than {at_most} entries.")
    return found


def _tool(entry: object, where: str) -> Tool:
    if not isinstance(entry, dict):
        raise _Wrong(f"{where} must be an object.")
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _Wrong(f"{where}.name must be the name of a tool: 1 to 128 letters, digits, dots, hyphens, underscores.")
    hints = entry.get("annotations", {})
    if not isinstance(hints, dict):
        raise _Wrong(f"{where}.annotations must be an object.")
    is_read_only = _hint(hints, "readOnlyHint", where, default=False)
    is_destructive = _hint(hints, "destructiveHint", where, default=True)
    return Tool(
        name=name,
        title=_text(entry, "title", where, at_most=policy.TOOL_TITLE_LENGTH_MAX) or name,
        description=_text(entry, "description", where, at_most=policy.TOOL_DESCRIPTION_LENGTH_MAX),
        scopes=_scopes(entry, where),
        is_read_only=is_read_only,
        is_destructive=is_destructive and not is_read_only,  # MCP: it says nothing of tools that only read
        is_open_world=_hint(hints, "openWorldHint", where, default=True),
        since=0,
    )


def _text(entry: Mapping[str, Any], member: str, where: str, *, at_most: int) -> str:
    found = entry.get(member, "")
    text = plain(found) if isinstance(found, str) else None
    if text is None or len(text) > at_most:
        raise _Wrong(f"{where}.{member} must be a text of at most {at_most} characters.")
    return text


def _scopes(entry: Mapping[str, Any], where: str) -> frozenset[str]:
    names = entry.get("scopes")
    if not isinstance(names, list) or len(names) > policy.SCOPE_COUNT_MAX or not all(map(scopes.is_token, names)):
        raise _Wrong(f"{where}.scopes must be a list of scopes.")
    return frozenset(names)


def _hint(hints: Mapping[str, Any], name: str, where: str, *, default: bool) -> bool:
    found = hints.get(name, default)
    if not isinstance(found, bool):
        raise _Wrong(f"{where}.annotations.{name} must be true or false.")
    return found


def _insist_on_one_of_each(tools: tuple[Tool, ...]) -> None:
    seen: set[str] = set()
    for number, tool in enumerate(tools):
        if tool.name in seen:
            raise _Wrong(f"tools[{number}].name is that of an earlier tool.")
        seen.add(tool.name)


def _resources(body: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "resources" not in body:
        return None
    named = _list(body, "resources", at_most=policy.TOOL_RESOURCES_MAX)
    if not named or not all(isinstance(each, str) for each in named):
        raise _Wrong("resources must name kinds or addresses of endpoints, or be left out.")
    return tuple(named)
