"""What several admin pages share: rows that cannot be edited, secrets that are shown once."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Form, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts.models import User

PREVIEW = 20  # how many rows a page names before an act on many


def ask_first(
    model_admin: admin.ModelAdmin, request: HttpRequest, template: str, *, rows: QuerySet, form: Form, **facts: object
) -> HttpResponse:
    """Return the page between an action and its act: how many rows, which ones, the form that asks why."""
    count = rows.count()
    context = model_admin.admin_site.each_context(request) | {
        "opts": model_admin.opts,
        "form": form,
        "count": count,
        "preview": rows[:PREVIEW],
        "more": max(0, count - PREVIEW),
        "action": request.POST.get("action"),
        "selected": request.POST.getlist("_selected_action"),
        "select_across": request.POST.get("select_across", "0"),
    }
    return render(request, template, context | facts)


def by_and_now(request: HttpRequest) -> dict[str, Any]:
    """Return who acts and when, as the services take it."""
    return {"by": request.user, "now": timezone.now()}


class RecordedAdmin(admin.ModelAdmin):
    """Rows that access rests on: saved and removed by services only, so that each change is recorded and told."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for row in queryset:
            self.delete_model(request, row)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at, never typed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HiddenAdmin(ReadOnlyAdmin):
    """Codes and tokens: django-oauth-toolkit registers them, nobody sees them. A connection is what is managed."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SecretAdmin(admin.ModelAdmin):
    """Rows with a secret of ours: made when the row is added, renewed on a page of its own, shown that once."""

    def renew(self, row: Any, by: User) -> str | None:
        """Give the row a new secret and return it; None where it has none to have."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_secret"
        own = path("<path:object_id>/secret/", self.admin_site.admin_view(self.secret_view), name=name)
        return [own, *super().get_urls()]

    def secret_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first, then show the new secret."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, row, "admin/secret_confirm.html", {})
        return self.show_secret(request, row)

    def show_secret(self, request: HttpRequest, row: Model) -> HttpResponse:
        secret = self.renew(row, request.user)  # type: ignore[arg-type]
        if secret is None:
            self.message_user(request, "This row has no secret: it is a public client.", "WARNING")
            return super().response_add(request, row)
        response = self._page(request, row, "admin/secret_once.html", {"secret": secret})
        response["Cache-Control"] = "no-store"
        return response

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_secret(request, obj)

    def _page(self, request: HttpRequest, row: Any, template: str, extra: dict[str, object]) -> HttpResponse:
        change = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "original": row,
            "identifier": getattr(row, "client_id", row.pk),
            "change_url": change,
            "title": str(row),
        }
        return render(request, template, context | extra)
