"""What handles say of clients, to be read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import LargeAdmin
from authserver.models import ClientPolicy, ClientRule


@admin.register(ClientPolicy)
class ClientPolicyAdmin(LargeAdmin, ReadOnlyAdmin):
    """Handles without a row let every client in."""

    list_display = ("handle", "mode")
    list_filter = ("mode",)
    list_select_related = ("handle",)
    begin_fields = ("handle__slug",)
    search_help_text = _("How a handle begins.")
    ordering = ("handle",)
    sortable_by = ()


@admin.register(ClientRule)
class ClientRuleAdmin(LargeAdmin, ReadOnlyAdmin):
    list_display = ("client_name", "handle", "decision", "kind", "value", "asked_by", "created_at", "decided_at")
    list_filter = ("decision", "kind")
    list_select_related = ("handle", "asked_by")
    begin_fields = ("handle__slug",)
    search_help_text = _("How a handle begins.")
    ordering = ("-created_at", "-pk")
    sortable_by = ()
