"""What MkDocs needs of our pages beyond what forges do: an empty line before a table or a list that follows text."""

from __future__ import annotations

import re
from typing import Any

LIST = re.compile(r"([-*]|\d+\.) ")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page as Python-Markdown reads it the way that forges read ours."""
    told: list[str] = []
    is_code = False
    for line in markdown.splitlines():
        is_code ^= line.startswith("```")
        if not is_code and told and told[-1].strip() and _begins_block(line, told[-1]):
            told.append("")
        told.append(line)
    return "\n".join(told)


def _begins_block(line: str, before: str) -> bool:
    if line.startswith("|"):
        return not before.startswith("|")
    return bool(LIST.match(line)) and not LIST.match(before) and not before.startswith(" ")
