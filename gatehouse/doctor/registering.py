"""How this client comes to a client id: by the address of its document, or by registering as it does.

What is registered says of itself that it is the doctor's, so that nobody takes it for the client, and so that the real
client, whose registration may be answered with the same row as an equal one, never loses it when ours is removed.
"""

import json
import re
import time

from gatehouse import documents, registration, wire
from gatehouse.doctor import endpoints
from gatehouse.doctor.profiles import NONE, ScopesFrom
from gatehouse.doctor.walk import Client, Notes, Registration, Skipped, Walk
from gatehouse.documents import Json, text, texts
from gatehouse.words import Failed
from gatehouse.words.marking import gettext_noop

MARK = " (doctor)"
NEW_SECONDS = 60  # a registration issued longer ago is somebody's
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


def get_client_id(walk: Walk, notes: Notes) -> None:
    """This client gets a client id."""
    if walk.client_id:
        uri = next(iter(walk.redirect_uris), walk.profile.redirect_uri)
        walk.client = Client(walk.client_id, uri, NONE)
        raise Skipped
    document = endpoints.document_for(walk)
    if document:
        method = next((each for each in document.methods if each in endpoints.methods(walk)), NONE)
        uri = next(iter(walk.redirect_uris), document.redirect_uri)
        walk.client = Client(document.url, uri, method, is_document=True)
        walk.line.sent, walk.line.got = f"client_id={document.url}", "client_id_metadata_document_supported: true"
        return
    _register(walk, notes, walk.endpoint("registration_endpoint"))


def scopes_asked(walk: Walk) -> tuple[str, ...]:
    """Return the scopes that this client asks for here."""
    offered = texts(walk.server, "scopes_supported")
    wanted = offered if walk.profile.scopes_from is ScopesFrom.SERVER else walk.scopes
    offline = ("offline_access",) if walk.profile.asks_offline_access and "offline_access" in offered else ()
    return tuple(dict.fromkeys((*wanted, *offline)))


def _register(walk: Walk, notes: Notes, url: str) -> None:
    said = _metadata(walk)
    headers = walk.headers(Content_Type="application/json", Accept="application/json")
    answer = walk.line.call("POST", url, headers=headers, body=json.dumps(said).encode(), tells="registration")
    uris = texts(said, "redirect_uris")
    if answer.status not in (200, 201):
        raise registration.refusal(answer, uris=uris)
    told = documents.parsed(answer)
    if told is None:
        kind = answer.header("content-type") or "no content type"
        notes.fail("not_json", url=url, kind=kind, what=gettext_noop("the registration"))
        return
    _remember(walk, told, url)
    shown_method = text(told, "token_endpoint_auth_method") or "no method"
    walk.line.say(walk.line.sent, f"{answer.status}, client_id {text(told, 'client_id') or 'none'}, {shown_method}")
    _check(walk, notes, told, said)
    if "no-store" not in answer.header("cache-control"):
        notes.warn("registration_cached")


def _metadata(walk: Walk) -> Json:
    """Return what this client says of itself, with the method that it would choose here."""
    said = dict(walk.profile.registration)
    said["client_name"] = f"{said['client_name']}{MARK}"
    if walk.redirect_uris:
        said["redirect_uris"] = list(walk.redirect_uris)
    listed = endpoints.methods(walk)
    method = text(said, "token_endpoint_auth_method")
    if method and method not in listed:
        said["token_endpoint_auth_method"] = next((each for each in walk.profile.methods if each in listed), method)
    if walk.profile.registers_scope:
        said["scope"] = " ".join(scopes_asked(walk))
    return said


def _remember(walk: Walk, told: Json, url: str) -> None:
    """Keep what the later steps need, and what is to be removed at the end: only what is new, or has a secret that
    nobody else knows, and only where the token goes back to whom it came from."""
    secret, token = text(told, "client_secret"), text(told, "registration_access_token")
    for each in (secret, token):
        walk.line.hide(each)
    method = text(told, "token_endpoint_auth_method") or NONE
    uri = next(iter(walk.redirect_uris), walk.profile.redirect_uri)
    if text(told, "client_id"):
        walk.client = Client(text(told, "client_id"), uri, method, secret, is_registered=True)
    issued_at = told.get("client_id_issued_at")
    is_new = isinstance(issued_at, int) and abs(time.time() - issued_at) <= NEW_SECONDS
    home = text(told, "registration_client_uri")
    if home and token and (is_new or secret) and wire.origin(home) == wire.origin(url):
        walk.registration = Registration(home, token)


def _check(walk: Walk, notes: Notes, told: Json, said: Json) -> None:
    if not text(told, "client_id"):
        notes.fail("answer_incomplete", member="client_id")
    _check_callbacks(walk, notes, told, said)
    method, secret = text(told, "token_endpoint_auth_method"), text(told, "client_secret")
    wanted = text(said, "token_endpoint_auth_method")
    if not method:
        # The Python SDK then sends no secret at all; others take Basic.
        notes.judge("method_not_echoed", fails=bool(secret) and not wanted)
    elif method not in walk.profile.methods:
        notes.fail("no_usable_method", wanted=" or ".join(walk.profile.methods), told=method)
    elif method != NONE and not secret:
        notes.fail("answer_incomplete", member="client_secret")
    if secret:
        _check_secret(walk, notes, told)
    if not UNRESERVED.fullmatch(text(told, "client_id") + secret):
        notes.warn("id_needs_escaping")
    if "grant_types" in told and "refresh_token" not in texts(told, "grant_types"):
        notes.warn("no_refresh", url=walk.endpoint("registration_endpoint"))


def _check_callbacks(walk: Walk, notes: Notes, told: Json, said: Json) -> None:
    left_out = [uri for uri in texts(said, "redirect_uris") if uri not in texts(told, "redirect_uris")]
    if left_out:
        used = walk.client is not None and walk.client.redirect_uri in left_out
        reason = gettext_noop("it registered the client without it.")
        notes.judge("callback_refused", fails=used, uri=" ".join(left_out), reason=reason)


def _check_secret(walk: Walk, notes: Notes, told: Json) -> None:
    expires = told.get("client_secret_expires_at")
    if not isinstance(expires, int):
        notes.warn("secret_without_expiry")
    elif expires:
        notes.warn("secret_expires")


def remove(walk: Walk) -> None:
    """Remove what was registered (RFC 7592 §2.3). That this may fail is no finding: most servers have no such thing."""
    if walk.registration is None:
        return
    headers = {"Authorization": f"Bearer {walk.registration.token}", "User-Agent": wire.AGENT}
    try:
        walk.line.call("DELETE", walk.registration.url, headers=headers)
    except Failed:
        return
