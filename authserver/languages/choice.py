"""Which of our languages a list of language tags asks for, and an address that asks for another. No rows, no HTTP."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote_plus

from django.conf import settings

from authserver import policy

AUTHORIZE = "/oauth/authorize"
NEXT = "next"
PARAMETER = "ui_locales"
NEAREST = {"pt": "pt-br", "zh": "zh-hans"}  # of what is written in several ways, the one we have
TRADITIONAL = {"hant", "tw", "hk", "mo"}  # Chinese in letters that ours is not written in


def best(tags: Iterable[str]) -> str | None:
    """Return the first of our languages that one of these tags names, by its whole or its beginning; the person's own
    order counts. None where there is none: unknown tags, junk and `*` ask for nothing.

    Obeys: RFC 4647 §3.4 (lookup).
    """
    return next((found for found in map(_offered, tags) if found), None)


def _offered(tag: str) -> str | None:
    parts = tag.strip().lower().replace("_", "-").split("-")
    if parts[0] == "zh" and TRADITIONAL & set(parts[1:]):
        return None
    offered = dict(settings.LANGUAGES)
    ranges = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((each for each in (*ranges, NEAREST.get(parts[0], "")) if each in offered), None)


def tag_of(language: str) -> str:
    """Return a language of ours as others write it: `zh-Hans`, `pt-BR` (RFC 5646 §2.1.1)."""
    first, _, rest = language.partition("-")
    return f"{first}-{rest.upper() if len(rest) == 2 else rest.title()}" if rest else first


def asked_by(address: str) -> str | None:
    """Return the language asked for by the authorization request that is this address of ours, or waits in its
    `next`; None where there is none, or it asks for none of ours."""
    path, _, query = address.partition("?")
    if path == AUTHORIZE:
        return asked_in(query)
    waiting = _value(query, NEXT)
    return asked_in(waiting.partition("?")[2]) if waiting.startswith(f"{AUTHORIZE}?") else None


def asked_in(query: str) -> str | None:
    """Return the language that an authorization request with this query string asks for, or None.

    Obeys: OpenID Connect Core §3.1.2.1 (`ui_locales`: space-separated, preferred first, none of it an error).
    """
    return best(_value(query, PARAMETER).split()[: policy.UI_LOCALES_MAX])


def _value(query: str, wanted: str) -> str:
    if len(query) > policy.QUERY_LENGTH_MAX * 3:  # a query within a query is full of percent signs
        return ""
    return next((value for name, value in parse_qsl(query) if name == wanted), "")


def speaking(address: str, language: str) -> str:
    """Return this address of ours, its authorization request asking for that language where it asked for another one:
    the person's own choice counts more than the client's. All else stays to the letter."""
    path, mark, query = address.partition("?")
    name = PARAMETER if path == AUTHORIZE else NEXT
    parts = [_speaking(part, name, language) for part in query.split("&")]
    return f"{path}{mark}{'&'.join(parts)}"


def _speaking(part: str, wanted: str, language: str) -> str:
    name, _, value = part.partition("=")
    if unquote_plus(name) != wanted:
        return part
    if wanted == PARAMETER:
        return f"{name}={tag_of(language)}"
    waiting = unquote_plus(value)
    return f"{name}={quote(speaking(waiting, language), safe='')}" if waiting.startswith(f"{AUTHORIZE}?") else part
