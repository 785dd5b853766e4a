"""What every page owes is really looked for: a page that fails in everything is told of everything."""

import pytest

from tests.browser import owed
from tests.browser.scenes import Stage

HEAD = "<!doctype html><html lang=en dir=ltr><title>t</title><main><h1>One</h1>"
BREACHES = {
    "scrolls sideways": '<p style="width:3000px">wide</p>',
    "cut off": '<p style="width:9rem;overflow:hidden;white-space:nowrap">a sentence that does not fit in there</p>',
    "out of sight": '<a href="/" style="position:absolute;left:-20rem">away</a>',
    "only": '<button class="button" style="height:20px">small</button>',
    "no focus ring": '<style>a:focus-visible { outline: none }</style><a href="/">dim</a>',
    "inline": '<p style="color:red">red</p>',
    "inline handler": '<p onclick="alert(1)">click</p>',
    "not one h1": "<h1>Two</h1>",
    "color-contrast": '<p style="color:#aaa;background:#fff">faint</p>',
    "no edge in forced colours": '<p class="tag">bare</p>',
    "label": "<input>",
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_found(stage: Stage, breach: str) -> None:
    stage.page.set_content(HEAD + BREACHES[breach])
    found = owed.faults(stage.page)
    assert any(fault.partition(": ")[2].startswith(breach) for fault in found), found


def test_a_plain_page_has_none(stage: Stage) -> None:
    stage.page.set_content(HEAD + "<p>Nothing to find.</p>")
    assert owed.faults(stage.page) == []
