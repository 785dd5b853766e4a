"""What administrators do about many connections at once."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.client_acts import BLOCK, refused_by
from authserver.models import Client, Connection
from authserver.services import connections, receipts
from authserver.services.connections import EndReason, PausedBy


def _revoke(row: Connection, why: Why) -> bool:
    return connections.revoke(row, reason=EndReason.ADMINISTRATOR, now=why.now, by=why.by, note=why.note)


def _pause(row: Connection, why: Why) -> bool:
    return connections.pause(row, who=PausedBy.ADMINISTRATOR, by=why.by, now=why.now, note=why.note)


def _resume(row: Connection, why: Why) -> bool:
    return connections.resume(row, who=PausedBy.ADMINISTRATOR, by=why.by, now=why.now, note=why.note)


def _tell(row: Connection) -> SafeString:
    named = {"client": row.client.name, "handle": row.handle.slug, "person": row.user.email}
    text = _("<bdi>{client}</bdi> on <bdi>@{handle}</bdi>, of <bdi>{person}</bdi>")
    paused = f" ({row.get_paused_by_display()})" if row.paused_by else ""
    return SafeString(format_html(text, **named) + format_html("{}", paused))


OURS = (PausedBy.ADMINISTRATOR, PausedBy.HANDLE_ADMIN)  # whose pauses an administrator may end

REVOKE = Act(
    title=gettext_lazy("Revoke connections"),
    button=gettext_lazy("Revoke"),
    word="REVOKE",
    effect=ngettext_lazy(
        "%(count)s live connection will end. Every credential of it is refused from the next request on; this cannot "
        "be undone.",
        "%(count)s live connections will end. Every credential of theirs is refused from the next request on; this "
        "cannot be undone.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s connection ended; its next request is refused.",
        "%(done)s of %(count)s connections ended; the next request of each is refused.",
        "count",
    ),
    nothing=gettext_lazy("None of these connections is live. There is nothing to end."),
    run=_revoke,
    tell=_tell,
    after=receipts.sentence,
)
PAUSE = Act(
    title=gettext_lazy("Pause connections"),
    button=gettext_lazy("Pause"),
    word="PAUSE",
    effect=ngettext_lazy(
        "%(count)s live connection will be paused. Every credential of it is refused from the next request on and "
        "kept; only an administrator can resume it.",
        "%(count)s live connections will be paused. Every credential of theirs is refused from the next request on "
        "and kept; only an administrator can resume them.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s connection paused; its next request is refused.",
        "%(done)s of %(count)s connections paused; the next request of each is refused.",
        "count",
    ),
    nothing=gettext_lazy("None of these connections is live and not paused by an administrator already."),
    run=_pause,
    tell=_tell,
)
RESUME = Act(
    title=gettext_lazy("Resume connections"),
    button=gettext_lazy("Resume"),
    word="RESUME",
    effect=ngettext_lazy(
        "%(count)s paused connection will be resumed. Its credentials work again from the next request on, except "
        "where the person paused it too: that pause is theirs to end.",
        "%(count)s paused connections will be resumed. Their credentials work again from the next request on, except "
        "where the person paused them too: that pause is theirs to end.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s connection resumed.", "%(done)s of %(count)s connections resumed.", "count"
    ),
    nothing=gettext_lazy("None of these connections is paused by an administrator or an admin of its handle."),
    run=_resume,
    tell=_tell,
)


class ConnectionActs(ActingAdmin):
    """The actions of the list of connections."""

    actions = (
        "revoke_selected",
        "revoke_all_of_person",
        "revoke_all_of_client",
        "revoke_all_of_handle",
        "pause_selected",
        "resume_selected",
        "block_client",
    )
    page_acts = ("revoke_selected", "pause_selected", "resume_selected")

    def acts_for(self, row: Connection) -> tuple[str, ...]:
        if not row.is_live:
            return ()
        return ("revoke_selected", "resume_selected" if row.paused_by in OURS else "pause_selected")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.delete_connection")

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.change_client")

    @admin.action(description=gettext_lazy("Revoke selected"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, REVOKE, _live(queryset))

    @admin.action(description=gettext_lazy("Revoke all of these people"), permissions=["revoke"])
    def revoke_all_of_person(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, REVOKE, _live(Connection.objects.filter(user__in=_each(queryset, "user"))))

    @admin.action(description=gettext_lazy("Revoke all of these clients"), permissions=["revoke"])
    def revoke_all_of_client(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, REVOKE, _live(Connection.objects.filter(client__in=_each(queryset, "client"))))

    @admin.action(description=gettext_lazy("Revoke all of these handles"), permissions=["revoke"])
    def revoke_all_of_handle(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, REVOKE, _live(Connection.objects.filter(handle__in=_each(queryset, "handle"))))

    @admin.action(description=gettext_lazy("Pause selected"), permissions=["revoke"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, PAUSE, _live(queryset).exclude(paused_by=PausedBy.ADMINISTRATOR))

    @admin.action(description=gettext_lazy("Resume selected"), permissions=["revoke"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self.act_on(request, RESUME, _live(queryset).filter(paused_by__in=OURS))

    @admin.action(description=gettext_lazy("Block the clients of selected"), permissions=["block"])
    def block_client(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        found = Client.objects.filter(pk__in=_each(queryset, "client"), is_active=True)
        return self.act_on(request, BLOCK, found.order_by("-pk"), notes=[refused_by(found)])


def _live(rows: QuerySet[Connection]) -> QuerySet[Connection]:
    return rows.filter(ended_at=None).select_related("user", "client", "handle").order_by("-created_at", "-pk")


def _each(rows: QuerySet[Connection], field: str) -> QuerySet:
    return rows.order_by().values(field)
