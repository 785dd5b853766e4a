"""The gallery: what it needs is said in a sentence, and its index leads to every picture."""

import importlib.util
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.browser import gallery


@pytest.mark.parametrize(("missing", "says"), [("tests", "checkout"), ("playwright", "test packages")])
def test_what_is_missing_is_named_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str, says: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(CommandError, match=says):
        call_command("gallery", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_index_leads_to_every_picture_there_is(tmp_path: Path) -> None:
    for name in ("home.light", "home.dark", "flow-consent.arabic"):
        (tmp_path / f"{name}.png").touch()
    gallery.write_index(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert "2 pages" in html
    assert html.count("<img") == 3
    assert 'src="flow-consent.arabic.png"' in html
