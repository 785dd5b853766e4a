"""Why an administrator does something: asked on every form that changes a row, kept in the events of what it did."""

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.messages import ERROR
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authserver.services import events

REASON = "reason"
REASON_LENGTH_MAX = 200


def reason_field() -> forms.CharField:
    return forms.CharField(
        max_length=REASON_LENGTH_MAX,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Kept in the events."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )


class ReasonForm(forms.Form):
    reason = reason_field()


class ReasonedForm(forms.ModelForm):
    """A form of the admin that asks why. The reason is no field of the row, so it is never named as changed."""

    reason = reason_field()

    @cached_property
    def changed_data(self) -> list[str]:  # type: ignore[override]
        return [name for name in super().changed_data if name != REASON]


def given(request: HttpRequest) -> str:
    """Return the reason that was posted, or nothing."""
    return request.POST.get(REASON, "").strip()[:REASON_LENGTH_MAX]


class ReasonedAdmin(admin.ModelAdmin):
    """Asks for a reason below every form and before every removal."""

    form = ReasonedForm
    delete_confirmation_template = "admin/delete_with_reason.html"

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        rest = [
            (title, dict(options) | {"fields": [name for name in options["fields"] if name != REASON]})
            for title, options in super().get_fieldsets(request, obj)
        ]
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [*rest, (None, {"fields": (REASON,)})] if may else rest

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        with events.because(given(request)):
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and not given(request):
            self.message_user(request, _("Nothing was removed: say why first."), ERROR)
            return HttpResponseRedirect(request.path)
        with events.because(given(request)):
            context = {"asked": ReasonForm()} | (extra_context or {})
            return super().delete_view(request, object_id, context)
