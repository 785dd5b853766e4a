"""The admin itself: Django's, with a first page that says what is going on.

Not in the package of its pages: those register with it while it is made.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from authserver.services.operations.dashboard import dashboard

# Their pages change rows without an event, and some show tokens. What administrators need of them has pages of ours.
LEFT_OUT = "allauth."


class Site(admin.AdminSite):
    def register(self, model_or_iterable: Any, admin_class: type[Any] | None = None, **options: Any) -> None:
        if admin_class is None or not admin_class.__module__.startswith(LEFT_OUT):
            super().register(model_or_iterable, admin_class, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show numbers above the tables to those who may look at events."""
        shown = dashboard(now=timezone.now()) if request.user.has_perm("authserver.view_event") else None
        return super().index(request, {"dashboard": shown} | (extra_context or {}))
