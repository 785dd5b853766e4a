"""What a notice says. One text for both halves of the mail, so that they cannot differ.

Names in it come from outside: each is made one line of at most NAME_LENGTH characters, and one that runs from right
to left cannot turn what stands around it. None of them gets into the subject, where a name could speak for us.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from authserver import policy
from authserver.languages import choice
from authserver.models import Notice
from authserver.protocol import addresses, names
from authserver.protocol.connections import agents
from authserver.services import catalog
from authserver.services.notices import words
from authserver.services.notices.words import Words

Kind = Notice.Kind
NAME_LENGTH = policy.CLIENT_NAME_LENGTH_MAX
RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
CHANGE_PASSWORD = "/accounts/password/change/"


@dataclass(frozen=True)
class Letter:
    """A notice in words, ready for both templates."""

    subject: str
    greeting: str
    lead: str
    list_lead: str
    scopes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    advice: str
    steps: tuple[tuple[str, str], ...]
    closing: str


def language_of(notice: Notice) -> str:
    """Return the language of a letter: what its person chose, or what they read when it was owed."""
    told = (notice.user.language if notice.user else "", str(notice.facts.get("language", "")))
    return choice.best(told) or settings.LANGUAGE_CODE


def compose(notice: Notice) -> Letter:
    """Return what this notice says to its person, in the language that is spoken at the moment."""
    assert notice.user is not None
    facts, spoken = notice.facts, words.of(Kind(notice.kind))
    said = {
        "client": _quoted(facts.get("client")),
        "name": _quoted(facts.get("name")),
        "handle": names.plain(str(facts.get("handle", ""))),
        "email": named(notice.user.email),
    }
    return Letter(
        subject=f"{settings.BRAND_NAME}: {spoken.subject % said}",
        greeting=greeting(notice.user.display_name),
        lead=spoken.lead % said,
        list_lead=spoken.list_lead,
        scopes=_listed(facts),
        facts=_facts(notice, spoken),
        advice=spoken.advice,
        steps=_steps(spoken, facts),
        closing=closing(),
    )


def greeting(name: str) -> str:
    return _("Hello %(name)s,") % {"name": named(name)}


def closing() -> str:
    told = _("%(product)s at %(address)s wrote this by itself; nobody reads an answer to it.")
    return told % {"product": settings.BRAND_NAME, "address": settings.ISSUER}


def moment(at: datetime) -> str:
    return f"{date_format(at, 'DATETIME_FORMAT')} UTC"


def ways_to_help() -> tuple[tuple[str, str], ...]:
    """Return where a reader gets help, or nothing where this deployment has no such place."""
    address = settings.SUPPORT_URL or (settings.SUPPORT_EMAIL and f"mailto:{settings.SUPPORT_EMAIL}")
    return ((_("Need help?"), address),) if address else ()


def _listed(facts: dict[str, Any]) -> tuple[str, ...]:
    """Return the scopes that it is about in the words of the consent page, or the tools as their server calls them."""
    titles = catalog.titles()
    scopes = (titles.get(name, name) for name in facts.get("scopes", ()))
    return (*scopes, *(named(title) for title in facts.get("tools", ())))


def _facts(notice: Notice, spoken: Words) -> tuple[tuple[str, str], ...]:
    when = (_("When"), moment(notice.created_at))
    return (when, (_("Where"), where(notice.facts))) if spoken.is_alarm else (when,)


def _steps(spoken: Words, facts: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    ids = {name: str(facts.get(name, "")) for name in ("handle", "connection", "token")}
    password = _("Change your password, and choose to sign out everywhere and disconnect all apps there")
    steps = [(spoken.step, settings.ISSUER + spoken.path % ids)]
    if spoken.is_alarm:
        steps.append((password, settings.ISSUER + CHANGE_PASSWORD))
    return (*steps, *ways_to_help())


def where(facts: dict[str, Any]) -> str:
    """Return the program and the network that a request came from, in words."""
    agent, address = str(facts.get("agent") or ""), str(facts.get("address") or "")
    network = addresses.network_of(address)
    said = {"program": agents.family(agent) or _("An unknown program"), "network": network}
    if not network:
        return _("%(program)s, from an unknown network") % said
    if addresses.is_loopback(address):
        return _("%(program)s, on the computer that this server runs on") % said
    if addresses.is_public(address):
        return _("%(program)s, from the network %(network)s") % said
    return _("%(program)s, from a private network, %(network)s") % said


def named(text: object) -> str:
    """Return a name as it may stand in a sentence of ours."""
    name = names.plain(str(text or ""))[:NAME_LENGTH].strip()
    turns = any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in name)
    return f"{ISOLATE}{name}{END_ISOLATE}" if turns else name


def _quoted(text: object) -> str:
    return _("“%(name)s”") % {"name": named(text) or _("Unnamed client")}
