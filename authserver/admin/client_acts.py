"""An administrator's word on clients, for every handle: several at once, with a reason. Each has its event."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from authserver.admin.acting import Act, Why
from authserver.admin.base import FormerSecrets
from authserver.models import Client, Connection
from authserver.services.governance import decisions


def _block(row: Client, why: Why) -> bool:
    return decisions.block(row, by=why.by, note=why.note)


def _unblock(row: Client, why: Why) -> bool:
    return decisions.unblock(row, by=why.by, note=why.note)


def _verify(row: Client, why: Why) -> bool:
    return decisions.verify(row, by=why.by, note=why.note)


def _tell(row: Client) -> SafeString:
    return format_html("<bdi>{}</bdi>, <code>{}</code>", row.name, row.client_id)


BLOCK = Act(
    title=gettext_lazy("Block clients"),
    button=gettext_lazy("Block"),
    word="BLOCK",
    effect=ngettext_lazy(
        "%(count)s client will be blocked everywhere. Every connection of it is refused from the next request on, "
        "whoever allowed it, and nobody can connect it.",
        "%(count)s clients will be blocked everywhere. Every connection of theirs is refused from the next request "
        "on, whoever allowed them, and nobody can connect them.",
        "count",
    ),
    done=ngettext_lazy("%(done)s of %(count)s client blocked.", "%(done)s of %(count)s clients blocked.", "count"),
    nothing=gettext_lazy("These clients are blocked already."),
    run=_block,
    tell=_tell,
)
UNBLOCK = Act(
    title=gettext_lazy("Let clients in again"),
    button=gettext_lazy("Let in again"),
    word="UNBLOCK",
    effect=ngettext_lazy(
        "%(count)s client will be let in again. Its connections that did not end work from the next request on.",
        "%(count)s clients will be let in again. Their connections that did not end work from the next request on.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s client let in again.", "%(done)s of %(count)s clients let in again.", "count"
    ),
    nothing=gettext_lazy("None of these clients is blocked."),
    run=_unblock,
    tell=_tell,
)
VERIFY = Act(
    title=gettext_lazy("Mark clients verified"),
    button=gettext_lazy("Mark verified"),
    word="VERIFY",
    effect=ngettext_lazy(
        "%(count)s client will be shown as verified: the consent page says that the people who run this server have "
        "checked who is behind it.",
        "%(count)s clients will be shown as verified: the consent page says that the people who run this server have "
        "checked who is behind them.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s client marked verified.", "%(done)s of %(count)s clients marked verified.", "count"
    ),
    nothing=gettext_lazy("These clients are verified already."),
    run=_verify,
    tell=_tell,
)


class ClientActs(FormerSecrets):
    """The actions of the list of clients."""

    actions = ("block_selected", "unblock_selected", "verify_selected", "end_former_selected")
    page_acts = actions

    def acts_for(self, row: Client) -> tuple[str, ...]:
        judged = "block_selected" if row.is_active else "unblock_selected"
        verifying = () if row.is_verified else ("verify_selected",)
        return (judged, *verifying, *super().acts_for(row))

    @admin.action(description=gettext_lazy("Block client"), permissions=["change"])
    def block_selected(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        rows = queryset.filter(is_active=True)
        return self.act_on(request, BLOCK, rows, notes=[refused_by(rows)])

    @admin.action(description=gettext_lazy("Let in again"), permissions=["change"])
    def unblock_selected(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        return self.act_on(request, UNBLOCK, queryset.filter(is_active=False))

    @admin.action(description=gettext_lazy("Mark verified"), permissions=["change"])
    def verify_selected(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        return self.act_on(request, VERIFY, queryset.filter(is_verified=False))


def refused_by(clients: QuerySet[Client]) -> str:
    """Return how many live connections a block of these clients refuses, as a sentence."""
    touched = Connection.objects.filter(client__in=clients.order_by().values("pk"), ended_at=None).count()
    texts = "%(count)s live connection is refused by it.", "%(count)s live connections are refused by it."
    return ngettext(*texts, touched) % {"count": touched}
