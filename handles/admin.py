"""Handles and who belongs to them; what clients type, what is connected, which clients are let in."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from authserver.admin.base import RecordedAdmin, by_and_now
from authserver.services import catalog
from authserver.services.events import Actor
from authserver.services.governance import client_list
from authserver.services.standing import handles, invitations, seats
from handles import access
from handles.models import Handle, Invitation, Membership

APPS_SHOWN = 20
ACT_AT_ONCE_MAX = 200
MEMBERS_LISTED = 100  # above it they have a page of their own: a form takes a thousand fields


class MembershipForm(forms.ModelForm):
    """A membership stays its person's: to give the seat to somebody else, remove it and add another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].disabled = bool(self.instance.pk)


class MembershipInline(admin.TabularInline):
    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Membership)
class MembershipAdmin(RecordedAdmin):
    """Where a handle has more members than its page lists."""

    form = MembershipForm
    list_display = ("user", "handle", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "handle")
    search_fields = ("user__email", "handle__slug")
    autocomplete_fields = ("user", "handle")
    show_full_result_count = False

    def get_readonly_fields(self, request: object, obj: Membership | None = None) -> tuple[str, ...]:
        return ("handle",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Membership, form: ModelForm, change: bool) -> None:
        seats.save(obj, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        seats.remove(obj, **by_and_now(request))


@admin.register(Handle)
class HandleAdmin(RecordedAdmin):
    list_display = ("slug", "display_name", "visibility", "status", "created_at")
    list_filter = ("status", "visibility")
    search_fields = ("slug", "display_name")
    readonly_fields = ("created_at", "member_count", "addresses", "lets_in", "connected_apps")
    fieldsets = (
        (None, {"fields": ("slug", "display_name", "visibility", "status", "suspended_by", "created_at")}),
        ("Behind it", {"fields": ("member_count", "addresses", "lets_in", "connected_apps")}),
    )
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: object, obj: Handle | None = None) -> tuple[str, ...]:
        """A handle is never renamed: its name stands in addresses that clients keep."""
        return ("slug", *self.readonly_fields) if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Handle | None = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:1]

    def get_inlines(self, request: HttpRequest, obj: Handle | None = None) -> Any:
        """List the members on the page only where a form can carry them."""
        return self.inlines if obj is None or access.count_members(obj) <= MEMBERS_LISTED else ()

    # --- What stands behind a handle

    @admin.display(description="members")
    def member_count(self, row: Handle) -> str:
        link = reverse("admin:handles_membership_changelist") + "?" + urlencode({"q": row.slug})
        return format_html('{} · <a href="{}">Search them</a>', access.count_members(row), link)

    @admin.display(description="MCP addresses")
    def addresses(self, row: Handle) -> str:
        return format_html_join(
            "", "<div><code>{}</code> {}</div>", [(uri, name) for name, uri in catalog.addresses_at(row)]
        )

    @admin.display(description="clients let in")
    def lets_in(self, row: Handle) -> str:
        rules = reverse("admin:authserver_clientrule_changelist") + "?" + urlencode({"q": row.slug})
        return format_html('{} · <a href="{}">Its rules</a>', client_list.mode_at(row).label, rules)

    @admin.display(description="connected apps")
    def connected_apps(self, row: Handle) -> str:
        used = [each for each in client_list.listed_at(row) if each.use.connections]
        used.sort(key=lambda each: -each.use.connections)
        link = reverse("admin:authserver_connection_changelist") + "?" + urlencode({"handle": row.slug})
        facts = [(each.name, each.use.connections, each.use.people) for each in used[:APPS_SHOWN]]
        lines = format_html_join("", "<div>{}: {} live, of {} people</div>", facts)
        more = f" ({len(used) - APPS_SHOWN} more apps)" if len(used) > APPS_SHOWN else ""
        return SafeString(lines + format_html('<div><a href="{}">All connections</a>{}</div>', link, more))

    # --- Changing it: by services only

    def save_model(self, request: HttpRequest, obj: Handle, form: ModelForm, change: bool) -> None:
        handles.save(obj, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: Handle) -> None:
        handles.remove(obj, **by_and_now(request))

    def save_formset(self, request: HttpRequest, form: ModelForm, formset: Any, change: bool) -> None:
        """A membership is kept by its handle's page only."""
        facts = by_and_now(request)
        formset.save(commit=False)
        for seat in formset.deleted_objects:
            seats.remove(seat, **facts)
        for seat in [*(each for each, _ in formset.changed_objects), *formset.new_objects]:
            seats.save(seat, **facts)


@admin.register(Invitation)
class InvitationAdmin(RecordedAdmin):
    """Read only: people of the handle invite. Revoking ends what is open."""

    list_display = ("handle", "role", "addressee", "made_by", "created_at", "expires_at", "uses", "ending")
    list_filter = ("ending", "role")
    list_select_related = ("handle", "made_by")
    search_fields = ("handle__slug", "email", "made_by__email")
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    @admin.display(description="for")
    def addressee(self, row: Invitation) -> str:
        return row.email or "whoever holds the link"

    @admin.action(description="Revoke selected invitations", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        rows = queryset.filter(ended_at=None).select_related("handle")[:ACT_AT_ONCE_MAX]
        ended = sum(invitations.revoke(row, actor=Actor.ADMINISTRATOR, **by_and_now(request)) for row in rows)
        self.message_user(request, f"{ended} invitations were revoked.")
