"""Everybody's connections to one handle, for its admins: found, looked into."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from authserver import policy
from authserver.models import Connection, Scope
from authserver.protocol.governance import Entry
from authserver.services.connections import listing
from authserver.services.connections.listing import Listed, Wanted
from authserver.services.governance import client_list
from authserver.services.usage import figures
from authserver.services.usage.figures import Figures
from authserver.views.consent.asker import ClientView, client_view
from authserver.views.handles.shared import administered, private
from handles.models import Handle

UNUSED_WORDS = format_lazy(_("Unused for {days} days"), days=policy.UNUSED_BADGE_AFTER.days)
ORDERS = (
    ("newest", _("Newest first")),
    ("oldest", _("Oldest first")),
    ("used", _("Used last")),
    ("unused", _("Longest unused")),
)
STATUSES = (
    ("", _("Every status")),
    (listing.LIVE, _("Live")),
    (listing.PAUSED, _("Paused")),
    (listing.UNUSED, UNUSED_WORDS),
)
STATUS_WORDS = {
    listing.PAUSED: _("that are paused"),
    listing.LIVE: _("that are not paused"),
    listing.UNUSED: format_lazy(_("unused for {days} days"), days=policy.UNUSED_BADGE_AFTER.days),
}
VALUE_LENGTH_MAX = 300  # of a field of the search
NOBODY = UUID(int=0)
PAUSED = {
    Connection.PausedBy.PERSON: _("Paused by the person"),
    Connection.PausedBy.HANDLE_ADMIN: _("Paused by an admin of the handle"),
    Connection.PausedBy.ADMINISTRATOR: _("Paused by the people who run this server"),
}


@dataclass(frozen=True)
class Card:
    """One connection on the list. `may_resume` and `may_pause` are what an admin of the handle can do about it."""

    listed: Listed
    view: ClientView
    levels: tuple[str, ...]
    use: Figures
    paused: str
    unused: str
    may_pause: bool
    may_resume: bool

    @property
    def connection(self) -> Connection:
        return self.listed.connection

    @property
    def name(self) -> str:
        """What tells this connection from the others, for buttons: several people have the same app."""
        return gettext("%(app)s of %(person)s") % {"app": self.view.name, "person": self.connection.user.email}


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Search:
    """What was asked of the list, as its form and addresses carry it."""

    wanted: Wanted = Wanted()
    order: str = "newest"
    app_name: str = ""
    person: User | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Return what a form needs to find the same connections again."""
        entry = self.wanted.entry
        found = {
            "q": self.wanted.text,
            "app": f"{entry.kind}:{entry.value}" if entry else "",
            "person": str(self.wanted.person_id or ""),
            "status": self.wanted.status,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def query(self) -> str:
        return urlencode(self.fields | ({"order": self.order} if self.order != "newest" else {}))

    @property
    def whose(self) -> str:
        """Say in words which connections are meant, to go behind "12 connections"; nothing for all."""
        wanted = self.wanted
        parts = [
            gettext("of {app}").format(app=self.app_name) if wanted.entry else "",
            self._of_person if wanted.person_id else "",
            str(STATUS_WORDS.get(wanted.status, "")),
            gettext("found by “{text}”").format(text=wanted.text) if wanted.text else "",
        ]
        return " ".join(part for part in parts if part)

    @property
    def _of_person(self) -> str:
        if self.person is None:
            return gettext("of this person")
        return gettext("of {person}").format(person=self.person.email)


@login_required
def connection_page(request: HttpRequest, slug: str) -> HttpResponse:
    handle, now = administered(request, slug), timezone.now()
    listed = client_list.listed_at(handle)
    search = read_search(request.GET, handle, listed)
    rows = search.wanted.at(handle, now=now)
    found = listing.page(rows, handle, order=search.order, after=listing.Place.parse(request.GET.get("after", "")))
    page = {
        "handle": handle,
        "search": search,
        "apps": _apps(listed, search),
        "statuses": [Option(value, str(label), value == search.wanted.status) for value, label in STATUSES],
        "orders": [Option(value, str(label), value == search.order) for value, label in ORDERS],
        "cards": cards(found.rows, now=now),
        "count": rows.count(),
        "next": _address(handle, search, after=str(found.next)) if found.next else "",
        "is_first": "after" not in request.GET,
    }
    return private(render(request, "handles/connections/list.html", {"page": page}))


def read_search(asked: Any, handle: Handle, listed: list[client_list.Listed]) -> Search:
    """Return the search that a query or a form asks for. What cannot be, such as a person of no form, finds nothing:
    leaving it out would find more than was meant."""
    asked = {name: value.replace("\x00", "").strip()[:VALUE_LENGTH_MAX] for name, value in asked.items()}
    kind, _, value = asked.get("app", "").partition(":")
    entry = Entry(kind, value) if asked.get("app") else None
    app = next((each for each in listed if each.entry == entry), None)
    person_id = _uuid(asked["person"]) if asked.get("person") else None
    person = User.objects.filter(pk=person_id, connections__handle=handle).first() if person_id else None
    wanted = Wanted(asked.get("q", ""), entry, person_id, asked.get("status", ""))
    order = asked.get("order", "")
    return Search(wanted, order if order in listing.ORDERS else "newest", app.name if app else "this app", person)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return NOBODY


def _apps(listed: list[client_list.Listed], search: Search) -> list[Option]:
    used = [each for each in listed if each.use.connections or each.entry == search.wanted.entry]
    return [
        Option(f"{each.entry.kind}:{each.entry.value}", each.name, each.entry == search.wanted.entry) for each in used
    ]


def _address(handle: Handle, search: Search, *, after: str = "") -> str:
    parts = [part for part in (search.query, urlencode({"after": after}) if after else "") if part]
    return reverse("handle_connections", args=[handle.slug]) + ("?" + "&".join(parts) if parts else "")


def cards(rows: tuple[Listed, ...] | list[Listed], *, now: datetime) -> list[Card]:
    """Return these connections as they are shown, with a fixed number of queries."""
    levels = dict(Scope.objects.filter(is_shown=True).values_list("name", "level"))
    uses = figures.of([row.connection for row in rows], now)
    return [_card(row, levels, uses[row.connection.pk], now=now) for row in rows]


def _card(listed: Listed, levels: dict[str, str], use: Figures, *, now: datetime) -> Card:
    row = listed.connection
    held = {levels[name] for name in listed.worth if name in levels}
    last = row.last_used_at or row.created_at
    return Card(
        listed=listed,
        view=client_view(row.client),
        levels=tuple(str(label) for value, label in Scope.Level.choices if value in held),
        use=use,
        paused=str(PAUSED[Connection.PausedBy(row.paused_by)]) if row.paused_by else "",
        unused=str(UNUSED_WORDS) if now - last > policy.UNUSED_BADGE_AFTER else "",
        may_pause=not row.paused_by,  # a person's own pause is theirs to end: pausing over it would let us resume it
        may_resume=row.paused_by == Connection.PausedBy.HANDLE_ADMIN,
    )


def find(handle: Handle, connection_id: UUID) -> Connection:
    """Return a live connection to this handle; what has ended or belongs elsewhere is not there."""
    rows = Connection.objects.filter(pk=connection_id, handle=handle, ended_at=None)
    found = rows.select_related("user", "client", "handle", "protected_resource").first()
    if found is None:
        raise Http404
    return found


def card_of(connection: Connection, handle: Handle, *, now: datetime) -> Card:
    return cards(listing.described([connection], handle), now=now)[0]
