"""Handles and who belongs to them."""

from django.contrib import admin

from handles.models import Handle, Membership


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Handle)
class HandleAdmin(admin.ModelAdmin):
    list_display = ("slug", "display_name", "visibility", "status", "created_at")
    list_filter = ("status", "visibility")
    search_fields = ("slug", "display_name")
    readonly_fields = ("created_at",)
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: object, obj: Handle | None = None) -> tuple[str, ...]:
        """A handle is never renamed: its name stands in addresses that clients keep."""
        return ("slug", "created_at") if obj else ("created_at",)
