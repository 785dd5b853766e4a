"""Tools that came after somebody allowed an app: on the way, for one connection, for a handle."""

from __future__ import annotations

from authserver.models import Connection
from tests.browser.scenes.stage import WIDE, Stage, only_handle, scene
from tests.people import App, Person


def behind(stage: Stage) -> tuple[Person, App, Connection]:
    """Return an owner whose app was allowed before the last tools came."""
    person, app = stage.guest(studio="owner"), App.register()
    stage.world.connect(person, app, scope=WIDE, handle=only_handle(person).slug)
    Connection.objects.filter(user=person.user).update(tools_version=1)
    return person, app, Connection.objects.get(user=person.user)


@scene("connection-tools")
def connection_tools(stage: Stage) -> None:
    person, _, mine = behind(stage)
    stage.sign_in(person).open(f"/connections/{mine.pk}/tools")


@scene("handle-tools")
def handle_tools(stage: Stage) -> None:
    person, _, _ = behind(stage)
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}/tools")


@scene("flow-new-tools")
def new_tools(stage: Stage) -> None:
    """More permissions, and new tools under those that were allowed."""
    person, app, _ = behind(stage)
    stage.ask(person, app, scope=f"{WIDE} pages.read")
    for summary in stage.page.locator("[data-tools] summary").all():
        summary.click()
