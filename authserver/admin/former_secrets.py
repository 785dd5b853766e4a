"""Ending the former secret of a client, a resource server or an initial access token before its week is over."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext_lazy

from accounts.models import User
from authserver.admin.acting import Act, ActingAdmin

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
