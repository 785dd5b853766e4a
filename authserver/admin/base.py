"""What several admin pages share: rows that cannot be edited, rows that services keep, secrets that are shown once."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.messages import ERROR, WARNING
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from accounts.models import User
from authserver import policy
from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.reasons import REASON, ReasonedAdmin, ReasonForm
from authserver.services import events


def by_and_now(request: HttpRequest) -> dict[str, Any]:
    """Return who acts and when, as the services take it."""
    return {"by": request.user, "now": timezone.now()}


class RecordedAdmin(ReasonedAdmin, ActingAdmin):
    """Rows that access rests on: saved and removed by services only, so that each change is recorded, with its reason,
    and told."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def get_actions(self, request: HttpRequest) -> Any:
        """Django's own removal of many rows asks for no reason: ours stands in its place."""
        found: dict[str, Any] = super().get_actions(request)  # type: ignore[assignment]
        if "delete_selected" in found:
            found["delete_selected"] = (_remove_selected, "delete_selected", gettext_lazy("Remove selected"))
        return found

    def remove_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Ask why, then remove these rows, unless one of them has something that must stay."""
        _shown, _counts, lacking, kept = self.get_deleted_objects(rows, request)
        if lacking or kept:
            said = _("Nothing was removed: some of these are in use. Suspend or deactivate them instead.")
            self.message_user(request, said, ERROR)
            return None

        def run(row: Any, why: Why) -> bool:
            self.delete_model(request, row)
            return True

        return self.act_on(request, removal(run), rows.order_by("pk"))


def _remove_selected(model_admin: RecordedAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    return model_admin.remove_selected(request, rows)


def removal(run: Any) -> Act:
    return Act(
        title=gettext_lazy("Remove"),
        button=gettext_lazy("Remove"),
        word="REMOVE",
        effect=ngettext_lazy(
            "%(count)s row will be removed, with all that hangs on it. This cannot be undone.",
            "%(count)s rows will be removed, with all that hangs on them. This cannot be undone.",
            "count",
        ),
        done=ngettext_lazy("%(done)s of %(count)s row removed.", "%(done)s of %(count)s rows removed.", "count"),
        nothing=gettext_lazy("There is nothing to remove."),
        run=run,
        tell=lambda row: SafeString(format_html("<bdi>{}</bdi>", row)),
    )


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


# --- Secrets

End = Callable[..., bool]
EFFECT = ngettext_lazy(
    "The secret before the one in use stops working at once, for %(count)s row. Who still uses it is refused.",
    "The secrets before the ones in use stop working at once, for %(count)s rows. Who still uses them is refused.",
    "count",
)


def ending(end: End) -> Act:
    """Return the act that ends the former secret of a row by this service."""
    return Act(
        title=gettext_lazy("End the former secret"),
        button=gettext_lazy("End it now"),
        word="END",
        effect=EFFECT,
        done=ngettext_lazy(
            "%(done)s of %(count)s former secret ended.", "%(done)s of %(count)s former secrets ended.", "count"
        ),
        nothing=gettext_lazy("None of these has a former secret that works."),
        run=lambda row, why: end(row, by=why.by, now=why.now),
        tell=lambda row: format_html("<bdi>{}</bdi>", row),
    )


class FormerSecrets(ActingAdmin):
    """The action that ends former secrets, in the list and on the page of a row that has one."""

    actions: tuple[str, ...] = ("end_former_selected",)
    page_acts = actions

    def end_former(self, row: Any, *, by: User, now: datetime) -> bool:
        """End the former secret of a row by its service; return whether it still worked."""
        raise NotImplementedError

    def acts_for(self, row: Any) -> tuple[str, ...]:
        until = row.previous_secret_expires_at
        return ("end_former_selected",) if until and until > timezone.now() else ()

    @admin.action(description=gettext_lazy("End the former secret"), permissions=["change"])
    def end_former_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        rows = queryset.filter(previous_secret_expires_at__gt=timezone.now())
        return self.act_on(request, ending(self.end_former), rows)


class SecretAdmin(FormerSecrets, RecordedAdmin):
    """Rows with a secret of ours: made when the row is added, renewed on a page of its own, shown that once."""

    secret_effect: Any = ngettext_lazy(
        "The old one works on for %(count)s day.", "The old one works on for %(count)s days.", "count"
    ) % {"count": policy.SECRET_OVERLAP.days}

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
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(request, row, "admin/secret_confirm.html", {"form": form, "effect": self.secret_effect})
        with events.because(form.cleaned_data[REASON]):
            return self.show_secret(request, row)

    def show_secret(self, request: HttpRequest, row: Model) -> HttpResponse:
        secret = self.renew(row, request.user)  # type: ignore[arg-type]
        if secret is None:
            self.message_user(request, _("This row has no secret: it is a public client."), WARNING)
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
