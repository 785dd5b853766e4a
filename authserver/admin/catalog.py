"""The catalog: scopes and bundles, protected resources, the resource servers that ask about them."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from authserver.admin.base import RecordedAdmin, SecretAdmin, by_and_now
from authserver.models import InitialAccessToken, ProtectedResource, ResourceServer, Scope, ScopeBundle, Tool
from authserver.services import catalog, resource_servers
from authserver.services.registration import initial_access
from authserver.services.standing import offers


@admin.register(Scope)
class ScopeAdmin(RecordedAdmin):
    """Every change is seen by the next request of every process."""

    list_display = ("name", "title", "level", "group", "role", "is_required", "is_active", "position")
    list_filter = ("level", "group", "role", "is_active")
    search_fields = ("name", "title")
    search_help_text = _("A part of the name or of the title.")

    def get_readonly_fields(self, request: HttpRequest, obj: Scope | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Scope, form: ModelForm, change: bool) -> None:
        offers.save_scope(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: Scope) -> None:
        offers.remove_scope(obj, **by_and_now(request))


@admin.register(ScopeBundle)
class ScopeBundleAdmin(RecordedAdmin):
    list_display = ("title", "slug", "position")
    filter_horizontal = ("scopes",)

    def save_model(self, request: HttpRequest, obj: ScopeBundle, form: ModelForm, change: bool) -> None:
        offers.save_bundle(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: ScopeBundle) -> None:
        offers.remove_bundle(obj, **by_and_now(request))


class ToolInline(admin.TabularInline):
    """What resource servers published at an endpoint: theirs to say, here only to be read."""

    model = Tool
    fields = ("name", "title", "scopes", "is_read_only", "is_destructive", "is_open_world", "since", "resource_server")
    readonly_fields = fields
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tool]:
        return super().get_queryset(request).filter(gone_at=None)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ProtectedResource)
class ProtectedResourceAdmin(RecordedAdmin):
    list_display = ("name", "kind", "address_as_typed", "handle", "stage", "takes_personal_tokens", "is_active")
    list_filter = ("kind", "stage", "takes_personal_tokens", "is_active")
    readonly_fields = ("tools_version", "tools_published_at")
    inlines = (ToolInline,)
    list_select_related = ("handle",)
    search_fields = ("name", "address", "handle__slug")
    search_help_text = _("A part of the name, of the address or of the handle.")
    autocomplete_fields = ("handle",)
    filter_horizontal = ("scopes",)

    @admin.display(description=_("address"))
    def address_as_typed(self, row: ProtectedResource) -> str:
        return catalog.address_of(row)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The platform's endpoints stay; others can go while no connection names them."""
        if isinstance(obj, ProtectedResource) and obj.kind != ProtectedResource.Kind.OTHER:
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ProtectedResource, form: ModelForm, change: bool) -> None:
        offers.save_endpoint(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: ProtectedResource) -> None:
        offers.remove_endpoint(obj, **by_and_now(request))


@admin.register(InitialAccessToken)
class InitialAccessTokenAdmin(SecretAdmin):
    list_display = ("name", "expires_at", "created_at")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: InitialAccessToken, form: ModelForm, change: bool) -> None:
        initial_access.save(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: InitialAccessToken) -> None:
        initial_access.remove(obj, **by_and_now(request))

    def renew(self, row: Any, by: User) -> str:
        return initial_access.renew_secret(row, by=by)

    def end_former(self, row: Any, *, by: User, now: datetime) -> bool:
        return initial_access.end_former_secret(row, by=by, now=now)


@admin.register(ResourceServer)
class ResourceServerAdmin(SecretAdmin):
    list_display = ("name", "id", "resource_names", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "id")
    search_help_text = _("A part of the name or of the id.")
    filter_horizontal = ("resources",)
    readonly_fields = ("id", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResourceServer]:
        return super().get_queryset(request).prefetch_related("resources")

    @admin.display(description=_("may ask about"))
    def resource_names(self, row: ResourceServer) -> str:
        return ", ".join(str(resource) for resource in row.resources.all())

    def save_model(self, request: HttpRequest, obj: ResourceServer, form: ModelForm, change: bool) -> None:
        offers.save_server(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: ResourceServer) -> None:
        offers.remove_server(obj, **by_and_now(request))

    def renew(self, row: Any, by: User) -> str:
        return resource_servers.renew_secret(row, by=by)

    def end_former(self, row: Any, *, by: User, now: datetime) -> bool:
        return resource_servers.end_former_secret(row, by=by, now=now)
