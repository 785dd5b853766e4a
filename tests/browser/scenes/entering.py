"""The steps of signing up and signing in, on the way to connecting an app. Whatever comes by mail is read over HTTP."""

from __future__ import annotations

from tests.browser.scenes.stage import Stage, scene
from tests.flows.accounts.detours import code_by_mail, follow, give_password, set_up_app, submit
from tests.people import PASSWORD, App, Person


def arrived(person: Person) -> object:
    """Come from an app to the sign-in page; return that page."""
    return follow(person, person.http.get(App.register().authorize_url()))


def before_code(stage: Stage, person: Person, ask: str, **fields: str) -> object:
    """Come from an app to a page that asks for a code by mail."""
    page = arrived(person)
    onward = page.request["QUERY_STRING"]  # type: ignore[attr-defined]
    asked = follow(person, person.http.get(f"{ask}?{onward}"))
    return submit(person, asked, ask, email=person.email, **fields)


@scene("flow-sign-in-code-asked", like="account-password-forgotten")
def code_asked(stage: Stage) -> None:
    stage.open("/accounts/login/code/")


@scene("flow-sign-in-code")
def sign_in_code(stage: Stage) -> None:
    person = stage.guest()
    stage.follow(person, before_code(stage, person, "/accounts/login/code/"))


@scene("flow-password-code", like="flow-sign-in-code")
def password_code(stage: Stage) -> None:
    person = stage.guest()
    stage.follow(person, before_code(stage, person, "/accounts/password/reset/"))


@scene("flow-password-new")
def password_new(stage: Stage) -> None:
    person = stage.guest()
    code = before_code(stage, person, "/accounts/password/reset/")
    stage.follow(person, submit(person, code, "/accounts/password/reset/confirm/", code=code_by_mail()))


@scene("flow-passkey-offer")
def passkey_offer(stage: Stage) -> None:
    person = stage.newcomer()
    code = before_code(stage, person, "/accounts/signup/", password1=PASSWORD)
    stage.follow(person, submit(person, code, "/accounts/confirm-email/", code=code_by_mail()))


@scene("flow-second-step")
def second_step(stage: Stage) -> None:
    person = stage.guest()
    set_up_app(person.sign_in())
    elsewhere = Person(person.email)
    stage.follow(elsewhere, give_password(elsewhere, arrived(elsewhere)))
