"""The authorization request as this client builds it, and how it is answered: a sign-in page, or a no that can be read.
Obeys: RFC 6749 §4.1.2.1, RFC 8707 §2, RFC 9207 §2."""

import base64
import hashlib
import secrets
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from gatehouse import discovery, documents, wire
from gatehouse.doctor import endpoints
from gatehouse.doctor.registering import scopes_asked
from gatehouse.doctor.walk import Client, Notes, Skipped, Walk
from gatehouse.documents import text
from gatehouse.wire import Answer
from gatehouse.words import Failed, differing
from gatehouse.words.marking import gettext_noop

VERIFIER = secrets.token_urlsafe(48)  # of no secret's worth: no code is ever given for it
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
NO_REASON = gettext_noop("no reason is given.")
NOWHERE = "/there-is-no-such-resource"
NOBODY = "00000000-0000-4000-8000-000000000000"


def ask(walk: Walk, notes: Notes) -> None:
    """A person who is sent there comes to a sign-in page; errors come back with `iss` and `state`."""
    client = walk.client
    if client is None:
        raise Skipped
    state = secrets.token_urlsafe(16)
    answer = request(walk, client, state=state, prompt="consent" if "offline_access" in scopes_asked(walk) else "")
    told = came_back(answer, client.redirect_uri)
    if told is not None:
        if "code" in told:
            notes.fail("code_unasked")
        else:
            _name(walk, notes, client, told.get("error", ""), told.get("error_description", ""))
        check_return(walk, notes, told, state=state)
        return
    if not _is_open(walk, notes, answer, client):
        return
    lines = walk.line.sent, walk.line.got
    silent = came_back(request(walk, client, state=state, prompt="none"), client.redirect_uri)
    if silent is not None:
        check_return(walk, notes, silent, state=state)
    if walk.profile.probes:
        probe(walk, notes, client)
    walk.line.sent, walk.line.got = lines


def request(walk: Walk, client: Client, *, state: str, prompt: str = "", resource: str = "") -> Answer:
    """Return the answer to an authorization request of this client. Raises Failed."""
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "resource": resource or walk.resource_name,
        **({"scope": " ".join(scopes_asked(walk))} if scopes_asked(walk) else {}),
        **({"prompt": prompt} if prompt else {}),
    }
    url = walk.endpoint("authorization_endpoint")
    joined = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}"
    # Without the Origin of a page: a browser goes there, no script. JSON, because only we look.
    agent = walk.profile.agent if walk.profile.preflights else wire.AGENT
    headers = {"Accept": "application/json", "User-Agent": agent}
    answer = walk.line.call("GET", joined, headers=headers)
    walk.line.sent = f"GET {url}?client_id={client.client_id}&redirect_uri={client.redirect_uri}&resource=…" + (
        f"&prompt={prompt}" if prompt else ""
    )
    return answer


def came_back(answer: Answer, redirect_uri: str) -> dict[str, str] | None:
    """Return what was told the client at its callback, or None where the answer leads elsewhere."""
    location = answer.header("location")
    if answer.status not in wire.REDIRECTS or not location.startswith(redirect_uri):
        return None
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))


def _is_open(walk: Walk, notes: Notes, answer: Answer, client: Client) -> bool:
    """Tell whether a person would come to a sign-in page; else the reason is noted."""
    if answer.status in wire.REDIRECTS:
        _check_sign_in(walk, notes, answer)
        return True
    if answer.status < 300:
        return True
    told = documents.parsed(answer) or {}
    if told.get("error"):
        _name(walk, notes, client, text(told, "error"), text(told, "error_description"))
    elif answer.status == 404:
        notes.fail(
            "not_found", url=walk.endpoint("authorization_endpoint"), what=gettext_noop("the authorization endpoint")
        )
    elif answer.status >= 500:
        url = walk.endpoint("authorization_endpoint")
        notes.fail("bad_status", url=url, status=answer.status, what=gettext_noop("the authorization endpoint"))
    elif b"redirect_uri" in answer.body or b"redirect uri" in answer.body.lower():
        notes.fail("callback_not_registered", uri=client.redirect_uri, reason=NO_REASON)
    else:
        url = walk.endpoint("authorization_endpoint")
        notes.judge("preflight_refused", fails=walk.profile.preflights, url=url, status=answer.status)
    return False


