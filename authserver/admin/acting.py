"""What administrators do about many rows at once: each act on a page in between that says how many, names the first of
them and asks why. The message after it says what happened, with a link to the events."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.messages import SUCCESS, WARNING
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from authserver import policy
from authserver.admin.reasons import reason_field
from authserver.services import events

PREVIEW = 20  # how many rows a page names before an act on many
TYPED_ABOVE = 20  # from here on a count has to be typed, so that nobody ends hundreds by a slip
Text = str | Promise


@dataclass(frozen=True)
class Why:
    """Who acts, when, and the reason that they gave."""

    by: User
    now: datetime
    note: str


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act on many rows. `run` acts on one row and tells whether that changed anything; `tell` names a row.

    `effect` is a sentence with %(count)s, `done` one with %(done)s and %(count)s, each in the plural that fits the
    count. `word` is typed to confirm, and stays English. `after` adds a sentence to what happened.
    """

    title: Text
    button: Text
    word: str
    effect: Any
    done: Any
    nothing: Text
    run: Callable[[Any, Why], bool]
    tell: Callable[[Any], SafeString]
    after: Callable[[Collection[Any]], str] = field(default=lambda rows: "")


class ActForm(forms.Form):
    """Why, and for many rows the typed confirmation. `count` is what the page said: a list that changed since is shown
    again."""

    reason = reason_field()
    confirmation = forms.CharField(required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    count = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, posted: dict[str, str] | None, *, act: Act, count: int) -> None:
        self.has_changed_meanwhile = (posted or {}).get("count", str(count)) != str(count)
        super().__init__(posted and posted | {"count": str(count)}, initial={"count": count})
        self.phrase = f"{act.word} {count}" if count > TYPED_ABOVE else ""
        if not self.phrase:
            del self.fields["confirmation"]
        else:
            self.fields["confirmation"].label = _("Type %(phrase)s to confirm") % {"phrase": self.phrase}

    def clean_confirmation(self) -> str:
        typed = self.cleaned_data["confirmation"]
        if typed != self.phrase:
            raise forms.ValidationError(_("Type %(phrase)s, exactly.") % {"phrase": self.phrase})
        return typed

    def clean(self) -> None:
        if self.has_changed_meanwhile:
            raise forms.ValidationError(_("The list changed while you read it. Look at it again."))


class ActingAdmin(admin.ModelAdmin):
    """A list whose actions ask first. `page_acts` names those that a row's own page offers too."""

    page_acts: tuple[str, ...] = ()

    def acts_for(self, row: Any) -> tuple[str, ...]:
        """Return which of them would change anything about this row."""
        return self.page_acts

    change_form_template = "admin/change_form_with_acts.html"

    def act_on(
        self, request: HttpRequest, act: Act, rows: QuerySet[Any], *, notes: Collection[str] = ()
    ) -> HttpResponse | None:
        """Show how many and which, ask why, then act on them one by one, policy.ENDED_AT_ONCE_MAX at the most."""
        count = rows.count()
        form = ActForm(request.POST.dict() if "reason" in request.POST else None, act=act, count=count)
        if not count or not form.is_valid():
            return self._ask(request, act, rows, form=form, count=count, notes=notes)
        why = Why(request.user, timezone.now(), form.cleaned_data["reason"])  # type: ignore[arg-type]
        batch = list(rows[: policy.ENDED_AT_ONCE_MAX])
        with events.because(why.note):
            done = sum(act.run(row, why) for row in batch)
        left = count - len(batch)
        rest = "%(left)s is left: choose the action again.", "%(left)s are left: choose the action again."
        said = [
            str(act.done % {"done": done, "count": count}),
            ngettext(*rest, left) % {"left": left} if left else "",
            act.after(batch) if done else "",
        ]
        self._say(request, said, level=WARNING if left else SUCCESS)
        return None

    def _ask(
        self,
        request: HttpRequest,
        act: Act,
        rows: QuerySet[Any],
        *,
        form: ActForm,
        count: int,
        notes: Collection[str],
    ) -> HttpResponse:
        shown = list(rows[:PREVIEW])
        context = self.admin_site.each_context(request) | {
            "title": act.title,
            "act": act,
            "opts": self.opts,
            "form": form,
            "count": count,
            "effect": act.effect % {"count": count},
            "notes": notes,
            "at_once": min(count, policy.ENDED_AT_ONCE_MAX),
            "preview": [act.tell(row) for row in shown],
            "more": count - len(shown),
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
            "action": request.POST.get("action"),
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return render(request, "admin/act_on_rows.html", context)

    def _say(self, request: HttpRequest, said: list[str], *, level: int) -> None:
        """Say what happened, with a link to the events of this very request."""
        link = f"{reverse('admin:authserver_event_changelist')}?q={request.request_id}"  # type: ignore[attr-defined]
        text = format_html('{} <a href="{}">{}</a>', " ".join(filter(None, said)), link, _("See the events."))
        self.message_user(request, text, level)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row, offered = self.get_object(request, object_id), self.get_actions(request)
        found = [offered.get(name) for name in self.acts_for(row)] if row else []
        acts = [(name, label) for _act, name, label in filter(None, found)]
        return super().change_view(request, object_id, form_url, {"page_acts": acts} | (extra_context or {}))
