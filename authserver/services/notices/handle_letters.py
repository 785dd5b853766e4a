"""What the letters about joining a handle say. An invitation goes to an address that may have no account: it names
nobody who was not proven, holds no secret, and reads the same whether there is an account or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authserver.models import Notice
from authserver.protocol import names
from authserver.services.notices.letters import Letter, closing, greeting, moment, named, ways_to_help
from handles import roles

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = Notice.Kind


@dataclass(frozen=True)
class Words:
    """The sentences of one kind of letter; `{handle}` and `{by}` (an address) stand for what it is about."""

    subject: StrOrPromise
    lead: StrOrPromise
    advice: StrOrPromise
    step: StrOrPromise
    path: str


WORDS = {
    Kind.INVITATION.value: Words(
        subject=gettext_lazy("You are invited to @{handle}"),
        lead=gettext_lazy("{by} invites you to become a member of @{handle}."),
        advice=gettext_lazy(
            "Sign in with this address, or create an account with it; then accept or decline. If you do not know who "
            "invites you, you need not do anything."
        ),
        step=gettext_lazy("Look at the invitation"),
        path="/invitations/{invitation}",
    ),
    Kind.JOIN_ASKED.value: Words(
        subject=gettext_lazy("Somebody asks to join @{handle}"),
        lead=gettext_lazy("{by} asks to become a member of @{handle}."),
        advice=gettext_lazy("Accept only whom you know. Members can connect apps that act for the handle."),
        step=gettext_lazy("Accept or decline"),
        path="/handles/{handle}/members",
    ),
    Kind.JOIN_ACCEPTED.value: Words(
        subject=gettext_lazy("You are now a member of @{handle}"),
        lead=gettext_lazy("You asked to join @{handle}, and were let in."),
        advice=gettext_lazy("You can connect apps to it now: start again from the app."),
        step=gettext_lazy("See your handles"),
        path="/handles",
    ),
}


def compose(notice: Notice) -> Letter:
    """Return what this notice says."""
    told, words = notice.facts, WORDS[notice.kind]
    said = {"handle": names.plain(str(told.get("handle", ""))), "by": named(told.get("by"))}
    path = words.path.format(handle=said["handle"], invitation=told.get("invitation", ""))
    return Letter(
        subject=f"{settings.BRAND_NAME}: {str(words.subject).format(**said)}",
        greeting=greeting(notice.user.display_name) if notice.user else _("Hello,"),
        lead=str(words.lead).format(**said),
        list_lead="",
        scopes=(),
        facts=tuple(_facts(notice)),
        advice=str(words.advice),
        steps=((str(words.step), settings.ISSUER + path), *ways_to_help()),
        closing=closing(),
    )


def _facts(notice: Notice) -> list[tuple[str, str]]:
    """Return role and end of an invitation, else when it happened. Where the writer sat is nobody else's business."""
    if notice.kind != Kind.INVITATION:
        return [(_("When"), moment(notice.created_at))]
    role, days = roles.known(notice.facts.get("role")), int(notice.facts.get("days", 0))
    left = ngettext("{count} day", "{count} days", days).format(count=days)
    return [
        (_("Role"), str(role.label) if role else ""),
        (_("Open for"), f"{left} ({moment(notice.created_at + timedelta(days=days))})"),
    ]
