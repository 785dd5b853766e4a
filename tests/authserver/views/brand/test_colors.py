"""One colour of a deployment becomes an accent that everybody can read, in both schemes."""

import re

import pytest

from authserver.views.brand import colors
from tests.house import ROOT

ANY = ["#000000", "#ffffff", "#ffff00", "#808080", "#00ff00", "#0000ff", "#ff0000", "#23408e", "#f97316", "#9db4ff"]


@pytest.mark.parametrize("text", ["", "#fff", "23408e", "#23408e ", "#23408g", "red", "#23408e;}", "#23408e\n"])
def test_what_is_no_colour_is_not_taken(text: str) -> None:
    assert colors.parse(text) is None


@pytest.mark.parametrize("text", ANY)
def test_text_in_the_accent_and_on_it_can_be_read_in_both_schemes(text: str) -> None:
    color = colors.parse(text)
    assert color
    light, dark = colors.on_light(color), colors.on_dark(color)
    for accent, grounds in (
        (light, [*colors.LIGHT, colors.tint_on_light(light), colors.ON_LIGHT]),
        (dark, [*colors.DARK, colors.tint_on_dark(dark), colors.ON_DARK]),
    ):
        assert min(colors.contrast(accent, ground) for ground in grounds) >= 4.5


def test_a_colour_that_can_be_read_is_used_as_it_is() -> None:
    assert colors.on_light((0x23, 0x40, 0x8E)) == (0x23, 0x40, 0x8E)
    assert colors.on_dark((0x9D, 0xB4, 0xFF)) == (0x9D, 0xB4, 0xFF)
    assert colors.contrast(colors.BLACK, colors.WHITE) == pytest.approx(21)
    assert colors.contrast((0x76, 0x76, 0x76), colors.WHITE) == pytest.approx(4.54, abs=0.01)


def test_the_grounds_that_are_reckoned_with_are_those_of_the_stylesheet() -> None:
    css = (ROOT / "templates/static/gatehouse.css").read_text()
    tokens = dict(re.findall(r"--(\w[\w-]*): light-dark\((#\w+), #\w+\)", css))
    dark = dict(re.findall(r"--(\w[\w-]*): light-dark\(#\w+, (#\w+)\)", css))
    assert tuple(colors.parse(tokens[name]) for name in ("surface", "ground")) == colors.LIGHT
    assert tuple(colors.parse(dark[name]) for name in ("surface", "ground")) == colors.DARK
    replaced = re.findall(r"--([\w-]+):", colors.rules(colors.BLACK))
    assert set(replaced) <= set(tokens)
