"""Pages for anybody, and those of a person's own account."""

from __future__ import annotations

from tests.browser.scenes.stage import Stage, scene


@scene("home")
def home(stage: Stage) -> None:
    stage.open("/")


@scene("account-sign-in")
def sign_in(stage: Stage) -> None:
    stage.open("/accounts/login/")


@scene("account-sign-in-refused")
def sign_in_refused(stage: Stage) -> None:
    stage.open("/accounts/login/")
    stage.page.locator("[name=login]").fill("nobody@example.com")
    stage.page.locator("[name=password]").fill("not the password")
    stage.submit()


@scene("account-sign-up")
def sign_up(stage: Stage) -> None:
    stage.open("/accounts/signup/")


@scene("account-password-forgotten")
def password_forgotten(stage: Stage) -> None:
    stage.open("/accounts/password/reset/")


@scene("account-password-change")
def account_password_change(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/password/change/")


@scene("account-sign-out")
def account_sign_out(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/logout/")


@scene("account-sign-out-everywhere")
def account_sign_out_everywhere(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/sign-out-everywhere")
