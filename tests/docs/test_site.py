"""The documentation as a site: nothing in it leads nowhere, and what it repeats is what it repeats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from devtool.site_hook import on_page_markdown
from tests import house
from tests.docs import connect_page

DOCS = house.ROOT / "docs"
PYTHON = "python/notes.py"  # the kit's README has it too
READER = MarkdownIt("commonmark").enable("table")


def tokens(text: str) -> list[Token]:
    return [part for token in READER.parse(text) for part in (token, *(token.children or ()))]


def anchors(text: str) -> set[str]:
    """The anchors of a page that forges and MkDocs spell alike."""
    found: list[str] = []
    parsed = READER.parse(text)
    for token, inline in zip(parsed, parsed[1:], strict=False):
        if token.type == "heading_open":
            words = "".join(part.content for part in inline.children or ())
            found.append(re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-"))
    return {anchor for anchor in found if found.count(anchor) == 1 and "--" not in anchor}


def dead_links(page: Path, text: str) -> list[str]:
    links = [str(token.attrGet("href") or token.attrGet("src") or "") for token in tokens(text)]
    return [link for link in links if link and not re.match(r"[a-z]+:", link) and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if DOCS in page.parents and DOCS not in target.parents:  # there on a forge, but not on the site
        return False
    return target.exists() and (not anchor or (target.suffix == ".md" and anchor in anchors(target.read_text())))


def pages_of(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)]


def test_every_link_and_anchor_of_every_page_leads_somewhere() -> None:
    pages = [house.ROOT / path for path in house.files() if path.suffix == ".md"]
    assert len(pages) > 20
    assert {str(page): dead for page in pages if (dead := dead_links(page, page.read_text()))} == {}
    wrong = "[a](gone.md) [b](wire.md#gone) [c](#gone) [d](../README.md) ![e](gone.png) [f](wire.md#token) [g](https://x.org)"
    dead = ["gone.md", "wire.md#gone", "#gone", "../README.md", "gone.png"]
    assert dead_links(DOCS / "index.md", wrong) == dead


def test_the_site_shows_every_page_and_loads_nothing_from_others() -> None:
    settings = yaml.safe_load((house.ROOT / "devtool/mkdocs.yml").read_text())
    shown = pages_of(settings["nav"])
    assert sorted(shown) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
    assert settings["theme"]["name"] == "mkdocs"
    assert settings["theme"]["highlightjs"] is False
    assert settings["extra_css"] == ["site.css"]
    assert "extra_javascript" not in settings
    assert "url(" not in (DOCS / "site.css").read_text()
    assert on_page_markdown("Text\n| a |\n|---|\n```\nx\n- y\n```\nText\n- z\n  z\n- z") == (
        "Text\n\n| a |\n|---|\n```\nx\n- y\n```\nText\n\n- z\n  z\n- z"
    )


def test_what_pages_repeat_is_what_it_is() -> None:
    assert connect_page.PAGE.read_text() == connect_page.page()
    protect = READER.parse((DOCS / "guide" / "protect.md").read_text())
    for language, name, count in (("ts", "typescript/server.ts", 2), ("go", "go/main.go", 2), ("python", PYTHON, 1)):
        program = (DOCS / "examples" / name).read_text()
        snippets = [token.content for token in protect if token.type == "fence" and token.info == language]
        assert len(snippets) == count
        assert [snippet for snippet in snippets if snippet not in program] == []
    assert (
        f"```python\n{(DOCS / 'examples' / PYTHON).read_text()}```"
        in (house.ROOT / "resourceserver/README.md").read_text()
    )


def test_every_test_that_the_threat_table_names_exists() -> None:
    rows = re.findall(r"^\|.*\| (`.*`) \|$", (DOCS / "guide" / "security.md").read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    assert len(rows) > 25
    places = {name: house.ROOT / ("" if name.startswith("tests/") else "tests/attacks") / name for name in named}
    assert [name for name, place in places.items() if not place.exists()] == []
    attacks = {
        str(path.relative_to(house.ROOT / "tests/attacks")) for path in house.ROOT.glob("tests/attacks/**/test_*.py")
    }
    assert attacks - set(named) == set()
