"""The list of a person's connected apps, and ending one or all of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from authserver.models import Connection
from authserver.services import connections, receipts
from authserver.services.connections import EndReason
from authserver.views.connections import cards
from authserver.views.connections.cards import Card

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ORDERS = {
    "newest": gettext_lazy("Newest first"),
    "used": gettext_lazy("Last used first"),
    "unused": gettext_lazy("Longest unused first"),
}


@dataclass(frozen=True)
class Search:
    """What a person wants to see of their list. Anything that is no choice of the page is none."""

    app: str
    handle: str
    order: str

    @classmethod
    def of(cls, query: QueryDict) -> "Search":
        order = query.get("sort", "")
        return cls(query.get("q", "").strip()[:80], query.get("handle", ""), order if order in ORDERS else "newest")

    @property
    def is_narrow(self) -> bool:
        return bool(self.app or self.handle)

    def finds(self, card: Card) -> bool:
        return self.app.casefold() in card.client_name.casefold() and self.handle in ("", card.handle)

    def arrange(self, found: list[Card]) -> list[Card]:
        """Return the cards in the order asked for; `found` comes newest first, and that decides among equals."""
        if self.order == "newest":
            return found
        never = [card for card in found if card.last_used_at is None]
        used = [card for card in found if card.last_used_at is not None]
        used.sort(key=lambda card: card.last_used_at or card.created_at, reverse=self.order == "used")
        return used + never if self.order == "used" else never + used


@dataclass(frozen=True)
class ConnectionsPage:
    """`count` is of all connections, `cards` what the search leaves of them."""

    person: User
    count: int
    cards: tuple[Card, ...]
    search: Search
    handles: tuple[str, ...]
    orders: tuple[tuple[str, "StrOrPromise"], ...] = tuple(ORDERS.items())


@login_required
def connection_list(request: HttpRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    found, search = cards.of(user, now=timezone.now()), Search.of(request.GET)
    page = ConnectionsPage(
        person=user,
        count=len(found),
        cards=tuple(search.arrange([card for card in found if search.finds(card)])),
        search=search,
        handles=tuple(sorted({card.handle for card in found})),
    )
    return private(render(request, "connections/list.html", {"page": page}))


def own(request: HttpRequest, connection_id: UUID) -> Connection:
    """Return this person's connection of this id, ended ones too; anybody else's is not found."""
    user: User = request.user  # type: ignore[assignment]
    mine = Connection.objects.filter(pk=connection_id, user=user).select_related("client", "handle")
    found = mine.first()
    if found is None:
        raise Http404
    return found


@login_required
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Ask once more, then end one connection of this person's."""
    user: User = request.user  # type: ignore[assignment]
    found = own(request, connection_id)
    if not _is_confirmed(request):
        return private(render(request, "connections/confirm.html", {"connection": found}))
    connections.revoke(found, reason=EndReason.PERSON, now=timezone.now(), by=user)
    told = _("%(client)s no longer has access to @%(handle)s.") % names_of(found)
    success(request, f"{told} {receipts.sentence([found])}")
    return back_to_list()


@login_required
def disconnect_all(request: HttpRequest) -> HttpResponse:
    """Ask once more, naming how many, then end every connection of this person's."""
    user: User = request.user  # type: ignore[assignment]
    live = list(Connection.objects.filter(user=user, ended_at=None))
    if not _is_confirmed(request):
        return private(render(request, "connections/confirm.html", {"count": len(live)}))
    count = connections.revoke_all(live, reason=EndReason.PERSON, now=timezone.now(), by=user)
    told = ngettext("%(count)s app disconnected.", "%(count)s apps disconnected.", count) % {"count": count}
    success(request, f"{told} {receipts.sentence(live)}")
    return back_to_list()


def names_of(connection: Connection) -> dict[str, str]:
    """Return what sentences about a connection call it by."""
    return {"client": connection.client.name, "handle": connection.handle.slug}


def back_to_list() -> HttpResponseRedirect:
    response = HttpResponseRedirect(reverse("connections"))
    response["Cache-Control"] = "no-store"
    return response


def _is_confirmed(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("confirm") == "yes"


def private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
