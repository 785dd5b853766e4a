"""The stage: a browser page on a running product, and the people that a scene may need."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page

from authserver.models import Connection, ConnectionUse, ToolUse
from handles.models import Handle, Membership
from tests.people import READS, App, Person, World, hosted, make_person

WIDE = f"{READS} links.write analytics.read site.deployments.write"
Scene = Callable[["Stage"], None]
SCENES: dict[str, Scene] = {}
NUMBERS = itertools.count(1)


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
        """Go to an address of ours. One that has moved away is a fault of the scene."""
        answer = self.page.goto(self.home + path)
        assert answer is not None
        assert answer.status not in (404, 405, 500), f"{path} answers {answer.status}"
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
        number = next(NUMBERS)
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


def matching(words: str) -> dict[str, Scene]:
    """Return the scenes whose name holds this (a regular expression)."""
    return {name: play for name, play in SCENES.items() if re.search(words, name)}
