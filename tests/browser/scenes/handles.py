"""The pages of a handle."""

from __future__ import annotations

from authserver.models import ClientPolicy, Connection
from handles.models import Handle, Membership
from tests.browser.scenes.stage import WIDE, Stage, connected, only_handle, scene
from tests.people import LOOPBACK_CALLBACK, App, hosted


@scene("handles")
def handles(stage: Stage) -> None:
    stage.sign_in("bob").open("/handles")


@scene("handles-none")
def handles_none(stage: Stage) -> None:
    stage.sign_in("carol").open("/handles")


def office(stage: Stage) -> str:
    """Sign in the owner of a new handle with one connection; return the path of its pages."""
    person = stage.guest(studio="owner")
    connected(stage, person, scope=WIDE)
    stage.sign_in(person)
    return f"/handles/{only_handle(person).slug}"


@scene("handle")
def handle_overview(stage: Stage) -> None:
    stage.open(office(stage))


@scene("handle-apps")
def handle_apps(stage: Stage) -> None:
    path = office(stage)
    handle = Handle.objects.get(slug=path.rpartition("/")[2])
    ClientPolicy.objects.create(handle=handle, mode="ask")
    member = stage.guest()
    Membership.objects.create(user=member.user, handle=handle, role="member")
    page = member.open(App.register("Claude Code", LOOPBACK_CALLBACK).authorize_url(hosted(handle.slug)))
    member.decide(page)
    stage.open(f"{path}/clients")


@scene("handle-connections")
def handle_connections(stage: Stage) -> None:
    stage.open(office(stage) + "/connections")


@scene("handle-connection")
def handle_connection(stage: Stage) -> None:
    path = office(stage)
    mine = Connection.objects.latest("created_at")
    stage.open(f"{path}/connections/{mine.pk}")


@scene("handle-usage")
def handle_usage(stage: Stage) -> None:
    stage.open(office(stage) + "/usage")


@scene("handle-usage-none", like="connections-none")
def handle_usage_none(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}/usage")


@scene("handle-tokens")
def handle_tokens(stage: Stage) -> None:
    stage.open(office(stage) + "/tokens")


@scene("handle-token-made")
def handle_token_made(stage: Stage) -> None:
    path = office(stage)
    stage.open(f"{path}/tokens")
    stage.page.locator("#token-name").fill("A name that goes on until it is eighty letters long, one-very-long-word")
    stage.page.locator("input[name=scope]:enabled").first.check()
    stage.page.locator("#new button[type=submit]").click()
    stage.page.locator("#secret").wait_for()


@scene("handle-new")
def handle_new(stage: Stage) -> None:
    """Refused: somebody has this name."""
    stage.sign_in("carol").open("/handles/new")
    stage.page.locator("[name=slug]").fill("acme")
    stage.page.locator("[name=display_name]").fill("Another Acme")
    stage.page.locator("main form:has([name=slug]) button[type=submit]").last.click()
    stage.page.locator("[role=alert]").first.wait_for()


@scene("handle-settings")
def handle_settings(stage: Stage) -> None:
    stage.open(office(stage) + "/settings")


@scene("handle-status", like="handle-delete")
def handle_status(stage: Stage) -> None:
    stage.open(office(stage) + "/settings/status")


@scene("handle-transfer")
def handle_transfer(stage: Stage) -> None:
    path = office(stage)
    handle = Handle.objects.get(slug=path.rpartition("/")[2])
    Membership.objects.create(user=stage.guest().user, handle=handle, role="member")
    stage.open(f"{path}/settings/transfer")


@scene("handle-delete")
def handle_delete(stage: Stage) -> None:
    stage.open(office(stage) + "/settings/delete")


@scene("handle-suspended", like="handle-settings")
def handle_suspended(stage: Stage) -> None:
    path = office(stage)
    Handle.objects.filter(slug=path.rpartition("/")[2]).update(status=Handle.Status.SUSPENDED)
    stage.open(path)
