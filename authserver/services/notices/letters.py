"""What a notice says. One text for both halves of the mail, so that they cannot differ.

Names in it come from outside: each is made one line of at most NAME_LENGTH characters, and one that runs from right
to left cannot turn what stands around it. None of them gets into the subject, where a name could speak for us.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.formats import date_format

from authserver import policy
from authserver.models import Notice
from authserver.protocol import addresses, names
from authserver.protocol.connections import agents
from authserver.services import catalog

Kind = Notice.Kind
NAME_LENGTH = policy.CLIENT_NAME_LENGTH_MAX
RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
NOTHING_TO_DO = "If it was you, there is nothing to do. If it was not:"
CHANGE_PASSWORD = (
    "Change your password, and choose to sign out everywhere and disconnect all apps there",
    "/accounts/password/change/",
)


@dataclass(frozen=True)
class Words:
    """The sentences of one kind of notice; `{client}`, `{handle}`, `{name}` and `{email}` stand for what it is about.
    `step` and `path` lead to the page that ends it: one that asks first, since mail programs open links by
    themselves."""

    subject: str
    lead: str
    list_lead: str
    advice: str
    step: str
    path: str


WORDS = {
    Kind.CONNECTION_APPROVED: Words(
        subject="An app was connected to @{handle}",
        lead="{client} may now act for @{handle} with your account, {email}.",
        list_lead="It may:",
        advice=NOTHING_TO_DO,
        step="Look at this connection and end it",
        path="/connections/{connection}/disconnect",
    ),
    Kind.CONNECTION_WIDENED: Words(
        subject="An app may do more at @{handle}",
        lead="{client} may now do more for @{handle} with your account, {email}.",
        list_lead="New is that it may:",
        advice=NOTHING_TO_DO,
        step="Look at this connection and end it",
        path="/connections/{connection}/disconnect",
    ),
    Kind.CONNECTION_STOLEN: Words(
        subject="A connection to @{handle} was ended to protect it",
        lead="{client} was disconnected from @{handle} and your account, {email}. A key of this connection was used "
        "twice, so somebody else may have had a copy of it. It works for nobody any more.",
        list_lead="",
        advice="If you use this app, connect it again from the app. If you do not know the app, or the place above:",
        step="See what is connected to your account",
        path="/connections",
    ),
    Kind.TOKEN_CREATED: Words(
        subject="A personal access token was created for @{handle}",
        lead="The personal access token {name} was created for @{handle} with your account, {email}.",
        list_lead="Whoever has it may:",
        advice=NOTHING_TO_DO,
        step="Look at this token and end it",
        path="/handles/{handle}/tokens/{token}/revoke",
    ),
}


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


def compose(notice: Notice) -> Letter:
    """Return what this notice says to its person."""
    assert notice.user is not None
    facts, words = notice.facts, WORDS[Kind(notice.kind)]
    said = {
        "client": _quoted(facts.get("client")),
        "name": _quoted(facts.get("name")),
        "handle": names.plain(str(facts.get("handle", ""))),
        "email": named(notice.user.email),
    }
    ids = {name: str(facts.get(name, "")) for name in ("handle", "connection", "token")}
    steps = ((words.step, words.path.format(**ids)), CHANGE_PASSWORD)
    titles = catalog.titles()
    return Letter(
        subject=f"{policy.PRODUCT_NAME}: {words.subject.format(**said)}",
        greeting=f"Hello {named(notice.user.display_name)},",
        lead=words.lead.format(**said),
        list_lead=words.list_lead,
        scopes=tuple(titles.get(name, name) for name in facts.get("scopes", ())),
        facts=(("When", f"{date_format(notice.created_at, 'j F Y, H:i')} UTC"), ("Where", where(facts))),
        advice=words.advice,
        steps=tuple((text, settings.ISSUER + path) for text, path in steps),
        closing=f"{policy.PRODUCT_NAME} at {settings.ISSUER} wrote this by itself; nobody reads an answer to it.",
    )


def where(facts: dict[str, Any]) -> str:
    """Return the program and the network that a request came from, in words."""
    program = agents.family(str(facts.get("agent") or "")) or "An unknown program"
    address = str(facts.get("address") or "")
    network = addresses.network_of(address)
    if not network:
        return f"{program}, from an unknown network"
    if addresses.is_loopback(address):
        return f"{program}, on the computer that this server runs on"
    kind = "the network" if addresses.is_public(address) else "a private network,"
    return f"{program}, from {kind} {network}"


def named(text: object) -> str:
    """Return a name as it may stand in a sentence of ours."""
    name = names.plain(str(text or ""))[:NAME_LENGTH].strip()
    turns = any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in name)
    return f"{ISOLATE}{name}{END_ISOLATE}" if turns else name


def _quoted(text: object) -> str:
    return f"“{named(text) or names.UNNAMED}”"
