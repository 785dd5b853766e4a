"""An accent from one colour of a deployment: as it is where it can be read, darker or lighter where it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable

Color = tuple[int, int, int]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
ON_LIGHT, ON_DARK = WHITE, (0x0D, 0x12, 0x1C)  # text on the accent
# What the accent stands on as text (the stylesheet's --surface and --ground, of each scheme; a test compares).
LIGHT: tuple[Color, ...] = ((0xFF, 0xFF, 0xFF), (0xF3, 0xF4, 0xF7))
DARK: tuple[Color, ...] = ((0x17, 0x1B, 0x22), (0x0E, 0x11, 0x16))
READABLE = 4.5  # WCAG 2.2 §1.4.3
STEPS = 50
NOTATION = re.compile(r"#[0-9a-fA-F]{6}")


def parse(text: str) -> Color | None:
    """Return the colour written as `#rrggbb`, or None."""
    if not NOTATION.fullmatch(text):
        return None
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def written(color: Color) -> str:
    return "#" + bytes(color).hex()


def mixed(color: Color, other: Color, share: float) -> Color:
    """Return the colour with this share (0 to 1) of another one in it."""
    red, green, blue = (round(mine + (theirs - mine) * share) for mine, theirs in zip(color, other, strict=True))
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def on_light(color: Color) -> Color:
    """Return the accent of the light scheme: this colour, darkened as far as reading it needs."""
    return _readable(color, BLACK, lambda accent: (*LIGHT, tint_on_light(accent), ON_LIGHT))


def on_dark(color: Color) -> Color:
    """Return the accent of the dark scheme: this colour, lightened as far as reading it needs."""
    return _readable(color, WHITE, lambda accent: (*DARK, tint_on_dark(accent), ON_DARK))


def tint_on_light(accent: Color) -> Color:
    return mixed(WHITE, accent, 0.09)


def tint_on_dark(accent: Color) -> Color:
    return mixed(DARK[0], accent, 0.14)


def _readable(color: Color, toward: Color, grounds: Callable[[Color], tuple[Color, ...]]) -> Color:
    for step in range(STEPS + 1):
        accent = mixed(color, toward, step / STEPS)
        if all(contrast(accent, ground) >= READABLE for ground in grounds(accent)):
            return accent
    return mixed(color, toward, 1)


def rules(color: Color) -> str:
    """Return the CSS that makes this colour the accent of both schemes; it stands behind the stylesheet's own."""
    light, dark = on_light(color), on_dark(color)
    pairs = {
        "accent": (light, dark),
        "accent-hover": (mixed(light, BLACK, 0.25), mixed(dark, WHITE, 0.3)),
        "on-accent": (ON_LIGHT, ON_DARK),
        "accent-tint": (tint_on_light(light), tint_on_dark(dark)),
    }
    lines = [f"--{name}:light-dark({written(one)},{written(other)})" for name, (one, other) in pairs.items()]
    return ":root{" + ";".join(lines) + "}"
