"""What is connected: the pages of a person's own connections."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from authserver.models import Connection
from authserver.services import connections
from authserver.services.connections import PausedBy
from tests.browser.scenes.stage import WIDE, Stage, connected, only_handle, scene
from tests.people import LOOPBACK_CALLBACK, App, hosted


@scene("connections-none")
def connections_none(stage: Stage) -> None:
    stage.sign_in(stage.guest()).open("/connections")


@scene("connections")
def connections_list(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    mine, now = connected(stage, person), timezone.now()
    for wanted in ("links.write", "site.deployments.write"):
        connections.wish(mine.pk, wanted, tool="create_link", now=now)
    app = App.register("Claude Code", LOOPBACK_CALLBACK)
    stage.world.connect(person, app, resource=hosted(only_handle(person).slug), scope=WIDE)
    other = Connection.objects.filter(user=person.user).exclude(pk=mine.pk).get()
    Connection.objects.filter(pk=other.pk).update(created_at=now - timedelta(days=120))
    connections.withhold(other, ["links.write"], by=person.user, now=now)
    connections.pause(other, who=PausedBy.HANDLE_ADMIN, by=person.user, now=now)
    stage.sign_in(person).open("/connections")
    for summary in stage.page.locator("main details > summary").all():
        summary.click()


@scene("connections-permissions")
def connections_permissions(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    mine = connected(stage, person, scope=WIDE)
    stage.sign_in(person).open(f"/connections/{mine.pk}/scopes")


@scene("connections-disconnect")
def connections_disconnect(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    connected(stage, person)
    stage.sign_in(person).open("/connections")
    stage.page.locator("form[action$='/disconnect'] button").first.click()
    stage.page.wait_for_url("**/disconnect")
