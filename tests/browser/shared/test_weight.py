"""What the consent page costs whoever opens it: bytes, requests, waiting. And a picker of five hundred handles."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Response, expect

from authserver.policy import HANDLES_LISTED_MAX
from handles.models import Handle, Membership
from tests.browser.scenes import Stage
from tests.browser.scenes.stage import TOOLS, WIDE
from tests.people import App, Person

MOST_BYTES = {"document": 40_000, "stylesheet": 9_000, "script": 6_000, "font": 34_000, "other": 2_000}
MOST_BYTES_TOGETHER = 80_000
SHIFT_MAX = 0.01  # of what Lighthouse calls good, a tenth
PAINT = """() => new Promise((done) => {
  let shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((each) => { shift += each.value; }))
    .observe({type: "layout-shift", buffered: true});
  new PerformanceObserver((list) => {
    const largest = list.getEntries().at(-1);
    document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done({
      shift, image: largest.url, element: largest.element?.tagName ?? "",
      font: document.fonts.check("16px Inter"),
      waitsFor: performance.getEntriesByType("resource").filter((each) => each.renderBlockingStatus === "blocking")
        .map((each) => new URL(each.name).pathname),
    }))));
  }).observe({type: "largest-contentful-paint", buffered: true});
})"""


def sent(response: Response) -> int:
    """Return how many bytes of a body the server sends in production, where static files are compressed (test_static
    shows it) and pages are not."""
    name = response.url.partition("/static/")[2]
    if not name:
        return len(response.body())
    path = finders.find(name)
    assert path, f"{response.url} is no file of ours"
    with open(path, "rb") as file:
        body = file.read()
    return len(body) if name.endswith(".woff2") else len(gzip.compress(body))


def test_the_consent_page_is_light_and_waits_for_its_style_alone(stage: Stage) -> None:
    heard: list[Response] = []
    person = stage.guest(studio="owner")
    stage.sign_in(person).page.on("response", lambda response: heard.append(response))
    stage.ask(person, scope=f"{WIDE} pages.read")
    expect(stage.page.locator("[data-tool]")).to_have_count(len(TOOLS))
    painted: dict[str, Any] = stage.page.evaluate(PAINT)
    assert all(response.url.startswith(stage.home) and response.status == 200 for response in heard)
    bytes_by_type: Counter[str] = Counter()
    for response in heard:
        bytes_by_type[response.request.resource_type] += sent(response)
    requests = Counter(response.request.resource_type for response in heard)
    assert {name: count for name, count in requests.items() if count > 1} == {}
    assert set(requests) <= set(MOST_BYTES)
    assert {name: size for name, size in bytes_by_type.items() if size > MOST_BYTES[name]} == {}
    assert sum(bytes_by_type.values()) < MOST_BYTES_TOGETHER
    assert painted["waitsFor"] == ["/static/gatehouse.css"]
    assert painted["font"]
    assert painted["shift"] < SHIFT_MAX
    assert (painted["image"], painted["element"] in ("IMG", "svg", "")) == ("", False)


def employ(person: Person, count: int) -> None:
    """Make somebody a member of this many more handles."""
    handles = [Handle(slug=f"{person.user.pk}-team-{n}", display_name=f"Team number {n}") for n in range(count)]
    Handle.objects.bulk_create(handles)
    Membership.objects.bulk_create(Membership(user=person.user, handle=each, role="member") for each in handles)


def test_five_hundred_handles_can_be_searched_and_cost_no_more_statements_than_seven(stage: Stage) -> None:
    few, many, app = stage.guest(), stage.guest(), App.register()
    employ(few, 7)
    employ(many, 500)
    statements = {}
    for person in (few, many):
        person.sign_in().http.get(app.authorize_url())
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert person.http.get(app.authorize_url()).status_code == 200
        statements[person.email] = len(asked)
    assert statements[many.email] == statements[few.email]

    page = stage.ask(many, app).page
    expect(page.locator("input[name=handle]")).to_have_count(HANDLES_LISTED_MAX)
    assert len(page.content().encode()) < MOST_BYTES_TOGETHER
    assert page.evaluate("document.querySelectorAll('*').length") < 1_500
    page.locator("#handle-search").fill("number 499")
    page.locator("#handle-search").press("Enter")
    radio = page.locator("input[name=handle]:visible")
    expect(radio).to_have_count(1)
    expect(radio).to_be_focused()
    expect(radio).to_have_value(f"{many.user.pk}-team-499")
