"""Dead ends: of requests that no client may send, of handles that are not there, and of everything else."""

from __future__ import annotations

from uuid import uuid4

from django.test import RequestFactory

from authserver.views import errors
from handles.models import Handle
from tests.browser.scenes.stage import Stage, only_handle, scene
from tests.people import App, hosted


@scene("error-unknown-client", like="error-redirect")
def unknown_client(stage: Stage) -> None:
    stage.open(App.register().authorize_url(client_id="unknown"))


@scene("error-redirect")
def redirect(stage: Stage) -> None:
    stage.open(App.register().authorize_url(redirect_uri="https://chatgpt.com/other"))


@scene("error-document", like="error-redirect")
def document(stage: Stage) -> None:
    stage.open(App.register().authorize_url(client_id="https://nowhere.invalid/client.json"))


@scene("error-handle-not-found", like="error-redirect")
def handle_not_found(stage: Stage) -> None:
    stage.sign_in("bob").page.goto(stage.home + App.register().authorize_url(hosted("nobody-here")))


@scene("error-handle-suspended", like="flow-not-a-member")
def handle_suspended(stage: Stage) -> None:
    person = stage.guest(studio="member")
    Handle.objects.filter(pk=only_handle(person).pk).update(status=Handle.Status.SUSPENDED)
    stage.ask(person, resource=hosted(only_handle(person).slug))


@scene("error-expired", like="error-redirect")
def expired(stage: Stage) -> None:
    stage.ask(stage.guest(studio="owner"))
    stage.page.locator("form[data-consent] [name=request]").evaluate("field => { field.value = 'old' }")
    stage.page.locator("button[value=allow]").click()
    stage.page.locator(".monogram-warning").wait_for()


@scene("error-too-many", like="error-redirect")
def too_many(stage: Stage) -> None:
    person = stage.guest()
    for _ in range(4):
        stage.open("/accounts/password/reset/")
        stage.page.locator("[name=email]").fill(person.email)
        stage.submit()
        stage.page.locator("[name=code], .monogram-warning").first.wait_for()


@scene("error-not-found", like="error-redirect")
def not_found(stage: Stage) -> None:
    stage.page.goto(f"{stage.home}/no/such/page")


@scene("error-method", like="error-redirect")
def method(stage: Stage) -> None:
    stage.sign_in("carol").page.goto(f"{stage.home}/invitations/{uuid4()}/switch")


@scene("error-server")
def server(stage: Stage) -> None:
    request = RequestFactory().get("/", headers={"accept": "text/html"})
    stage.page.goto(f"{stage.home}/livez")
    stage.page.set_content(errors.server_error(request).content.decode())
