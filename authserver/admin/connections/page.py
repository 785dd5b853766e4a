"""The list of connections and the page of one. No token is shown: a hash id tells one from another."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authserver import policy
from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.connections.acts import ConnectionActs
from authserver.admin.connections.filters import (
    EndReasonFilter,
    LastUsedFilter,
    LevelFilter,
    PausedByFilter,
    SourceFilter,
    StatusFilter,
)
from authserver.admin.lists import HandleFilter, LargeAdmin, Stepping, is_id
from authserver.admin.searching import found_among
from authserver.models import AccessToken, Client, Connection, Event, RefreshToken, Scope

HASH_ID_LENGTH = 32  # as in `jti` of introspection
CREDENTIALS_SHOWN = 20


def _ends(ids: Iterable[UUID]) -> dict[UUID, datetime]:
    """Return when the last credential of each of these connections ends: when it does by itself, unless it is used.

    Asked for the rows of one page: as part of the list's own statement it is worked out for every row passed over.
    """
    chosen = list(ids)
    found: dict[UUID, datetime] = {}
    for model, only in ((AccessToken, {}), (RefreshToken, {"rotated_at": None})):
        rows = model.objects.filter(connection__in=chosen, **only).order_by().values_list("connection")
        found |= dict(rows.annotate(Max("expires_at")))
    return found


class ConnectionList(ChangeList):
    """The list, with what its columns need beside the rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        ends = _ends(row.pk for row in rows)
        for row in rows:
            row.ends = ends.get(row.pk)
        self.result_list = rows


@admin.register(Connection)
class ConnectionAdmin(ConnectionActs, LargeAdmin, ReadOnlyAdmin):
    list_display = (
        "user",
        "client_and_badge",
        "handle",
        "levels",
        "created_at",
        "last_used_at",
        "expires",
        "status",
    )
    list_filter = (
        StatusFilter,
        HandleFilter,
        LevelFilter,
        LastUsedFilter,
        SourceFilter,
        PausedByFilter,
        EndReasonFilter,
    )
    list_select_related = ("user", "client", "handle")
    search_fields = ("user__email", "client__name", "handle__slug")
    search_help_text = gettext_lazy(
        "How an e-mail address or a handle begins, a part of a client's name, or the whole id of a client or of a "
        "connection."
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)  # has an index, and pages stay put while rows come
    sortable_by = ("created_at",)
    fields = (
        "id",
        "user",
        "client_and_badge",
        "handle",
        "resource",
        "scopes",
        "withheld_scopes",
        "redirect_origin",
        "created_at",
        "approved_at",
        "approved_address",
        "approved_agent",
        "last_used_at",
        "last_address",
        "last_agent",
        "expires",
        "status",
        "paused_at",
        "credentials",
        "events",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        self._levels = dict(Scope.objects.values_list("name", "level"))  # one query a page, not one a row
        return Stepping(model=Connection)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConnectionList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Connection], search_term: str
    ) -> tuple[QuerySet[Connection], bool]:
        """Every word has to be found, in the person, in the client or in the handle."""
        for word in search_term.replace("\x00", "").split():
            queryset = queryset.filter(self.found_by(word))
        return queryset, False

    def found_by(self, term: str) -> Q:
        return is_id("id", term, of=Connection) | found_among(term, people="user", handles="handle", clients="client")

    @admin.display(description=gettext_lazy("client"))
    def client_and_badge(self, row: Connection) -> str:
        return f"{row.client} ({_badge(row.client)})"

    @admin.display(description=gettext_lazy("levels"))
    def levels(self, row: Connection) -> str:
        by_name = self._levels
        found = {by_name[name] for name in row.scope_list if name in by_name}
        return ", ".join(str(label) for value, label in Scope.Level.choices if value in found)

    @admin.display(description=gettext_lazy("expires"), empty_value="–")
    def expires(self, row: Any) -> str | None:
        if not row.is_live:
            return None
        ends = row.ends if hasattr(row, "ends") else _ends([row.pk]).get(row.pk)
        return formats.localize(ends) if ends else None

    @admin.display(description=gettext_lazy("status"))
    def status(self, row: Connection) -> str:
        if not row.is_live:
            return _("Ended: %(reason)s") % {"reason": row.get_end_reason_display()}
        return str(row.get_paused_by_display()) if row.paused_by else _("Live")

    @admin.display(description=gettext_lazy("live credentials"))
    def credentials(self, row: Connection) -> str:
        if not row.is_live:
            return _("none")
        now = timezone.now()
        held = row.access_tokens.filter(expires_at__gt=now).order_by("-expires_at")
        kept = row.refresh_tokens.filter(expires_at__gt=now, rotated_at__isnull=True).order_by("-expires_at")
        lines = [*_lines(policy.ACCESS_TOKEN_PREFIX, held), *_lines(policy.REFRESH_TOKEN_PREFIX, kept)]
        text = "<div>" + _("<code>{prefix}…</code>, hash id <code>{hash}</code>, until {until}") + "</div>"
        counts = _("Access tokens: %(access)s. Refresh tokens: %(refresh)s.")
        said = counts % {"access": held.count(), "refresh": kept.count()}
        return format_html("{}{}", said, format_html_join("", text, lines))

    @admin.display(description=gettext_lazy("events"))
    def events(self, row: Connection) -> str:
        count = Event.objects.filter(connection_id=row.pk).count()
        said = ngettext("%(count)s event", "%(count)s events", count) % {"count": count}
        return format_html('<a href="{}?q={}">{}</a>', reverse("admin:authserver_event_changelist"), row.pk, said)


def _badge(client: Client) -> str:
    if not client.is_active:
        return _("blocked")
    if client.is_verified:
        return _("verified")
    return _("document") if client.has_document else _("unverified")


def _lines(prefix: str, rows: QuerySet) -> Iterable[dict[str, str]]:
    for row in rows[:CREDENTIALS_SHOWN]:
        until = f"{row.expires_at:%Y-%m-%d %H:%M} UTC"
        yield {"prefix": prefix, "hash": bytes(row.digest).hex()[:HASH_ID_LENGTH], "until": until}
