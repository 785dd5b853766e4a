"""Clients: seen, pre-registered, repaired, verified, blocked."""

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, URLField
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from authserver.admin.base import SecretAdmin
from authserver.admin.governance import ClientActions
from authserver.models import Client
from authserver.services import clients


class ClientAdmin(ClientActions, SecretAdmin):
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
    search_fields = ("name", "client_id", "redirect_uris")
    date_hierarchy = "created"
    show_full_result_count = False
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    readonly_fields = ("client_id", "registration_source", "created", "software_id", "software_version")
    fields = (
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
        "registration_source",
        "software_id",
        "software_version",
        "created",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        live = Count("connections", filter=Q(connections__ended_at__isnull=True))
        return super().get_queryset(request).annotate(live=live)

    @admin.display(description="live connections")
    def live_connections(self, row: Any) -> int:
        return row.live

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # block it instead: its events and connections keep their name

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm, change: bool) -> None:
        if not change:
            obj.client_id = str(uuid.uuid4())
        clients.save_by_administrator(obj, by=request.user, changed=form.changed_data, is_new=not change)  # type: ignore[arg-type]

    def renew(self, row: Client, by: User) -> str | None:
        return clients.rotate_secret(row, by=by, now=timezone.now())

    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        if obj.has_secret and not obj.secret_digest:
            self.message_user(request, "This client needs a secret now: give it one with “New secret”.", "WARNING")
        return super().response_change(request, obj)
