"""The doctor of the running product: a server that asks itself over HTTP while a page of it waits."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.contract.person import Person


@pytest.mark.covers("req:T8")
def test_a_running_product_is_good_to_any_app_and_to_one_that_registers(alice: Person, short_lived: dict) -> None:
    page = alice.opens(f"{short_lived['issuer']}/handles/globex/integrations")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Checked as any app")).to_have_count(3)
    expect(page.get_by_text("Answers", exact=True)).to_have_count(3)
    gateway = page.locator("#at-gateway")
    gateway.get_by_label("App", exact=True).select_option("inspector")
    gateway.get_by_role("button", name="Check as this app").click()
    expect(gateway.get_by_text("Checked as MCP Inspector")).to_be_visible()
    walked = gateway.get_by_role("list", name=re.compile("as MCP Inspector"))
    expect(walked.get_by_role("listitem")).to_have_count(11)
    expect(walked.locator(".check-failed, .check-warned")).to_have_count(0)
    page.close()
