"""Clients: seen, pre-registered, repaired, verified, blocked."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.messages import WARNING
from django.db import connection as database
from django.db.models import Q, QuerySet, URLField
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from authserver.admin import documents
from authserver.admin.base import SecretAdmin
from authserver.admin.client_acts import ClientActs
from authserver.admin.lists import LargeAdmin, Stepping
from authserver.models import Client, ClientDocument, Connection
from authserver.services import clients

USES_COUNTED = 1_000  # live connections of a client that the list counts
USES = """
    SELECT id, (SELECT count(*) FROM (SELECT 1 FROM authserver_connection
                                       WHERE client_id = authserver_client.id AND ended_at IS NULL LIMIT %s) AS few)
      FROM authserver_client WHERE id IN ({})"""


def _uses(ids: Iterable[int]) -> dict[int, int]:
    """Return how many live connections each of these clients has, counted no further than one beyond USES_COUNTED.

    Asked for the rows of one page: a few clients have most of the connections, and the list is not to count them.
    """
    chosen = list(ids)
    if not chosen:
        return {}
    with database.cursor() as cursor:
        cursor.execute(USES.format(", ".join(["%s"] * len(chosen))), [USES_COUNTED + 1, *chosen])
        return dict(cursor.fetchall())


class ClientList(ChangeList):
    """The list, with what its columns need beside the rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        uses = _uses(row.pk for row in rows)
        for row in rows:
            row.uses = uses.get(row.pk, 0)
        self.result_list = rows


class ClientAdmin(ClientActs, LargeAdmin, SecretAdmin):
    """Registered through django-oauth-toolkit's own admin module (settings: APPLICATION_ADMIN_CLASS)."""

    list_display = (
        "name",
        "client_id",
        "registration_source",
        "auth_method",
        "live_connections",
        "is_verified",
        "is_active",
        "created",
    )
    list_filter = ("is_active", "is_verified", "registration_source", "auth_method")
    contain_fields = ("name", "client_id")
    search_help_text = gettext_lazy("A part of the name, or a client id. Redirect addresses are found whole.")
    date_hierarchy = "created"
    view_on_site = False  # its own address is no page of ours
    ordering = ("-created", "-pk")
    sortable_by = ("created", "name")
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    readonly_fields = (
        "client_id",
        "registration_source",
        "created",
        "software_id",
        "software_version",
        "used_by",
        "fetched",
        "said",
        "changes",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "client_id",
                    "redirect_uris",
                    "auth_method",
                    "may_refresh",
                    "is_verified",
                    "is_active",
                    "website_url",
                    "policy_url",
                    "terms_url",
                )
            },
        ),
        (gettext_lazy("Where it is from"), {"fields": ("registration_source", "software_id", "software_version")}),
    )
    behind = (gettext_lazy("Who uses it"), {"fields": ("created", "used_by")})
    words = (gettext_lazy("Its own document"), {"fields": ("fetched", "changes", "said")})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return Stepping(model=Client)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ClientList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        *facts, reason = super().get_fieldsets(request, obj)
        if obj is None:
            return [*facts, reason]
        return [*facts, self.behind, *([self.words] if obj.has_document else []), reason]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        """What its document says is its own: the next copy would undo what is typed here."""
        own = ("name", "redirect_uris", "auth_method", "website_url", "policy_url", "terms_url")
        return (*own, *self.readonly_fields) if obj and obj.has_document else self.readonly_fields

    def found_by(self, term: str) -> Q:
        return super().found_by(term) | Q(redirect_uris=term)

    @admin.display(description=gettext_lazy("live connections"))
    def live_connections(self, row: Any) -> str:
        return _("more than %(count)s") % {"count": USES_COUNTED} if row.uses > USES_COUNTED else str(row.uses)

    # --- What its page tells

    @admin.display(description=gettext_lazy("live connections"))
    def used_by(self, row: Client) -> str:
        live = Connection.objects.filter(client=row, ended_at=None).order_by()
        count = live.count()
        shown = ngettext("%(count)s live connection", "%(count)s live connections", count) % {"count": count}
        link = reverse("admin:authserver_connection_changelist") + "?" + urlencode({"q": row.client_id})
        events = reverse("admin:authserver_event_changelist") + "?" + urlencode({"q": row.client_id})
        text = '{} · <a href="{}">{}</a> · <a href="{}">{}</a>'
        return format_html(text, shown, link, _("Look at them"), events, _("Its events"))

    @admin.display(description=gettext_lazy("fetched"))
    def fetched(self, row: Client) -> str:
        if row.document_fetched_at is None:
            return _("Never: this is the copy that this release carries.")
        return documents.at(row.document_fetched_at)

    @admin.display(description=gettext_lazy("as fetched"))
    def said(self, row: Client) -> str:
        kept = ClientDocument.objects.filter(client=row).first()
        return documents.page_of(kept.content) if kept else _("It is kept when it is fetched the next time.")

    @admin.display(description=gettext_lazy("last change"))
    def changes(self, row: Client) -> str:
        kept = ClientDocument.objects.filter(client=row).first()
        if kept is None or kept.previous is None or kept.changed_at is None:
            return _("It has said the same ever since we keep it.")
        return documents.comparison(kept.previous, kept.content, changed_at=kept.changed_at)

    # --- Changing it: by services only

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # block it instead: its events and connections keep their name

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm, change: bool) -> None:
        if not change:
            obj.client_id = str(uuid.uuid4())
        clients.save_by_administrator(obj, by=request.user, changed=form.changed_data, is_new=not change)  # type: ignore[arg-type]

    def renew(self, row: Client, by: User) -> str | None:
        return clients.rotate_secret(row, by=by, now=timezone.now())

    def end_former(self, row: Client, *, by: User, now: datetime) -> bool:
        return clients.end_former_secret(row, by=by, now=now)

    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        if obj.has_secret and not obj.secret_digest:
            said = _("This client needs a secret now: give it one with “New secret”.")
            self.message_user(request, said, WARNING)
        return super().response_change(request, obj)
