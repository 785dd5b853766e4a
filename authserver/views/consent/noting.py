"""The steps of an authorization request, noted for whoever asks later what came of it.

A refused request says of its sender's words only where they differ from what was expected, and of its resource only
the host: the rest is a stranger's text.
"""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError

from authserver import forms
from authserver.languages import choice
from authserver.protocol import parameters, redirects
from authserver.protocol.errors import Refusal
from authserver.protocol.parameters import Parameters
from authserver.protocol.trace.steps import Kind, flow_of
from authserver.services import catalog
from authserver.services.trace import clients, note
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest

HOST_LENGTH_MAX = 100


def step(
    kind: Kind,
    asked: AuthorizationRequest,
    request: HttpRequest,
    *,
    ok: bool = True,
    code: str = "",
    handle: str = "",
    connection_id: UUID | None = None,
    **detail: Any,  # of `note`
) -> None:
    """Note a step of a valid request. `handle` is the one that was chosen; else the one that its address names."""
    person = request.user
    note(
        kind,
        ok=ok,
        code=code,
        flow=flow_of(asked.client.client_id, asked.code_challenge),
        client_id=asked.client.client_id,
        resource=asked.target.uri,
        handle=handle or asked.target.handle or "",
        person_id=person.pk if person.is_authenticated else None,
        connection_id=connection_id,
        **detail,
    )


def arrived(asked: AuthorizationRequest, request: HttpRequest) -> None:
    """Note that a valid request came."""
    host = redirects.destination(asked.redirect_uri).host
    step(Kind.AUTHORIZATION, asked, request, host=host, scopes=len(asked.wanted))


def refused(failed: FailedRequest, query: str) -> None:
    """Note a request that is refused, as far as it says what it is about."""
    read = parameters.parse(query)
    sent = Parameters({}) if isinstance(read, Refusal) else read
    client = failed.client
    named = sent.get("resource")
    # Where the query cannot be read, nothing is asked about it.
    target = None if isinstance(read, Refusal) else catalog.target_of(named)
    note(
        Kind.AUTHORIZATION,
        ok=False,
        code=failed.refusal.reason,
        flow=flow_of(sent.get("client_id") or "", sent.get("code_challenge") or ""),
        client_id=client.client_id if client else clients.own_form(sent.get("client_id")),
        resource=target.uri if target else "",
        handle=(target.handle or "") if target else "",
        **(_place(failed, sent.get("redirect_uri") or "") if target else {"asked_host": host_of(named or "")}),
    )


def _place(failed: FailedRequest, redirect_uri: str) -> dict[str, Any]:
    """Return where a redirect URI leaves the registered one that it is most like, counted from 1."""
    if failed.refusal.code != "invalid_redirect_uri" or failed.client is None:
        return {}
    return {"differs_at": redirects.differs_at(redirect_uri, failed.client.redirect_uri_list)}


def host_of(uri: str) -> str:
    """Return the host of an address that is not ours, printable and short; nothing where there is none."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return ""
    return "".join(letter for letter in host if "!" <= letter <= "~")[:HOST_LENGTH_MAX]


# --- Errors that are met before the request is looked at: a form too old, a page asked for too often


def is_of_flow(request: HttpRequest) -> bool:
    """Tell whether an authorization request is being answered here, or waits in `next`."""
    return any(place.partition("?")[0] == choice.AUTHORIZE for place in (request.path, *_waiting(request)))


def failed(request: HttpRequest, code: str, *, kind: Kind = Kind.ANSWER) -> None:
    """Note that the flow met an error page, where it is one of the flow."""
    if not is_of_flow(request):
        return
    read = parameters.parse(_query(request))
    sent = Parameters({}) if isinstance(read, Refusal) else read
    client_id = sent.get("client_id") or ""
    flow = flow_of(client_id, sent.get("code_challenge") or "")
    note(kind, ok=False, code=code, flow=flow, client_id=clients.own_form(client_id))


def _query(request: HttpRequest) -> str:
    """Return the query string of the authorization request that is answered here, or waits."""
    if request.path != choice.AUTHORIZE:
        return next((place.partition("?")[2] for place in _waiting(request) if place), "")
    signed = forms.read(_posted(request, "request")) if request.method == "POST" else None
    return signed.query if signed else request.META.get("QUERY_STRING", "")


def _waiting(request: HttpRequest) -> tuple[str, str]:
    return request.GET.get(choice.NEXT, ""), _posted(request, choice.NEXT)


def _posted(request: HttpRequest, name: str) -> str:
    """Return what a form sent, or nothing where it cannot be read, which may be why there is an error."""
    try:
        return request.POST.get(name, "")
    except (UnreadablePostError, SuspiciousOperation, MultiPartParserError):
        return ""