def _name(walk: Walk, notes: Notes, client: Client, error: str, reason: str) -> None:
    """Note the finding for an error of the authorization endpoint."""
    about = {"client": client.client_id, "reason": reason or NO_REASON}
    is_about_callback = error == "invalid_redirect_uri" or (error == "invalid_request" and "redirect" in reason.lower())
    if error == "invalid_target":
        notes.fail("resource_not_registered", resource=walk.resource_name)
    elif is_about_callback:
        notes.fail("callback_not_registered", uri=client.redirect_uri, reason=about["reason"])
    elif client.is_document and error in ("invalid_client", "unauthorized_client", "temporarily_unavailable"):
        notes.fail("document_unusable", **about)
    elif error in ("invalid_client", "unauthorized_client"):
        notes.fail("client_unknown", **about)
    elif error in ("client_blocked", "access_denied"):
        notes.fail("client_blocked", **about)
    elif error not in ("login_required", "consent_required", "interaction_required"):
        notes.fail("authorization_refused", error=error or "no error", reason=about["reason"])


def _check_sign_in(walk: Walk, notes: Notes, answer: Answer) -> None:
    """The page that people are sent to is there, where it is the authorization server's own."""
    try:
        there = wire.joined(answer.url, answer.header("location"))
        discovery.secure(there, gettext_noop("the sign-in page"), walk.anchor)
        if not walk.is_local and endpoints.is_internal(there):
            notes.fail("internal_address", url=there.partition("?")[0], what=gettext_noop("the sign-in page"))
        elif wire.origin(there) == wire.origin(answer.url):
            _visit(walk, notes, there)
    except Failed as failure:
        notes.add(failure.finding)


def _visit(walk: Walk, notes: Notes, there: str) -> None:
    lines = walk.line.sent, walk.line.got
    page = walk.line.call("GET", there, headers={"Accept": "text/html", "User-Agent": wire.AGENT})
    if page.status >= 400:
        notes.fail("sign_in_unreachable", url=there.partition("?")[0], status=page.status)
    walk.line.sent, walk.line.got = lines


def check_return(walk: Walk, notes: Notes, told: dict[str, str], *, state: str) -> None:
    """An answer to the client carries the issuer and the state that was sent."""
    issuer = text(walk.server, "issuer")
    is_promised = walk.server.get("authorization_response_iss_parameter_supported") is True
    if "iss" not in told:
        if is_promised or walk.profile.needs_iss:
            notes.fail("iss_missing")
    elif told["iss"] != issuer:
        notes.fail("iss_differs", **differing(told["iss"], issuer))
    if told.get("state") != state:
        notes.fail("state_lost")


def probe(walk: Walk, notes: Notes, client: Client) -> None:
    """What no client tries but all rely on: that callbacks, resources and clients nobody registered are refused."""
    stranger = replace(client, redirect_uri="https://stranger.example/callback")
    if came_back(request(walk, stranger, state="", prompt="none"), stranger.redirect_uri) is not None:
        notes.fail("any_callback_taken", uri=stranger.redirect_uri)
    nowhere = walk.resource_name.rstrip("/") + NOWHERE
    told = came_back(request(walk, client, state="s", prompt="none", resource=nowhere), client.redirect_uri)
    if told is not None and told.get("error") in ("login_required", "consent_required", "interaction_required"):
        notes.warn("any_resource_taken", resource=nowhere)
    unknown = request(walk, replace(client, client_id=NOBODY), state="s")
    if unknown.status < 400:
        notes.warn("any_client_taken", status=unknown.status)
