"""Connections: searched, looked into, ended. They are made by people's consent only."""

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.messages import SUCCESS
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from authserver.admin.base import ReadOnlyAdmin, ask_first
from authserver.models import Connection, Event, Scope
from authserver.services import connections

TYPED_ABOVE = 20  # from here on a count has to be typed, so that nobody ends hundreds by a slip


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() not in ("live", "ended"):
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "live")


class LastUsedFilter(admin.SimpleListFilter):
    title = "last used"
    parameter_name = "used"
    DAYS = {"7": "in the last 7 days", "30": "in the last 30 days"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*self.DAYS.items(), ("never", "never")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() == "never":
            return queryset.filter(last_used_at__isnull=True)
        if self.value() in self.DAYS:
            since = timezone.now() - timedelta(days=int(self.value() or 0))
            return queryset.filter(last_used_at__gte=since)
        return queryset


class LevelFilter(admin.SimpleListFilter):
    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Scope.Level.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() not in Scope.Level.values:
            return queryset
        names = Scope.objects.filter(level=self.value()).values_list("name", flat=True)
        found = reduce(or_, (Q(padded__contains=f" {name} ") for name in names), Q(pk__in=[]))
        return queryset.alias(padded=Concat(Value(" "), "scopes", Value(" "), output_field=TextField())).filter(found)


class RevokeForm(forms.Form):
    """Why, and for many connections the typed confirmation."""

    reason = forms.CharField(max_length=200, label="Reason", help_text="Kept in the events.")
    confirmation = forms.CharField(required=False)

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phrase = f"REVOKE {count}" if count > TYPED_ABOVE else ""
        if not self.phrase:
            del self.fields["confirmation"]
        else:
            self.fields["confirmation"].label = f"Type {self.phrase} to confirm"

    def clean_confirmation(self) -> str:
        typed = self.cleaned_data["confirmation"]
        if typed != self.phrase:
            raise forms.ValidationError(f"Type {self.phrase}, exactly.")
        return typed


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("user", "client", "handle", "status", "levels", "protected_resource", "created_at", "last_used_at")
    list_filter = (StatusFilter, LevelFilter, LastUsedFilter, "end_reason", "client__registration_source")
    list_select_related = ("user", "client", "handle", "protected_resource")
    search_fields = ("user__email", "client__name", "client__client_id", "handle__slug")
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ("revoke_selected", "revoke_all_of_person", "revoke_all_of_client", "revoke_all_of_handle")
    fields = (
        "id",
        "user",
        "client",
        "handle",
        "resource",
        "scopes",
        "created_at",
        "approved_at",
        "last_used_at",
        "status",
        "credentials",
        "events",
    )

    @admin.display(description="levels")
    def levels(self, row: Connection) -> str:
        by_name = self._levels
        found = {by_name[name] for name in row.scope_list if name in by_name}
        return ", ".join(label for value, label in Scope.Level.choices if value in found)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        self._levels = dict(Scope.objects.values_list("name", "level"))  # one query a page, not one a row
        return super().get_queryset(request)

    @admin.display(description="status")
    def status(self, row: Connection) -> str:
        return "Live" if row.is_live else f"Ended: {row.get_end_reason_display()}"

    @admin.display(description="live credentials")
    def credentials(self, row: Connection) -> str:
        now = timezone.now()
        held = row.access_tokens.filter(expires_at__gt=now).count()
        kept = row.refresh_tokens.filter(expires_at__gt=now, rotated_at__isnull=True).count()
        return f"{held} access, {kept} refresh" if row.is_live else "none"

    @admin.display(description="events")
    def events(self, row: Connection) -> str:
        count = Event.objects.filter(connection_id=row.pk).count()
        return format_html(
            '<a href="{}?q={}">{} events</a>', reverse("admin:authserver_event_changelist"), row.pk, count
        )

    # --- Ending

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.delete_connection")

    @admin.action(description="Revoke selected", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._revoke(request, queryset)

    @admin.action(description="Revoke all of these people", permissions=["revoke"])
    def revoke_all_of_person(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._revoke(request, Connection.objects.filter(user__in=queryset.values("user")))

    @admin.action(description="Revoke all of these clients", permissions=["revoke"])
    def revoke_all_of_client(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._revoke(request, Connection.objects.filter(client__in=queryset.values("client")))

    @admin.action(description="Revoke all of these handles", permissions=["revoke"])
    def revoke_all_of_handle(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._revoke(request, Connection.objects.filter(handle__in=queryset.values("handle")))

    def _revoke(self, request: HttpRequest, rows: QuerySet[Connection]) -> HttpResponse | None:
        """Show how many and which, ask why, then end them one by one."""
        live = rows.filter(ended_at=None).select_related("user", "client", "handle").order_by("-created_at")
        count = live.count()
        form = RevokeForm(request.POST if "reason" in request.POST else None, count=count)
        if not form.is_valid():
            page = "admin/revoke_connections.html"
            return ask_first(self, request, page, rows=live, form=form, title="Revoke connections")
        ended = connections.revoke_all(
            live,
            reason=Connection.EndReason.ADMINISTRATOR,
            now=timezone.now(),
            by=request.user,  # type: ignore[arg-type]
            note=form.cleaned_data["reason"],
        )
        link = reverse("admin:authserver_event_changelist") + "?tag__exact=connection:revoked"
        text = '{} of {} connections ended; the next request of each is refused. <a href="{}">See the events</a>.'
        self.message_user(request, format_html(text, ended, count, link), SUCCESS)
        return None
