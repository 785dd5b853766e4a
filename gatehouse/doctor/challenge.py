"""The answer to a call without a credential, and to one with a credential that nobody made."""

import json

from gatehouse import challenges, discovery, documents, wire
from gatehouse.doctor.profiles import BOTH_KINDS
from gatehouse.doctor.walk import Notes, Skipped, Walk
from gatehouse.wire import Answer
from gatehouse.words import Failed
from gatehouse.words.marking import gettext_noop

# Well-formed (the last six characters are a right checksum), and of nobody.
UNKNOWN = "mcpv1_" + "0" * 42 + "1" + "1E4YTA"
MALFORMED = "nonsense"


def look_at_challenge(walk: Walk, notes: Notes) -> None:
    """401, with a Bearer challenge that this client can read."""
    if walk.opening is None:
        raise Skipped
    remember(walk, walk.opening)
    if walk.opening.status != 401:
        _name_status(walk, notes, walk.opening)
        return
    _read(walk, notes, walk.opening)
    present(walk, notes, UNKNOWN)
    if walk.profile.probes:
        present(walk, notes, MALFORMED)
    remember(walk, walk.opening)


def remember(walk: Walk, answer: Answer) -> None:
    """Let the lines tell of the first request again."""
    walk.line.sent = f"{walk.profile.opening.value.partition(' ')[0]} {answer.url}"
    walk.line.tell(answer, shows="location" if answer.status in wire.REDIRECTS else "www-authenticate")


def _name_status(walk: Walk, notes: Notes, answer: Answer) -> None:
    status, url, method = answer.status, walk.url, walk.profile.opening.value
    if _misplaced(answer):
        notes.fail("challenge_on_wrong_header", url=url, header=_misplaced(answer))
    elif status in wire.REDIRECTS:
        notes.fail("challenge_redirects", url=url, location=answer.header("location"))
    elif status == 403:
        notes.fail("forbidden", url=url)
    elif status == 404:
        notes.fail("not_found", url=url, what=gettext_noop("the MCP server"))
    elif status < 300:
        _name_openness(walk, notes, status)
    elif status in (400, 405, 406, 415, 501):
        notes.fail("probe_refused", url=url, status=status, method=method)
    else:
        notes.fail("no_challenge", url=url, status=status)


def _name_openness(walk: Walk, notes: Notes, status: int) -> None:
    if _names_server(walk):
        notes.warn("sign_in_later", url=walk.url, status=status)
    else:
        notes.fail("no_sign_in", url=walk.url, status=status)


def _names_server(walk: Walk) -> bool:
    """Tell whether there is resource metadata all the same: some servers ask for sign-in at single tools only."""
    lines = walk.line.sent, walk.line.got
    try:
        answer = walk.line.call("GET", discovery.well_known_of_resource(walk.url)[0], headers=walk.headers())
        told = documents.parsed(answer) if answer.status == 200 else None
    except Failed:
        told = None
    walk.line.sent, walk.line.got = lines
    return bool(documents.texts(told or {}, "authorization_servers"))


def _misplaced(answer: Answer) -> str:
    """Return the name of a header that holds a challenge where none belongs, or nothing."""
    others = (name for name in answer.headers if name != "www-authenticate")
    held = (name for name in others if any("resource_metadata=" in value for value in answer.headers[name]))
    return next(held, "").title()


def _read(walk: Walk, notes: Notes, answer: Answer) -> None:
    found = challenges.parse(answer.headers.get("www-authenticate", ()))
    needed = walk.profile.needs_challenge
    if found is None:
        header = _misplaced(answer)
        if header:
            notes.judge("challenge_on_wrong_header", fails=needed, url=walk.url, header=header)
        else:
            notes.judge("no_bearer", fails=needed, url=walk.url)
        return
    if not found.is_first:
        notes.judge("bearer_not_first", fails=needed and walk.profile.reads_first_scheme_only, url=walk.url)
    walk.challenge = found
    _check_parameters(walk, notes, found)


def _check_parameters(walk: Walk, notes: Notes, found: challenges.Challenge) -> None:
    if not found.is_quoted:
        notes.warn("challenge_unquoted", url=walk.url)
    if not found.metadata_url:
        notes.warn("no_metadata_pointer", url=walk.url)
    if found.error:
        notes.warn("error_without_credential", url=walk.url, error=found.error)
    if "offline_access" in found.scopes:
        notes.warn("offline_access_in_resource")


def present(walk: Walk, notes: Notes, bearer: str) -> None:
    """Call with a credential that nobody made: 401 with `invalid_token`, so that clients refresh or sign in again.
    Obeys: RFC 6750 §3.1."""
    body = json.dumps(discovery.HELLO).encode()
    headers = walk.headers(Content_Type="application/json", Accept=BOTH_KINDS, Authorization=f"Bearer {bearer}")
    tells = "with a made-up credential" if bearer is UNKNOWN else "with a malformed credential"
    try:
        answer = walk.line.call("POST", walk.url, headers=headers, body=body, tells=tells, shows="www-authenticate")
    except Failed as failure:
        notes.add(failure.finding)
        return
    if answer.status >= 500:
        notes.fail("credentials_not_checked", url=walk.url, status=answer.status)
    elif answer.status != 401:
        notes.fail("bad_credential_accepted", url=walk.url, status=answer.status)
    else:
        found = challenges.parse(answer.headers.get("www-authenticate", ()))
        if found is None or found.error != "invalid_token":
            notes.warn("bad_credential_unnamed", url=walk.url)
