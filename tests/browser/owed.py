"""What every page owes to everybody: axe's rules, nothing cut off or out of sight, large targets, a ring where the
focus is. Each look is held to what can differ there: colours in both schemes, layout at each width and direction."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What colours and widths can change: looked at again in the dark, and on a phone.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
OF_LAYOUT = ["target-size", "scrollable-region-focusable", "meta-viewport"]
TARGET_PX = 44
AXE = Axe().axe_script

LAYOUT = """(target) => {
  const found = [], root = document.documentElement, width = root.clientWidth;
  const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  if (root.scrollWidth > width) found.push(`scrolls sideways by ${root.scrollWidth - width} px`);
  if (!root.lang || !root.dir) found.push("the page has no lang or dir");
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  const inline = "style, [style], script:not([src], [type='application/json']), script[src]:not(:empty)";
  document.querySelectorAll(inline).forEach((element) => say("inline", element));
  for (const element of document.querySelectorAll("*"))
    if (element.getAttributeNames().some((name) => name.startsWith("on"))) say("inline handler", element);
  const hidden = ".visually-hidden, .skip-link, [hidden], svg *";
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(hidden) || !element.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const cuts = ["hidden", "clip"].includes(style.overflowX) && element.tagName !== "svg";
    if (cuts && element.scrollWidth > element.clientWidth + 1) say("cut off", element);
    if (!element.matches("a, button, input, select, textarea, summary") || box.width === 0) continue;
    if (box.left < -1 || box.right > width + 1) say("out of sight", element);
    const large = "button, .button, select, textarea, input:not([type=radio], [type=checkbox])";
    if (element.matches(large) && box.height < target - 0.5) say(`only ${box.height} px high`, element);
  }
  for (const row of document.querySelectorAll(".choice label")) {
    const box = row.getBoundingClientRect();
    if (box.height && box.height < target - 0.5) say(`only ${box.height} px high`, row);
  }
  return found;
}"""
RINGS = """() => {
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const found = [], before = document.activeElement;
  for (const element of document.querySelectorAll(controls)) {
    if (element.disabled || !element.checkVisibility({visibilityProperty: true})) continue;
    element.focus({focusVisible: true, preventScroll: true});
    if (document.activeElement !== element) continue;
    const shown = [element, element.closest(".choice")].some((each) => {
      const style = each && getComputedStyle(each);
      return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    if (!shown) found.push(`no focus ring: ${element.outerHTML.slice(0, 160)}`);
  }
  before?.focus();
  return found;
}"""
EDGES = """() => [...document.querySelectorAll(".button, .field input, .field select, .tag, .card, .note")]
  .filter((each) => each.checkVisibility() && parseFloat(getComputedStyle(each).borderTopWidth) < 1)
  .map((each) => `no edge in forced colours: ${each.outerHTML.slice(0, 160)}`)"""


def faults(page: Page) -> list[str]:
    """Return everything the page in front fails in, each with the look it fails in."""
    found = [_in(page, "light", 1000, lambda: layout(page) + axe(page, tags=RULES) + rings(page))]
    found += [_in(page, "dark", 1000, lambda: axe(page, rules=OF_COLOURS))]
    found += [_in(page, "phone", 360, lambda: layout(page) + axe(page, rules=OF_LAYOUT))]
    found += [_in(page, "zoomed", 320, lambda: layout(page))]
    found += [_in(page, "right to left, phone", 360, lambda: layout(page))]
    found += [_in(page, "right to left", 1000, lambda: layout(page))]
    found += [_in(page, "forced colours", 1000, lambda: page.evaluate(EDGES))]
    return [fault for each in found for fault in each]


def _in(page: Page, look: str, width: int, search) -> list[str]:  # type: ignore[no-untyped-def]
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(
        color_scheme="dark" if look == "dark" else "light",
        forced_colors="active" if look == "forced colours" else "none",
        reduced_motion="reduce",
    )
    direction = "rtl" if look.startswith("right to left") else "ltr"
    page.evaluate("direction => { document.documentElement.dir = direction }", direction)
    return [f"{look}: {fault}" for fault in search()]


def layout(page: Page) -> list[str]:
    return page.evaluate(LAYOUT, TARGET_PX)


def rings(page: Page) -> list[str]:
    page.keyboard.press("Shift")  # whoever focuses now does so by keyboard
    return page.evaluate(RINGS)


def axe(page: Page, *, tags: list[str] | None = None, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds, by tags or by single rules. Its script is loaded once per page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    asked = {"type": "tag", "values": tags} if tags else {"type": "rule", "values": rules}
    violations = page.evaluate(
        "asked => axe.run({runOnly: asked, resultTypes: ['violations']}).then(found => found.violations)", asked
    )
    return [f"{each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"]]
