"""What a person changes on a connection while it lives: fewer permissions, a pause, a word on what its client wished
for. Its credentials stay; the next call obeys."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import info, success
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from authserver.models import Connection, Scope, ScopeRequest
from authserver.services import connections, receipts
from authserver.services.connections import PausedBy
from authserver.views.connections import cards
from authserver.views.connections.pages import back_to_list, names_of, own, private
from handles import access

Act = Callable[[HttpRequest, Connection, User], HttpResponse]


@dataclass(frozen=True)
class Box:
    """One permission to tick, in the words of the consent page. A disabled one stays as it is."""

    name: str
    title: str
    description: str
    consequence: str
    level: str
    level_label: str
    is_required: bool
    is_checked: bool
    is_disabled: bool
    reason: str


def _on_own_live(act: Act) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """Let an act have a live connection of the person who is signed in; explain one that has ended."""

    @login_required
    @wraps(act)
    def door(request: HttpRequest, connection_id: UUID) -> HttpResponse:
        found = own(request, connection_id)
        if not found.is_live:
            info(request, _("The connection of %(client)s to @%(handle)s has ended already.") % names_of(found))
            return back_to_list()
        return act(request, found, request.user)  # type: ignore[arg-type]

    return door


def _posted(act: Act) -> Act:
    """Let only a form act: a link that somebody else made leads to the list."""

    @wraps(act)
    def posted(request: HttpRequest, found: Connection, user: User) -> HttpResponse:
        return act(request, found, user) if request.method == "POST" else back_to_list()

    return posted


@_on_own_live
def scopes(request: HttpRequest, found: Connection, user: User) -> HttpResponse:
    """Show what the person ever allowed here, to be unticked and ticked again; or keep what was ticked."""
    if request.method != "POST":
        page = {"connection": found, "boxes": _boxes(found, user)}
        return private(render(request, "connections/scopes.html", {"page": page}))
    # Only what stood on the page to be decided is decided; all else stays, what was allowed meanwhile too.
    undecided = set(found.scopes.split()) - set(request.POST.getlist("offered"))
    changed = connections.allow_scopes(
        found, undecided | set(request.POST.getlist("scope")), by=user, now=timezone.now()
    )
    if changed:
        told = _("The permissions of %(client)s on @%(handle)s are changed.") % names_of(found)
        success(request, f"{told} {receipts.in_force(found)}")
    else:
        success(request, _("The permissions of %(client)s on @%(handle)s stay as they were.") % names_of(found))
    return back_to_list()


def _boxes(connection: Connection, user: User) -> list[Box]:
    known, role = cards.active_scopes(), access.role_in(connection.handle, user)
    names = [*(connection.approved_scopes.split() or connection.scopes.split()), *connection.declined_scopes.split()]
    allowed = set(connection.scopes.split())
    return [
        _box(scope, is_allowed=name in allowed, reason=cards.reason_not(scope, connection, role=role))
        for name, scope in known.items()
        if name in names and scope.is_shown
    ]


def _box(scope: Scope, *, is_allowed: bool, reason: str) -> Box:
    return Box(
        name=scope.name,
        title=scope.title,
        description=scope.description,
        consequence=scope.consequence,
        level=scope.level,
        level_label=str(Scope.Level(scope.level).label),
        is_required=scope.is_required,
        is_checked=is_allowed or scope.is_required,
        is_disabled=bool(reason) or scope.is_required,
        reason=reason,
    )


@_on_own_live
@_posted
def pause(request: HttpRequest, found: Connection, user: User) -> HttpResponse:
    """Let nothing of this connection work until it is resumed."""
    if connections.pause(found, who=PausedBy.PERSON, by=user, now=timezone.now()):
        told = _("%(client)s on @%(handle)s is paused until you resume it.") % names_of(found)
        success(request, f"{told} {receipts.in_force(found)}")
    else:
        info(request, _("%(client)s on @%(handle)s was paused already.") % names_of(found))
    return back_to_list()


@_on_own_live
@_posted
def resume(request: HttpRequest, found: Connection, user: User) -> HttpResponse:
    """Let a connection work again that this person paused; what an admin paused stays."""
    if connections.resume(found, who=PausedBy.PERSON, by=user, now=timezone.now()):
        success(request, _("%(client)s on @%(handle)s works again.") % names_of(found))
    elif found.paused_by:
        info(request, _("%(client)s on @%(handle)s stays paused: ask whoever paused it.") % names_of(found))
    else:
        info(request, _("%(client)s on @%(handle)s was not paused.") % names_of(found))
    return back_to_list()


@_on_own_live
@_posted
def wish(request: HttpRequest, found: Connection, user: User) -> HttpResponse:
    """Allow what the client lacked, or decline it. What does not wait any more changes nothing."""
    asked = request.POST.get("scope", "")
    rows = ScopeRequest.objects.filter(connection=found, decision="")
    waiting = next((row for row in rows if row.scope == asked), None)
    answers = {"allow": connections.allow_wish, "decline": connections.decline_wish}
    decide = answers.get(request.POST.get("decision", ""))
    if waiting is None or decide is None or not decide(waiting, by=user, now=timezone.now()):
        info(request, _("This does not wait for an answer any more."))
    elif decide is connections.allow_wish:
        success(request, _("Allowed. %(client)s has it when it next renews its key.") % names_of(found))
    else:
        success(request, _("Declined. %(client)s goes on without it.") % names_of(found))
    return back_to_list()
