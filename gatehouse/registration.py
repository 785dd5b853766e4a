"""A client of one's own at an authorization server (RFC 7591).

A public client that says the same of itself again is given the same id again, so running the command twice does no
harm. The token that could change the registration is not kept: nobody would look after it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gatehouse import documents, wire
from gatehouse.discovery import Server
from gatehouse.documents import Json, text, texts
from gatehouse.wire import Answer
from gatehouse.words import Failed, failed
from gatehouse.words.marking import gettext_noop

PUBLIC = "none"
WITH_SECRET = ("client_secret_basic", "client_secret_post")
SOON_SECONDS = "60"  # where a server does not say when to come back


@dataclass(frozen=True)
class Wanted:
    """The client that is wanted. `token` is the initial access token, if one is needed."""

    redirect_uris: tuple[str, ...]
    name: str = ""
    is_confidential: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Registered:
    """The client that there is now. Public ones have no secret."""

    client_id: str
    redirect_uris: tuple[str, ...]
    secret: str = field(default="", repr=False)


def register(server: Server, wanted: Wanted) -> Registered:
    """Return the client, registered as it was wanted and not otherwise. Raises Failed."""
    method = _method(server, wanted)
    if not server.registration_endpoint:
        raise failed("registration_closed")
    body = json.dumps(_metadata(wanted, method)).encode()
    answer = wire.post(server.registration_endpoint, body, bearer=wanted.token)
    if answer.status not in (200, 201):
        raise refusal(answer, uris=wanted.redirect_uris, token=wanted.token)
    told = documents.parsed(answer)
    if told is None:
        kind = answer.header("content-type") or "no content type"
        raise failed("not_json", url=answer.url, kind=kind, what=gettext_noop("the registration"))
    return _checked(told, wanted, method)


def _method(server: Server, wanted: Wanted) -> str:
    usable = WITH_SECRET if wanted.is_confidential else (PUBLIC,)
    found = next((method for method in usable if method in server.auth_methods), None)
    if found is None:
        raise failed("method_not_offered", wanted=" or ".join(usable), told=" ".join(server.auth_methods))
    return found


def _metadata(wanted: Wanted, method: str) -> Json:
    """Return what the client says of itself. Obeys: RFC 7591 §2, MCP (`application_type` is always said)."""
    is_web = all(urlsplit(uri).scheme == "https" for uri in wanted.redirect_uris)
    return {
        **({"client_name": wanted.name} if wanted.name else {}),
        "redirect_uris": list(wanted.redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "application_type": "web" if is_web else "native",
    }


def _checked(told: Json, wanted: Wanted, method: str) -> Registered:
    """Return the client of a registration answer that is complete. A server may leave out callbacks that it does not
    like, which shows weeks later, on the error page of whoever comes by that callback."""
    left_out = [uri for uri in wanted.redirect_uris if uri not in texts(told, "redirect_uris")]
    if left_out:
        raise failed(
            "callback_refused", uri=" ".join(left_out), reason=gettext_noop("it registered the client without it.")
        )
    secret = text(told, "client_secret") if wanted.is_confidential else ""
    if not text(told, "client_id"):
        raise failed("answer_incomplete", member="client_id")
    if text(told, "token_endpoint_auth_method") != method:
        raise failed("answer_incomplete", member="token_endpoint_auth_method")
    if wanted.is_confidential and not secret:
        raise failed("answer_incomplete", member="client_secret")
    return Registered(text(told, "client_id"), wanted.redirect_uris, secret)


def refusal(answer: Answer, *, uris: Sequence[str], token: str = "") -> Failed:
    """Return the failure that an answer other than 200 and 201 is, to a registration with these callbacks. `token` is
    the initial access token that went with it, if one did."""
    told = documents.parsed(answer) or {}
    error, reason = text(told, "error"), text(told, "error_description") or gettext_noop("no reason is given.")
    if token:  # a server that echoes it must not make us print it
        error, reason = error.replace(token, "…"), reason.replace(token, "…")
    if answer.status == 401:
        return failed("token_refused" if token else "registration_needs_token")
    if answer.status == 403:
        return failed("registration_closed")
    if answer.status == 404:
        return failed("not_found", url=answer.url, what=gettext_noop("the registration endpoint"))
    if answer.status == 429:
        return failed("too_many", seconds=answer.header("retry-after") or SOON_SECONDS)
    if error == "invalid_redirect_uri":
        return failed("callback_refused", uri=" ".join(uris), reason=reason)
    if error:
        return failed("registration_refused", error=error, reason=reason)
    return failed("bad_status", url=answer.url, status=answer.status, what=gettext_noop("a registered client"))
