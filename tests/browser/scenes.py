"""Every page a person may meet, each as a scene: a name, and a function that brings a browser page to it.

The browser tests hold every scene to what every page owes; `./dev manage gallery` photographs them. A scene makes what
it needs and disturbs no other: people and handles of its own where it changes something. It finds its way by fields and
addresses, never by words on a page, which are in the person's language.

    @scene("handle-members")
    def handle_members(stage: Stage) -> None:
        stage.sign_in("alice").open("/handles/acme/members")
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page

from authserver.models import ClientPolicy, Connection, ConnectionUse, ToolUse
from authserver.services import connections
from authserver.services.connections import PausedBy
from handles.models import Handle, Membership
from tests.people import LOOPBACK_CALLBACK, READS, App, Person, World, hosted, make_person

WIDE = f"{READS} links.write analytics.read site.deployments.write"
Scene = Callable[["Stage"], None]
SCENES: dict[str, Scene] = {}
_numbers = itertools.count(1)


def scene(name: str) -> Callable[[Scene], Scene]:
    """Add a scene under a name, which begins with its area: flow, account, connections, handle, error."""

    def add(play: Scene) -> Scene:
        assert name not in SCENES, name
        SCENES[name] = play
        return play

    return add


@dataclass
class Stage:
    """A browser page on a running product, in whose database the world stands."""

    page: Page
    home: str
    world: World
    people: dict[str, Person] = field(default_factory=dict)

    def open(self, path: str) -> Stage:
        self.page.goto(self.home + path)
        return self

    def person(self, name: str) -> Person:
        """Return one of the people everybody knows, or somebody new with this name."""
        known = getattr(self.world, name, None) or self.people.get(name)
        return known or self.people.setdefault(name, make_person(f"{name}@example.com", name=name.title()))

    def sign_in(self, who: str | Person) -> Stage:
        """Give the browser the session of somebody, which the sign-in page made."""
        person = self.person(who) if isinstance(who, str) else who
        if settings.SESSION_COOKIE_NAME not in person.http.cookies:
            person.sign_in()
        value = person.http.cookies[settings.SESSION_COOKIE_NAME].value
        self.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.home}])
        return self

    def guest(self, **seats: str) -> Person:
        """Return somebody nobody has met, with these handles: `guest(studio="owner")` has @studio-7 or so."""
        number = next(_numbers)
        person = make_person(f"maya-{number}@example.com", name="Maya Okafor")
        for slug, role in seats.items():
            handle = Handle.objects.create(slug=f"{slug}-{number}", display_name=slug.replace("-", " ").title())
            Membership.objects.create(user=person.user, handle=handle, role=role)
        return person

    def ask(self, who: str | Person, app: App | None = None, **parameters: str | None) -> Stage:
        """Arrive from an app, signed in."""
        self.sign_in(who)
        return self.open((app or App.register()).authorize_url(**parameters))

    def submit(self) -> None:
        """Press the first button of the page's main form."""
        self.page.locator("main form button[type=submit]").first.click()


def only_handle(person: Person) -> Handle:
    return Membership.objects.select_related("handle").get(user=person.user).handle


def connected(stage: Stage, person: Person, *, scope: str = READS) -> Connection:
    """Return a connection of ChatGPT for this person's only handle, used a little."""
    stage.world.connect(person, App.register(), resource=hosted(only_handle(person).slug), scope=scope)
    mine, today = Connection.objects.filter(user=person.user).latest("created_at"), timezone.now().date()
    ConnectionUse.objects.create(connection=mine, day=today, introspections=42)
    for tool, count in (("list_links", 31), ("search", 8), ("fetch", 2)):
        ToolUse.objects.create(connection=mine, day=today, tool=tool, outcome="allowed", count=count)
    ToolUse.objects.create(connection=mine, day=today, tool="create_link", outcome="insufficient_scope", count=3)
    return mine


# --- Anybody


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


# --- The flow: from an app to the answer


@scene("flow-sign-in")
def flow_sign_in(stage: Stage) -> None:
    stage.open(App.register().authorize_url())


@scene("flow-code")
def flow_code(stage: Stage) -> None:
    stage.open(App.register().authorize_url())
    stage.page.locator("main a[href*=signup]").click()
    stage.page.locator("[name=email]").fill(f"dora-{next(_numbers)}@example.com")
    stage.page.locator("[name=password1]").fill("correct horse battery staple")
    stage.submit()
    stage.page.locator("[name=code]").wait_for()


@scene("flow-consent")
def consent(stage: Stage) -> None:
    stage.ask("alice", scope=WIDE)


@scene("flow-consent-all")
def consent_all(stage: Stage) -> None:
    stage.ask("alice", scope=None)


@scene("flow-consent-one-handle")
def consent_one_handle(stage: Stage) -> None:
    stage.ask(stage.guest(studio="owner"), scope=WIDE)


@scene("flow-consent-fixed-handle")
def consent_fixed_handle(stage: Stage) -> None:
    stage.ask("bob", resource=hosted("acme"), scope=WIDE)


@scene("flow-consent-many-handles")
def consent_many_handles(stage: Stage) -> None:
    stage.ask(stage.guest(**{f"team-{number}": "member" for number in range(40)}))


@scene("flow-consent-loopback")
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


@scene("flow-no-handle")
def flow_no_handle(stage: Stage) -> None:
    stage.ask("carol")


@scene("flow-not-a-member")
def flow_not_a_member(stage: Stage) -> None:
    stage.ask("bob", resource=hosted("globex"))


@scene("flow-app-not-let-in")
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


# --- Dead ends


@scene("error-unknown-client")
def error_unknown_client(stage: Stage) -> None:
    stage.open(App.register().authorize_url(client_id="unknown"))


@scene("error-redirect")
def error_redirect(stage: Stage) -> None:
    stage.open(App.register().authorize_url(redirect_uri="https://chatgpt.com/other"))


@scene("error-not-found")
def error_not_found(stage: Stage) -> None:
    stage.open("/no/such/page")


# --- What is connected


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


# --- One's account


@scene("account-email")
def account_email(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/email/")


@scene("account-password-change")
def account_password_change(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/password/change/")


@scene("account-sign-out")
def account_sign_out(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/logout/")


@scene("account-sign-out-everywhere")
def account_sign_out_everywhere(stage: Stage) -> None:
    stage.sign_in("alice").open("/accounts/sign-out-everywhere/")


# --- Handles


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


@scene("handle-usage-none")
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


def matching(words: str) -> dict[str, Scene]:
    """Return the scenes whose name holds this (a regular expression)."""
    return {name: play for name, play in SCENES.items() if re.search(words, name)}
