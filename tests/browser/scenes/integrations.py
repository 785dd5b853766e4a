"""Addresses and instructions: for the admins of a handle, and what they give to others."""

from __future__ import annotations

from tests.browser.scenes.stage import Stage, only_handle, scene


@scene("integrations", like="integrations-checked")
def integrations(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}/integrations")


@scene("integrations-checked")
def integrations_checked(stage: Stage) -> None:
    """Nobody serves those addresses here: every check fails."""
    person = stage.guest(studio="owner")
    path = f"/handles/{only_handle(person).slug}/integrations"
    stage.sign_in(person).open(path)
    stage.page.locator(".head-row form button").click()
    stage.page.locator(".check-failed").first.wait_for()
    stage.open(f"{path}?client=codex")
    stage.page.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true })")


@scene("connect-member")
def connect_member(stage: Stage) -> None:
    person = stage.guest(studio="member")
    stage.sign_in(person).open(f"/connect/{only_handle(person).slug}?client=claude-code")


@scene("connect-stranger", like="flow-not-a-member")
def connect_stranger(stage: Stage) -> None:
    stage.sign_in("carol").page.goto(f"{stage.home}/connect/acme")
