"""May a request go on without the whole consent page, because the same was allowed before?

Silently only for a client that an administrator verified, whose answer goes to the same https origin, that says of
itself what it said when it was allowed, and that asks for nothing more. No parameter of a request makes it happen;
several make it not happen. What is in doubt is asked.

A silent answer is a code that nobody looked at. Its danger is not a thief, who cannot redeem it (PKCE, the client's own
redirect URI), but a request that somebody else began: a client that does not hold its `state` to one browser would join
the person's handle to the account of whoever sent them the link (RFC 9700 §4.7). So a browser has to say that the
person came by a click on the client's own pages, or from our sign-in page; otherwise one button stands in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from authserver.protocol import redirects
from authserver.protocol.redirects import Destination


class Answer(StrEnum):
    SILENT = "silent"  # a code at once
    SHORT = "short"  # one page with one button
    ASK = "ask"  # the whole consent page


@dataclass(frozen=True)
class Allowed:
    """What stands: the live connection of this person, client, handle and resource, and what the person saw then.
    `scopes` is what it is worth now: not withheld, within the role."""

    scopes: frozenset[str]
    redirect_origin: str
    client_name: str
    client_digest: str
    is_paused: bool
    has_new_tools: bool = False  # which wait for the person's word


@dataclass(frozen=True)
class Asked:
    """What is asked now. `is_from_client`: the browser was led here by a click on the client's pages, or on ours."""

    wanted: frozenset[str]
    destination: Destination
    client_name: str
    client_digest: str
    is_verified: bool
    prompts: frozenset[str]
    expects_another_person: bool
    is_from_client: bool


@dataclass(frozen=True)
class Judgement:
    """An answer and what it rests on, `subject:what`, for the log."""

    answer: Answer
    reasons: tuple[str, ...]


def judge(before: Allowed | None, now: Asked) -> Judgement:
    """Return whether this request goes on silently, with one button, or is asked in full.

    Obeys: RFC 6749 §10.2, RFC 8252 §8.6 (no silent answer where the client's identity is not assured).
    """
    if before is None:
        return Judgement(Answer.ASK, ("connection:none",))
    doubts = _doubts(before, now)
    if doubts:
        return Judgement(Answer.ASK, doubts)
    cautions = _cautions(now)
    return Judgement(Answer.SHORT, cautions) if cautions else Judgement(Answer.SILENT, ("connection:same",))


def _doubts(before: Allowed, now: Asked) -> tuple[str, ...]:
    found = {
        "connection:paused": before.is_paused,
        "tools:new": before.has_new_tools,
        "redirect:other_origin": not _same_origin(before.redirect_origin, now.destination),
        "scopes:wider": not now.wanted or not now.wanted <= before.scopes,
        "client:changed": before.client_digest != now.client_digest,
        "client:renamed": before.client_name != now.client_name,
        "request:prompt": bool(now.prompts),
        "request:another_person": now.expects_another_person,
    }
    return tuple(reason for reason, is_so in found.items() if is_so)


def _cautions(now: Asked) -> tuple[str, ...]:
    found = {
        "redirect:not_https": now.destination.kind != "https",
        "client:unverified": not now.is_verified,
        "client:undigested": not now.client_digest,  # typed in by hand: a change of it would not be noticed
        "browser:elsewhere": not now.is_from_client,
    }
    return tuple(reason for reason, is_so in found.items() if is_so)


def _same_origin(before: str, destination: Destination) -> bool:
    """Tell whether an answer would go where the last one went. The port of a program on this computer is another each
    time (RFC 8252 §7.3); an address that a policy cannot name (`*`) is never the same."""
    now = destination.form_action
    if not before or "*" in now:
        return False
    return before == now or (
        destination.kind == "loopback" and redirects.without_port(before) == redirects.without_port(now)
    )


def is_from(origin: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser was led here by a person's click on a page of this origin, or from a page of ours.

    Told by what scripts cannot set (Fetch Metadata) and by the referrer. Not fetched ahead, not in a frame. A browser
    too old to say anything is believed: it cannot be made to leave out what it would say.
    """
    site = headers.get("Sec-Fetch-Site", "")
    if "prefetch" in f"{headers.get('Sec-Purpose', '')} {headers.get('Purpose', '')}":
        return False
    if not site:
        return True
    is_click = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"), headers.get("Sec-Fetch-User")) == (
        "navigate",
        "document",
        "?1",
    )
    return is_click and (site == "same-origin" or _origin_of(headers.get("Referer", "")) == origin)


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
