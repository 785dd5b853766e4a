"""Handles and who belongs to them; what clients type, what is connected, which clients are let in."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.base import ReadOnlyAdmin, RecordedAdmin, by_and_now
from authserver.admin.lists import LargeAdmin
from authserver.admin.reasons import ReasonedForm
from authserver.admin.searching import found_among
from authserver.services import catalog
from authserver.services.events import Actor
from authserver.services.governance import client_list
from authserver.services.standing import handles, invitations, seats
from handles import access
from handles.models import Handle, Invitation, Membership

APPS_SHOWN = 20
MEMBERS_LISTED = 100  # above it they have a page of their own: a form takes a thousand fields


class SeatForm(forms.ModelForm):
    """A membership stays its person's: to give the seat to somebody else, remove it and add another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].disabled = bool(self.instance.pk)


class MembershipForm(SeatForm, ReasonedForm):
    """On a page of its own it asks why; among others below a handle, the handle's page asks."""


class MembershipInline(admin.TabularInline):
    model = Membership
    form = SeatForm
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Membership)
class MembershipAdmin(RecordedAdmin, LargeAdmin):
    """Where a handle has more members than its page lists."""

    form = MembershipForm
    list_display = ("user", "handle", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "handle")
    begin_fields = ("user__email", "handle__slug")
    search_help_text = gettext_lazy("How an e-mail address or a handle begins.")
    autocomplete_fields = ("user", "handle")
    ordering = ("-pk",)
    sortable_by = ()

    def found_by(self, term: str) -> Q:
        return found_among(term, people="user", handles="handle")

    def get_readonly_fields(self, request: object, obj: Membership | None = None) -> tuple[str, ...]:
        return ("handle",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Membership, form: ModelForm, change: bool) -> None:
        seats.save(obj, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        seats.remove(obj, **by_and_now(request))


@admin.register(Handle)
class HandleAdmin(RecordedAdmin, LargeAdmin):
    list_display = ("slug", "display_name", "visibility", "status", "created_at")
    list_filter = ("status", "visibility", "is_for_testing")
    begin_fields = ("slug",)
    contain_fields = ("display_name",)
    search_help_text = gettext_lazy("How a handle begins, a part of its display name, or a whole id.")
    sortable_by = ("slug",)
    readonly_fields = ("suspended_by", "created_at", "member_count", "addresses", "lets_in", "connected_apps")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "slug",
                    "display_name",
                    "visibility",
                    "status",
                    "suspended_by",
                    "is_for_testing",
                    "created_at",
                )
            },
        ),
        (gettext_lazy("Behind it"), {"fields": ("member_count", "addresses", "lets_in", "connected_apps")}),
    )
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: object, obj: Handle | None = None) -> tuple[str, ...]:
        """A handle is never renamed: its name stands in addresses that clients keep."""
        return ("slug", *self.readonly_fields) if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        facts = super().get_fieldsets(request, obj)
        return facts if obj else [facts[0], *facts[2:]]

    def get_inlines(self, request: HttpRequest, obj: Handle | None = None) -> Any:
        """List the members on the page only where a form can carry them."""
        return self.inlines if obj is None or access.count_members(obj) <= MEMBERS_LISTED else ()

    # --- What stands behind a handle

    @admin.display(description=gettext_lazy("members"))
    def member_count(self, row: Handle) -> str:
        link = reverse("admin:handles_membership_changelist") + "?" + urlencode({"q": row.slug})
        return format_html('{} · <a href="{}">{}</a>', access.count_members(row), link, _("Search them"))

    @admin.display(description=gettext_lazy("MCP addresses"))
    def addresses(self, row: Handle) -> str:
        return format_html_join(
            "", "<div><code>{}</code> {}</div>", [(uri, name) for name, uri in catalog.addresses_at(row)]
        )

    @admin.display(description=gettext_lazy("clients let in"))
    def lets_in(self, row: Handle) -> str:
        rules = reverse("admin:authserver_clientrule_changelist") + "?" + urlencode({"q": row.slug})
        return format_html('{} · <a href="{}">{}</a>', client_list.mode_at(row).label, rules, _("Its rules"))

    @admin.display(description=gettext_lazy("connected apps"))
    def connected_apps(self, row: Handle) -> str:
        used = [each for each in client_list.listed_at(row) if each.use.connections]
        used.sort(key=lambda each: -each.use.connections)
        link = reverse("admin:authserver_connection_changelist") + "?" + urlencode({"handle": row.slug})
        facts = [
            {"client": each.name, "connections": each.use.connections, "people": each.use.people}
            for each in used[:APPS_SHOWN]
        ]
        said = _("{client}: {connections} live connections, of {people} people")
        lines = format_html_join("", f"<div>{said}</div>", facts)
        left = max(0, len(used) - APPS_SHOWN)
        more = ngettext("%(count)s more app.", "%(count)s more apps.", left) % {"count": left} if left else ""
        return SafeString(lines + format_html('<div>{} <a href="{}">{}</a></div>', more, link, _("All connections")))

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
        for seat in [*(each for each, _names in formset.changed_objects), *formset.new_objects]:
            seats.save(seat, **facts)


def _revoke(row: Invitation, why: Why) -> bool:
    return invitations.revoke(row, by=why.by, now=why.now, actor=Actor.ADMINISTRATOR)


def _tell(row: Invitation) -> SafeString:
    return format_html("<bdi>@{}</bdi>: <bdi>{}</bdi>", row.handle.slug, row.email or _("whoever holds the link"))


REVOKE = Act(
    title=gettext_lazy("Revoke invitations"),
    button=gettext_lazy("Revoke"),
    word="REVOKE",
    effect=ngettext_lazy(
        "%(count)s invitation ends: it can no longer be accepted.",
        "%(count)s invitations end: they can no longer be accepted.",
        "count",
    ),
    done=ngettext_lazy("%(done)s of %(count)s invitation ended.", "%(done)s of %(count)s invitations ended.", "count"),
    nothing=gettext_lazy("All of these invitations ended already."),
    run=_revoke,
    tell=_tell,
)


@admin.register(Invitation)
class InvitationAdmin(ActingAdmin, LargeAdmin, ReadOnlyAdmin):
    """People of the handle invite; an administrator ends what is open."""

    list_display = ("handle", "role", "addressee", "made_by", "created_at", "expires_at", "uses", "ending")
    list_filter = ("ending", "role")
    list_select_related = ("handle", "made_by")
    begin_fields = ("handle__slug", "email")
    search_help_text = gettext_lazy("How a handle or an e-mail address begins.")
    sortable_by = ()
    fields = list_display
    actions = ("revoke_selected",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("handles.delete_invitation")  # type: ignore[union-attr]

    @admin.display(description=gettext_lazy("for"))
    def addressee(self, row: Invitation) -> str:
        return row.email or _("whoever holds the link")

    @admin.action(description=gettext_lazy("Revoke selected"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse | None:
        rows = queryset.filter(ended_at=None).select_related("handle").order_by("-created_at", "-pk")
        return self.act_on(request, REVOKE, rows)
