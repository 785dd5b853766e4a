"""Second factors in the administration: listed, and removed for a person who lost theirs. Nothing is typed there."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib.admin import AdminSite
from django.http import HttpRequest

from authserver.admin.base import ReadOnlyAdmin, RecordedAdmin
from authserver.services.standing import security

# Providers are settings here, tokens are not kept, and allauth's page of sessions searches a field that people lack.
NOT_SHOWN = (SocialAccount, SocialApp, SocialToken, UserSession)


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
    """Put this page in the place of django-allauth's, and take away what is of no use here."""
    for model in (Authenticator, *NOT_SHOWN):
        site.unregister(model)
    site.register(Authenticator, FactorAdmin)
