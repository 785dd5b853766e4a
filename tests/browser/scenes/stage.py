"""The stage: a browser page on a running product, and the people that a scene may need."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client as Http
from django.utils import timezone
from playwright.sync_api import Page

from authserver.models import Connection, ConnectionUse, ToolUse
from handles.models import Handle, Membership
from tests.people import READS, App, Person, World, hosted, make_person

WIDE = f"{READS} links.write analytics.read site.deployments.write"
LOOKS, CHANGES, DELETES = {"readOnlyHint": True}, {"destructiveHint": False}, {"destructiveHint": True}
# What servers at the gateway publish: sixteen tools, of which the last three came later.
TOOLS = (
    ("whoami", "Who am I", "", LOOKS),
    ("search", "Search", "links.read", LOOKS),
    ("fetch", "Fetch one item", "links.read", LOOKS),
    ("list_links", "List links", "links.read", LOOKS),
    ("create_link", "Create a link", "links.read links.write", CHANGES),
    ("edit_link", "Edit a link", "links.write", CHANGES),
    ("list_skills", "List skills", "skills.read", LOOKS),
    ("read_skill", "Read a skill", "skills.read", LOOKS),
    ("visits_by_day", "Visits by day", "analytics.read", LOOKS),
    ("visits_by_page", "", "analytics.read", LOOKS),
    ("preview_site", "Preview the site", "site.deployments.write", CHANGES),
    ("deploy_site", "Publish the site", "site.deployments.write", DELETES),
    ("list_pages", "List pages", "pages.read", LOOKS),
    ("purge_links", "Purge links that nobody has opened for a year, in all folders", "links.write", DELETES),
    ("export_links", "Export links", "links.read", LOOKS),
    ("roll_back", "Go back to the site before", "site.deployments.write", DELETES),
)
Scene = Callable[["Stage"], None]
SCENES: dict[str, Scene] = {}
ALIKE: dict[str, str] = {}
NUMBERS = itertools.count(1)


def scene(name: str, *, like: str = "") -> Callable[[Scene], Scene]:
    """Add a scene under a name, which begins with its area: flow, account, connections, handle, error and so on.
    `like` is the scene whose page is built the same way: tests look at that one only, the gallery at both."""

    def add(play: Scene) -> Scene:
        assert name not in SCENES, name
        SCENES[name] = play
        ALIKE.update({name: like} if like else {})
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
        return self._with_session_of(person)

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

    def _with_session_of(self, person: Person) -> Stage:
        value = person.http.cookies[settings.SESSION_COOKIE_NAME].value
        self.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.home}])
        return self

    def newcomer(self) -> Person:
        """Return somebody without an account yet, whose browser reaches us under a name, as passkeys need."""
        return Person(f"dora-{next(NUMBERS)}@example.com", Http(headers={"accept": "text/html", "host": "localhost"}))

    def follow(self, person: Person, page: Any) -> Stage:
        """Open the page that this person has come to over HTTP, with all that their session knows."""
        return self._with_session_of(person).open(page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"])

    def submit(self) -> None:
        """Press the first button of the page's main form."""
        self.page.locator("main form button[type=submit]").first.click()


def furnish(world: World) -> None:
    """Publish tools at the gateway, where most scenes connect; those of a handle's own address publish none."""
    for count in (13, 16):
        told = [
            {"name": name, "title": title, "scopes": scopes.split(), "annotations": hints}
            for name, title, scopes, hints in TOOLS[:count]
        ]
        assert world.asker.publish(*told, resources=["gateway"]).status_code == 200


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


def inspected(words: str) -> list[str]:
    """Return the names of the scenes that the tests look at, of those that hold this (a regular expression)."""
    assert set(ALIKE.values()) <= SCENES.keys() - ALIKE.keys()
    return [name for name in matching(words) if name not in ALIKE]


def matching(words: str) -> dict[str, Scene]:
    """Return the scenes whose name holds this (a regular expression)."""
    return {name: play for name, play in SCENES.items() if re.search(words, name)}
