"""What became of connection attempts: one's own, one that stopped, one by a link, those at a handle."""

from __future__ import annotations

from authserver.models import TraceStep
from authserver.services.trace import notes
from tests.browser.scenes.stage import Stage, only_handle, scene
from tests.people import App, Person, answer_of, hosted


def stopped(stage: Stage, person: Person) -> str:
    """Let an app come back with a verifier that does not fit; return the path of that attempt."""
    app = App.register()
    url = app.authorize_url(hosted(only_handle(person).slug))
    app.exchange(answer_of(person.decide_unseen(url))["code"], code_verifier="w" * 43)
    notes.flush()
    return f"/attempts/{TraceStep.objects.filter(person_id=person.user.pk).latest('pk').request_id}"


@scene("attempts-none")
def attempts_none(stage: Stage) -> None:
    stage.sign_in(stage.guest()).open("/attempts")


@scene("attempt-stopped")
def attempt_stopped(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    stage.sign_in(person).open(stopped(stage, person))
    stage.page.locator("form[action$='/share'] button").click()
    stage.page.wait_for_url("**/share")


@scene("attempt-shared")
def attempt_shared(stage: Stage) -> None:
    attempt_stopped(stage)
    stage.page.goto(
        stage.home + "/attempts" + stage.page.locator("#shared-link").inner_text().partition("/attempts")[2]
    )


@scene("handle-attempts")
def handle_attempts(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    stopped(stage, person)
    stage.world.connect(person, App.register(), resource=hosted(only_handle(person).slug))
    notes.flush()
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}/attempts")


@scene("attempts", like="handle-attempts")
def attempts(stage: Stage) -> None:
    handle_attempts(stage)
    stage.open("/attempts")
