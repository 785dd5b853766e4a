"""The audit trail, to be read."""

from django.contrib import admin

from authserver.admin.base import ReadOnlyAdmin
from authserver.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "tag", "actor", "client_id", "handle", "person_id", "address", "request_id")
    list_filter = ("tag", "actor")
    search_fields = ("=client_id", "=handle", "=person_id", "=connection_id", "=request_id")
    date_hierarchy = "at"
    show_full_result_count = False
