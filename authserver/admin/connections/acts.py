"""What administrators do about many connections at once: each act on a page in between that says how many, names the
first of them and asks why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.messages import SUCCESS, WARNING
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.models import User
from authserver import policy
from authserver.admin.base import ask_first
from authserver.models import Client, Connection
from authserver.services import connections, receipts
from authserver.services.connections import EndReason, PausedBy
from authserver.services.governance import decisions

TYPED_ABOVE = 20  # from here on a count has to be typed, so that nobody ends hundreds by a slip


@dataclass(frozen=True)
class Why:
    """Who acts, when, and the reason that they gave."""

    by: User
    now: datetime
    note: str


@dataclass(frozen=True)
class Act:
    """One act on many rows. `run` acts on one row and tells whether that changed anything."""

    verb: str
    noun: str
    effect: str
    done: str
    nothing: str
    run: Callable[[Any, Why], bool]


def _revoke(row: Connection, why: Why) -> bool:
    return connections.revoke(row, reason=EndReason.ADMINISTRATOR, now=why.now, by=why.by, note=why.note)


def _pause(row: Connection, why: Why) -> bool:
    return connections.pause(row, who=PausedBy.ADMINISTRATOR, by=why.by, now=why.now, note=why.note)


def _resume(row: Connection, why: Why) -> bool:
    return connections.resume(row, who=PausedBy.ADMINISTRATOR, by=why.by, now=why.now, note=why.note)


def _block(row: Client, why: Why) -> bool:
    return decisions.block(row, by=why.by, note=why.note)


OURS = (PausedBy.ADMINISTRATOR, PausedBy.HANDLE_ADMIN)  # whose pauses an administrator may end

REVOKE = Act(
    verb="Revoke",
    noun="live connection",
    effect="will end. Every credential of theirs is refused from the next request on; this cannot be undone.",
    done="ended; the next request of each is refused",
    nothing="None of these connections is live. There is nothing to end.",
    run=_revoke,
)
PAUSE = Act(
    verb="Pause",
    noun="live connection",
    effect="will be paused. Every credential of theirs is refused from the next request on and kept; only an "
    "administrator can resume them.",
    done="paused; the next request of each is refused",
    nothing="None of these connections is live and not paused by an administrator already.",
    run=_pause,
)
RESUME = Act(
    verb="Resume",
    noun="paused connection",
    effect="will be resumed. Their credentials work again from the next request on, except where the person paused "
    "them too: that pause is theirs to end.",
    done="resumed",
    nothing="None of these connections is paused by an administrator or an admin of its handle.",
    run=_resume,
)
BLOCK = Act(
    verb="Block",
    noun="client",
    effect="will be blocked everywhere. Every connection of theirs is refused from the next request on, other people's "
    "too, and nobody can connect them.",
    done="blocked",
    nothing="These clients are blocked already.",
    run=_block,
)


class ActForm(forms.Form):
    """Why, and for many rows the typed confirmation. `count` is what the page said: a list that changed since is shown
    again."""

    reason = forms.CharField(max_length=200, label="Reason", help_text="Kept in the events.")
    confirmation = forms.CharField(required=False)
    count = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, posted: dict[str, str] | None, *, act: Act, count: int) -> None:
        self.has_changed_meanwhile = (posted or {}).get("count", str(count)) != str(count)
        super().__init__(posted and posted | {"count": str(count)}, initial={"count": count})
        self.phrase = f"{act.verb.upper()} {count}" if count > TYPED_ABOVE else ""
        if not self.phrase:
            del self.fields["confirmation"]
        else:
            self.fields["confirmation"].label = f"Type {self.phrase} to confirm"

    def clean_confirmation(self) -> str:
        typed = self.cleaned_data["confirmation"]
        if typed != self.phrase:
            raise forms.ValidationError(f"Type {self.phrase}, exactly.")
        return typed

    def clean(self) -> None:
        if self.has_changed_meanwhile:
            raise forms.ValidationError("The list changed while you read it. Look at it again.")


class ConnectionActs(admin.ModelAdmin):
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

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.delete_connection")

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.change_client")

    @admin.action(description="Revoke selected", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, REVOKE, _live(queryset))

    @admin.action(description="Revoke all of these people", permissions=["revoke"])
    def revoke_all_of_person(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, REVOKE, _live(Connection.objects.filter(user__in=_each(queryset, "user"))))

    @admin.action(description="Revoke all of these clients", permissions=["revoke"])
    def revoke_all_of_client(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, REVOKE, _live(Connection.objects.filter(client__in=_each(queryset, "client"))))

    @admin.action(description="Revoke all of these handles", permissions=["revoke"])
    def revoke_all_of_handle(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, REVOKE, _live(Connection.objects.filter(handle__in=_each(queryset, "handle"))))

    @admin.action(description="Pause selected", permissions=["revoke"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, PAUSE, _live(queryset).exclude(paused_by=PausedBy.ADMINISTRATOR))

    @admin.action(description="Resume selected", permissions=["revoke"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        return self._do(request, RESUME, _live(queryset).filter(paused_by__in=OURS))

    @admin.action(description="Block the clients of selected", permissions=["block"])
    def block_client(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        found = Client.objects.filter(pk__in=_each(queryset, "client"), is_active=True)
        touched = Connection.objects.filter(client__in=found, ended_at=None).count()
        return self._do(request, BLOCK, found.order_by("-pk"), touched=touched)

    def _do(self, request: HttpRequest, act: Act, rows: QuerySet, **facts: object) -> HttpResponse | None:
        """Show how many and which, ask why, then act on them one by one, policy.ENDED_AT_ONCE_MAX at the most."""
        count = rows.count()
        form = ActForm(request.POST.dict() if "reason" in request.POST else None, act=act, count=count)
        if not count or not form.is_valid():
            shown = {"title": f"{act.verb} {act.noun}s", "act": act, "at_once": min(count, policy.ENDED_AT_ONCE_MAX)}
            return ask_first(self, request, "admin/act_on_connections.html", rows=rows, form=form, **shown, **facts)
        why = Why(request.user, timezone.now(), form.cleaned_data["reason"])  # type: ignore[arg-type]
        batch = list(rows[: policy.ENDED_AT_ONCE_MAX])
        done = sum(act.run(row, why) for row in batch)
        heard = f" {receipts.sentence(batch)}" if act is REVOKE and done else ""
        self._say(request, act, done=done, count=count, left=count - len(batch), heard=heard)
        return None

    def _say(self, request: HttpRequest, act: Act, *, done: int, count: int, left: int, heard: str) -> None:
        """Say what happened, which servers confirmed it, with a link to the events of this very request."""
        plain = f"{act.noun.split()[-1]}s"
        link = f"{reverse('admin:authserver_event_changelist')}?q={request.request_id}"  # type: ignore[attr-defined]
        rest = f" {left} are left: choose the action again." if left else ""
        text = '{} of {} {} {}.{}{} <a href="{}">See the events</a>.'
        self.message_user(
            request, format_html(text, done, count, plain, act.done, rest, heard, link), WARNING if left else SUCCESS
        )


def _live(rows: QuerySet[Connection]) -> QuerySet[Connection]:
    return rows.filter(ended_at=None).select_related("user", "client", "handle").order_by("-created_at", "-pk")


def _each(rows: QuerySet[Connection], field: str) -> QuerySet:
    return rows.order_by().values(field)
