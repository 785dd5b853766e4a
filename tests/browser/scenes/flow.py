"""From an app to the answer, and the dead ends on the way."""

from __future__ import annotations

from authserver.models import ClientPolicy
from handles.models import Handle
from tests.browser.scenes.stage import NUMBERS, WIDE, Stage, only_handle, scene
from tests.people import LOOPBACK_CALLBACK, READS, App, hosted


@scene("flow-sign-in")
def flow_sign_in(stage: Stage) -> None:
    stage.open(App.register().authorize_url())


@scene("flow-code", like="flow-sign-in-code")
def flow_code(stage: Stage) -> None:
    stage.open(App.register().authorize_url())
    stage.page.locator("main a[href*=signup]").click()
    stage.page.locator("[name=email]").fill(f"dora-{next(NUMBERS)}@example.com")
    stage.page.locator("[name=password1]").fill("correct horse battery staple")
    stage.submit()
    stage.page.locator("[name=code]").wait_for()


@scene("flow-consent")
def consent(stage: Stage) -> None:
    stage.ask("alice", scope=WIDE)


@scene("flow-consent-all")
def consent_all(stage: Stage) -> None:
    stage.ask("alice", scope=None)


@scene("flow-consent-one-handle", like="flow-consent-fixed-handle")
def consent_one_handle(stage: Stage) -> None:
    stage.ask(stage.guest(studio="owner"), scope=WIDE)


@scene("flow-consent-fixed-handle")
def consent_fixed_handle(stage: Stage) -> None:
    stage.ask("bob", resource=hosted("acme"), scope=WIDE)


@scene("flow-consent-many-handles")
def consent_many_handles(stage: Stage) -> None:
    stage.ask(stage.guest(**{f"team-{number}": "member" for number in range(40)}))


@scene("flow-consent-loopback", like="flow-consent-installed-app")
def consent_loopback(stage: Stage) -> None:
    stage.ask("alice", App.register("Claude Code", LOOPBACK_CALLBACK), scope=WIDE)


@scene("flow-consent-installed-app")
def consent_installed_app(stage: Stage) -> None:
    stage.ask("alice", App.register("Cursor", "cursor://anysphere.cursor-retrieval/oauth/callback"))


@scene("flow-consent-long")
def consent_long(stage: Stage) -> None:
    host = "accounts.google.com." + "a-long-label-of-a-host." * 5 + "attacker.example"
    app = App.register(
        "An assistant whose name goes on and on until it is eighty letters long or so 1", f"https://{host}/" + "x" * 300
    )
    person = stage.guest(studio="owner", atelier="owner")
    Handle.objects.filter(memberships__user=person.user).update(display_name="A" * 80)
    stage.ask(person, app, scope=WIDE)
    stage.page.locator(".destination summary").click()


@scene("flow-consent-wrong")
def consent_wrong(stage: Stage) -> None:
    stage.ask("alice")
    stage.page.locator("input[name=scope]:enabled").first.uncheck()
    for required in stage.page.locator("input[name=handle]").all():
        required.evaluate("input => { input.required = false }")
    stage.page.locator("button[value=allow]").click()
    stage.page.locator("[role=alert]").wait_for()


@scene("flow-consent-wider")
def consent_wider(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    address, app = hosted(only_handle(person).slug), App.register()
    stage.world.connect(person, app, resource=address)
    stage.ask(person, app, resource=address, scope=WIDE)


@scene("flow-continue")
def flow_continue(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    address, app = hosted(only_handle(person).slug), App.register()
    stage.world.connect(person, app, resource=address)
    stage.ask(person, app, resource=address, scope=READS)


@scene("flow-no-handle", like="flow-no-handle-invited")
def flow_no_handle(stage: Stage) -> None:
    stage.ask("carol")


@scene("flow-not-a-member")
def flow_not_a_member(stage: Stage) -> None:
    stage.ask("bob", resource=hosted("globex"))


@scene("flow-app-not-let-in", like="flow-not-a-member")
def flow_app_not_let_in(stage: Stage) -> None:
    person = stage.guest(studio="member")
    ClientPolicy.objects.create(handle=only_handle(person), mode="listed")
    stage.ask(person, resource=hosted(only_handle(person).slug))


@scene("flow-app-waits")
def flow_app_waits(stage: Stage) -> None:
    person = stage.guest(studio="member")
    ClientPolicy.objects.create(handle=only_handle(person), mode="ask")
    stage.ask(person, resource=hosted(only_handle(person).slug))
    stage.page.locator("button[value=allow]").click()
    stage.page.locator(".monogram-warning").wait_for()
