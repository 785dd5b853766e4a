"""What handles say of clients, to be read; and an administrator's word on clients, for every handle."""

from collections.abc import Callable

from django import forms
from django.contrib import admin
from django.contrib.messages import SUCCESS
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from authserver.admin.base import ReadOnlyAdmin, ask_first
from authserver.models import Client, ClientPolicy, ClientRule
from authserver.services.governance import decisions

Act = Callable[..., bool]


@admin.register(ClientPolicy)
class ClientPolicyAdmin(ReadOnlyAdmin):
    """Handles without a row let every client in."""

    list_display = ("handle", "mode")
    list_filter = ("mode",)
    list_select_related = ("handle",)
    search_fields = ("handle__slug",)


@admin.register(ClientRule)
class ClientRuleAdmin(ReadOnlyAdmin):
    list_display = ("client_name", "handle", "decision", "kind", "value", "asked_by", "created_at", "decided_at")
    list_filter = ("decision", "kind")
    list_select_related = ("handle", "asked_by")
    search_fields = ("client_name", "value", "handle__slug")
    show_full_result_count = False


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, label="Reason", help_text="Kept in the events.")


class ClientActions(admin.ModelAdmin):
    """Block or verify several clients at once, with a reason. Each has its event."""

    actions = ("block_selected", "verify_selected")

    @admin.action(description="Block selected clients", permissions=["change"])
    def block_selected(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        effect = "Every connection of these clients is refused from the next request on, and nobody can connect them."
        return self._judge(request, queryset.filter(is_active=True), decisions.block, verb="Block", effect=effect)

    @admin.action(description="Mark selected clients verified", permissions=["change"])
    def verify_selected(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        effect = "The consent page will say that the people who run this server have checked who is behind them."
        return self._judge(
            request, queryset.filter(is_verified=False), decisions.verify, verb="Mark verified", effect=effect
        )

    def _judge(
        self, request: HttpRequest, rows: QuerySet[Client], act: Act, *, verb: str, effect: str
    ) -> HttpResponse | None:
        """Show how many and which, ask why, then judge them one by one."""
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            facts = {"title": f"{verb}: clients", "verb": verb, "effect": effect}
            return ask_first(self, request, "admin/judge_clients.html", rows=rows, form=form, **facts)
        note = form.cleaned_data["reason"]
        done = sum(act(client, by=request.user, note=note) for client in rows)
        link = reverse("admin:authserver_event_changelist")
        clients = "1 client" if done == 1 else f"{done} clients"
        text = '{}: {}. <a href="{}">See the events</a>.'
        self.message_user(request, format_html(text, verb, clients, link), SUCCESS)
        return None
