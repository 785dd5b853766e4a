"""What is served beside the pages: nothing inline, nothing from elsewhere, nothing large."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
STATIC = TEMPLATES / "static"
PAGES = sorted(TEMPLATES.rglob("*.html"))
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|data:")
ELSEWHERE = re.compile(r"""(?:src|href|action)=["']?(?:https?:)?//""")


def test_no_template_needs_an_exception_from_the_policy() -> None:
    texts = {str(path.relative_to(TEMPLATES)): path.read_text() for path in PAGES}
    assert len(texts) > 150
    assert [name for name, text in texts.items() if INLINE.search(text) or ELSEWHERE.search(text)] == []


@pytest.mark.parametrize("name", ["gatehouse.css", "gatehouse.js"])
def test_style_and_script_load_nothing_from_elsewhere(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not re.search(r"data:|https?:|//[a-z]+\.|@import|eval\(|innerHTML", text)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("gatehouse.css", 36_000),
        ("gatehouse.js", 16_000),
        ("inter-latin.woff2", 36_000),
        ("inter-latin-ext.woff2", 36_000),
    ],
)
def test_what_every_page_loads_stays_small(name: str, most: int) -> None:
    assert (STATIC / name).stat().st_size < most


@pytest.mark.parametrize("name", ["inter.LICENSE.txt", "lucide.LICENSE.txt"])
def test_what_others_drew_carries_its_licence(name: str) -> None:
    assert "Copyright" in (STATIC / name).read_text()
