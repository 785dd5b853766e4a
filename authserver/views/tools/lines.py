"""A tool as pages about new tools list it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict

from authserver.protocol.tools import Tool
from authserver.services import catalog
from authserver.views.consent.tool_rows import level_of

VERSION_DIGITS_MAX = 9


@dataclass(frozen=True)
class ToolLine:
    """`allowed_by` are the permissions, in people's words, that the tool takes; `waits_at` is how many connections of a
    handle it waits at, where that is asked."""

    name: str
    title: str
    description: str
    level: str
    level_label: str
    allowed_by: str
    waits_at: int = 0


def lines_of(tools: Iterable[Tool]) -> list[ToolLine]:
    """Return a line for each of these tools, in order."""
    titles = catalog.titles()
    return [line_of(tool, titles) for tool in tools]


def line_of(tool: Tool, titles: dict[str, str], *, waits_at: int = 0) -> ToolLine:
    level, label = level_of(tool)
    words = ", ".join(titles.get(name, name) for name in sorted(tool.scopes))
    return ToolLine(tool.name, tool.title, tool.description, level, label, words, waits_at)


def version_in(form: QueryDict) -> int:
    """Return the version of the tools that a page showed, or 0 where the form has none."""
    text = form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS_MAX else 0
