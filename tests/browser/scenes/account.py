"""Pages for anybody, and those of a person's own account."""

from __future__ import annotations

from tests.browser.scenes.finger import Finger
from tests.browser.scenes.stage import Stage, scene
from tests.flows.accounts.detours import set_up_app


@scene("home", like="home-languages")
def home(stage: Stage) -> None:
    stage.open("/")


@scene("home-languages")
def home_languages(stage: Stage) -> None:
    stage.open("/")
    stage.page.locator(".languages > summary").click()


@scene("account-sign-in", like="flow-sign-in")
def sign_in(stage: Stage) -> None:
    stage.open("/accounts/login/")


@scene("account-sign-in-refused")
def sign_in_refused(stage: Stage) -> None:
    stage.open("/accounts/login/")
    stage.page.locator("[name=login]").fill("nobody@example.com")
    stage.page.locator("[name=password]").fill("not the password")
    stage.page.locator("[name=password]").press("Enter")
    stage.page.locator(".field-wrong, .note-error").first.wait_for()


@scene("account-sign-up")
def sign_up(stage: Stage) -> None:
    stage.open("/accounts/signup/")


@scene("account-password-forgotten")
def password_forgotten(stage: Stage) -> None:
    stage.open("/accounts/password/reset/")


@scene("account-password-change")
def account_password_change(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/password/change/")


@scene("account-sign-out", like="account-sign-out-everywhere")
def account_sign_out(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/logout/")


@scene("account-sign-out-everywhere")
def account_sign_out_everywhere(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/sign-out-everywhere")


@scene("account-data", like="account-delete")
def account_data(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/your-data")


@scene("account-delete")
def account_delete(stage: Stage) -> None:
    """Of somebody who owns handles: it says what stands in the way."""
    stage.sign_in("alice").open("/accounts/delete")


@scene("account-profile")
def account_profile(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/profile")


@scene("account-email")
def account_email(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/email/")


@scene("account-security-none", like="account-security")
def account_security_none(stage: Stage) -> None:
    stage.sign_in(stage.guest()).open("/accounts/2fa/")


@scene("account-security")
def account_security(stage: Stage) -> None:
    """With an app, recovery codes and a passkey."""
    person = stage.guest()
    set_up_app(person.sign_in())
    account_passkey(stage.sign_in(person))
    Finger(stage.page)
    stage.page.locator("form[data-passkey] button").last.click()
    stage.page.wait_for_url(lambda url: "/add" not in url)
    stage.open("/accounts/2fa/")


@scene("account-passkey")
def account_passkey(stage: Stage) -> None:
    if not stage.page.context.cookies():
        stage.sign_in(stage.guest())
    stage.open("/accounts/2fa/webauthn/add/")


@scene("account-app")
def account_app(stage: Stage) -> None:
    stage.sign_in(stage.guest()).open("/accounts/2fa/totp/activate/")


@scene("account-app-remove", like="account-sign-out-everywhere")
def account_app_remove(stage: Stage) -> None:
    person = stage.guest()
    set_up_app(person.sign_in())
    stage.sign_in(person).open("/accounts/2fa/totp/deactivate/")


@scene("account-recovery-codes")
def account_recovery_codes(stage: Stage) -> None:
    person = stage.guest()
    set_up_app(person.sign_in())
    stage.sign_in(person).open("/accounts/2fa/recovery-codes/")


@scene("account-sessions")
def account_sessions(stage: Stage) -> None:
    stage.sign_in(stage.guest()).open("/accounts/sessions/")


@scene("account-language", like="account-profile")
def account_language(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/language")


@scene("account-again")
def account_again(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/reauthenticate/?next=/connections")
