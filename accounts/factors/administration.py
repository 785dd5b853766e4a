"""Second factors in the administration: listed, and removed for a person who lost theirs. Nothing is typed there."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.admin import AdminSite
from django.http import HttpRequest

from authserver.admin.base import ReadOnlyAdmin, RecordedAdmin
from authserver.services.standing import security


class FactorAdmin(RecordedAdmin, ReadOnlyAdmin):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    fields = ("user", "type", "created_at", "last_used_at")  # never the secret, sealed as it is

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser  # type: ignore[union-attr]

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        security.remove_factor(obj, by=request.user)  # type: ignore[arg-type]


def furnish(site: AdminSite) -> None:
    """Add this page."""
    site.register(Authenticator, FactorAdmin)
