"""Personal access tokens: found, looked at, revoked. People make them for themselves, and no page shows one again."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from authserver import policy
from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import HandleFilter, LargeAdmin, is_id
from authserver.admin.searching import found_among
from authserver.models import PersonalAccessToken
from authserver.services import personal_tokens

HASH_ID_LENGTH = 32


def _revoke(row: PersonalAccessToken, why: Why) -> bool:
    return personal_tokens.revoke(row, by=why.by, now=why.now)


def _tell(row: PersonalAccessToken) -> SafeString:
    text = _("<bdi>{name}</bdi> on <bdi>@{handle}</bdi>, of <bdi>{person}</bdi>")
    return format_html(text, name=row.name, handle=row.handle.slug, person=row.user.email)


REVOKE = Act(
    title=gettext_lazy("Revoke personal access tokens"),
    button=gettext_lazy("Revoke"),
    word="REVOKE",
    effect=ngettext_lazy(
        "%(count)s token will end: it is refused from the next request on. This cannot be undone.",
        "%(count)s tokens will end: they are refused from the next request on. This cannot be undone.",
        "count",
    ),
    done=ngettext_lazy("%(done)s of %(count)s token ended.", "%(done)s of %(count)s tokens ended.", "count"),
    nothing=gettext_lazy("All of these tokens were revoked already."),
    run=_revoke,
    tell=_tell,
)


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("Live")), ("expired", _("Expired")), ("ended", _("Revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PersonalAccessToken]) -> QuerySet[PersonalAccessToken]:
        now = timezone.now()
        found = {
            "live": Q(ended_at=None, expires_at__gt=now),
            "expired": Q(ended_at=None, expires_at__lte=now),
            "ended": Q(ended_at__isnull=False),
        }
        return queryset.filter(found.get(self.value() or "", Q()))


@admin.register(PersonalAccessToken)
class PersonalAccessTokenAdmin(ActingAdmin, LargeAdmin, ReadOnlyAdmin):
    list_display = ("name", "user", "handle", "token", "scopes", "created_at", "last_used_at", "expires_at", "status")
    list_filter = (StatusFilter, HandleFilter)
    list_select_related = ("user", "handle")
    begin_fields = ("user__email", "handle__slug")
    search_help_text = gettext_lazy("How an e-mail address or a handle begins, or the whole id of a token.")
    sortable_by = ("created_at",)
    fields = ("id", *list_display[:4], "hash_id", *list_display[4:])
    actions = ("revoke_selected",)
    page_acts = actions

    def acts_for(self, row: PersonalAccessToken) -> tuple[str, ...]:
        return () if row.ended_at else self.page_acts

    def found_by(self, term: str) -> Q:
        return is_id("id", term, of=PersonalAccessToken) | found_among(term, people="user", handles="handle")

    @admin.display(description=gettext_lazy("token"))
    def token(self, row: PersonalAccessToken) -> str:
        return format_html("<code>{}…{}</code>", policy.PERSONAL_ACCESS_TOKEN_PREFIX, row.hint)

    @admin.display(description=gettext_lazy("hash id"))
    def hash_id(self, row: PersonalAccessToken) -> str:
        return format_html("<code>{}</code>", bytes(row.digest).hex()[:HASH_ID_LENGTH])

    @admin.display(description=gettext_lazy("status"))
    def status(self, row: PersonalAccessToken) -> str:
        if row.ended_at:
            return _("Revoked")
        return _("Live") if row.expires_at > timezone.now() else _("Expired")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.delete_personalaccesstoken")

    @admin.action(description=gettext_lazy("Revoke selected"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[PersonalAccessToken]) -> HttpResponse | None:
        rows = queryset.filter(ended_at=None).select_related("user", "handle").order_by("-created_at", "-pk")
        return self.act_on(request, REVOKE, rows)
