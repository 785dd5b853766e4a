"""The token endpoint, asked with a code that nobody gave: whether it answers in its own form."""

import base64
from urllib.parse import quote, urlencode

from gatehouse import documents
from gatehouse.doctor import cors
from gatehouse.doctor.authorizing import NOBODY, VERIFIER
from gatehouse.doctor.profiles import BASIC, NONE, POST_BODY, SIGNED
from gatehouse.doctor.walk import Client, Notes, Walk
from gatehouse.documents import text
from gatehouse.wire import REDIRECTS, Answer

CODE = "a-code-that-nobody-gave"


def exchange(walk: Walk, notes: Notes) -> None:
    """A made-up code is answered with `invalid_grant` in JSON; that may not be stored, and pages may read it."""
    url = walk.endpoint("token_endpoint")
    client = walk.client or Client(NOBODY, walk.profile.redirect_uri, NONE)
    answer = _present(walk, url, client)
    error = _error(walk, notes, answer)
    if not error:
        return
    if error == "invalid_client" and client.is_registered and client.method != SIGNED:
        notes.fail("method_refused", method=client.method)
    elif error not in ("invalid_grant", "invalid_client") or answer.status not in (400, 401):
        notes.warn("token_error_unclear", status=answer.status, error=error)
    if "no-store" not in answer.header("cache-control"):
        notes.warn("token_cached")
    if walk.profile.page_origin:
        cors.check_allowed(walk, notes, answer)
    lines = walk.line.sent, walk.line.got
    if walk.profile.probes:
        _try_nobody(walk, notes, url)
    walk.line.sent, walk.line.got = lines


def _present(walk: Walk, url: str, client: Client) -> Answer:
    """Return the answer to a code of ours. The secret goes where the method says (RFC 6749 §2.3.1)."""
    form = {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": client.redirect_uri,
        "code_verifier": VERIFIER,
        "resource": walk.resource_name,
    }
    headers = walk.headers(Content_Type="application/x-www-form-urlencoded", Accept="application/json")
    if walk.profile.page_origin:
        headers["Origin"] = walk.profile.page_origin
    if client.method == BASIC:
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = client.client_id
    if client.method == POST_BODY:
        form["client_secret"] = client.secret
    return walk.line.call(
        "POST", url, headers=headers, body=urlencode(form).encode(), tells="a made-up code", shows="cache-control"
    )


def _error(walk: Walk, notes: Notes, answer: Answer) -> str:
    """Return the error of an answer that is one; else what it is instead is noted."""
    told = documents.parsed(answer)
    error = text(told or {}, "error")
    if answer.status in REDIRECTS or answer.status >= 500 or not error:
        kind = answer.header("content-type").partition(";")[0] or "no content type"
        notes.fail("token_not_json", url=answer.url, status=answer.status, kind=kind)
        return ""
    walk.line.say(walk.line.sent, f"{walk.line.got}, {error}")
    return error


def _try_nobody(walk: Walk, notes: Notes, url: str) -> None:
    """A client that does not exist is told so: SDKs register anew on `invalid_client`."""
    answer = _present(walk, url, Client(NOBODY, walk.profile.redirect_uri, NONE))
    error = text(documents.parsed(answer) or {}, "error")
    if error != "invalid_client" or answer.status not in (400, 401):
        notes.warn("token_error_unclear", status=answer.status, error=error or "no error")
