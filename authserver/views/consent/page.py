"""The consent page, as data: who asks, where the answer goes, for which handle, what is asked. Built here, drawn in
`templates/authorize/consent.html`."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from authserver import policy
from authserver.forms import Choice
from authserver.models import Client, Connection, Scope
from authserver.protocol import redirects
from authserver.protocol.redirects import Destination
from authserver.protocol.tools import Manifest
from authserver.toolkit.endpoints import AuthorizationRequest
from authserver.views.consent import picker, presets, scope_rows, tool_rows
from authserver.views.consent.asker import ClientView, client_view
from authserver.views.consent.picker import Picker
from authserver.views.consent.presets import PresetRow
from authserver.views.consent.scope_rows import ScopeGroup, ScopeRow
from authserver.views.consent.seats import HandleRow, Seats, handle_row
from authserver.views.consent.tool_rows import ToolList


@dataclass(frozen=True)
class ConsentPage:
    client: ClientView
    destination: Destination
    person: User
    login_hint_other: str
    fixed_handle: HandleRow | None
    only_handle: HandleRow | None
    picker: Picker
    presets: tuple[PresetRow, ...]
    groups: tuple[ScopeGroup, ...]
    already: tuple[ScopeRow, ...]
    tools: ToolList | None
    resumes: bool
    asked_nothing: bool
    lasts: str
    errors: tuple[str, ...]
    signed: str
    action: str
    next: str


def build(
    asked: AuthorizationRequest,
    *,
    user: User,
    seats: Seats,
    manifest: Manifest,
    signed: str,
    query: str,
    choice: Choice | None = None,
    errors: tuple[str, ...] = (),
) -> ConsentPage:
    """Return the page for this request and person; `choice` is what was posted, where the page comes back."""
    settled, shown = seats.settled, scope_rows.scopes_of(asked)
    latest = latest_connection(asked.client, user)
    # A first connection preselects no handle, so that nobody grants for the wrong one by pressing on.
    chosen = choice.handle if choice and choice.handle else (latest.handle.slug if latest else "")
    focus = settled or next((seat for seat in seats.usable if seat.handle.slug == chosen), None)
    mine = seats.standing.at(focus.handle) if focus else None
    client = client_view(asked.client, allowed=mine or latest)
    ticked = presets.apply(choice, shown).ticked if choice else _ticked_first(shown, mine)
    rows = scope_rows.rows_of(shown, seats=seats, seat=settled, ticked=ticked)
    new, already = scope_rows.step_up(rows, mine) if mine and not client.is_changed else (rows, ())
    return ConsentPage(
        client=client,
        destination=redirects.destination(asked.redirect_uri),
        person=user,
        login_hint_other=other_person(asked, user),
        fixed_handle=handle_row(seats, seats.fixed, checked=True) if seats.fixed else None,
        only_handle=handle_row(seats, settled, checked=True) if settled and not seats.fixed else None,
        picker=picker.build(seats, chosen=chosen, choice=choice),
        presets=presets.rows_for(rows),
        groups=scope_rows.grouped(new),
        already=already,
        tools=tool_rows.build(manifest, wanted=asked.wanted, rows=rows, seats=seats, focus=focus),
        resumes=bool(mine and mine.paused_by),
        asked_nothing=not asked.named_scopes,
        lasts=lasts(asked.client),
        errors=errors,
        signed=signed,
        action="/oauth/authorize",
        next=f"/oauth/authorize?{query}",
    )


def other_person(asked: AuthorizationRequest, user: User) -> str:
    """Return the address of the person the client expected, where that is somebody else, or nothing."""
    return asked.login_hint if "@" in asked.login_hint and asked.login_hint.lower() != user.email else ""


def latest_connection(client: Client, user: User) -> Connection | None:
    """Return the live connection of this person that this client was last allowed for."""
    live = Connection.objects.filter(user=user, client=client, ended_at=None)
    return live.select_related("handle").order_by("-approved_at").first()


def _ticked_first(shown: list[Scope], mine: Connection | None) -> frozenset[str]:
    """Return what is ticked before anybody chose: all but Manage, and what this connection already has."""
    harmless = {scope.name for scope in shown if scope.level != Scope.Level.MANAGE}
    return frozenset(harmless | set(mine.scope_list if mine else ()))


def lasts(client: Client) -> str:
    """Return how long access lasts, in sentences."""
    minutes = max(1, round(settings.ACCESS_TOKEN_LIFETIME_SECONDS / 60))
    key = ngettext("Each key lives %(count)d minute.", "Each key lives %(count)d minutes.", minutes) % {
        "count": minutes
    }
    if not client.may_refresh:
        again = _("Then the app has to ask again.")
        return f"{key} {again}"
    days = policy.REFRESH_TOKEN_IDLE_LIFETIME.days
    unused = ngettext(
        "Until you disconnect it. Unused for %(count)d day, it ends by itself.",
        "Until you disconnect it. Unused for %(count)d days, it ends by itself.",
        days,
    )
    return f"{unused % {'count': days}} {key}"
