"""What a page in a browser may do: who may call, which headers it may send, what it may read. Obeys: Fetch §3.3."""

from gatehouse.doctor.challenge import remember
from gatehouse.doctor.walk import Notes, Skipped, Walk
from gatehouse.documents import text
from gatehouse.wire import Answer
from gatehouse.words import Failed

ANY = "*"


def try_as_page(walk: Walk, notes: Notes) -> None:
    """Pages of this client may call the MCP URL and the endpoints, and read what they answer."""
    if not walk.profile.page_origin or (walk.opening is None and walk.metadata is None):
        raise Skipped
    if walk.profile.page_calls_mcp and walk.opening is not None:
        _preflight(walk, notes, walk.url, "POST", ("authorization", "content-type", "mcp-protocol-version"))
        _read_challenge(walk, notes, walk.opening)
    if walk.metadata is None:
        return
    try:
        answer = walk.line.call("GET", walk.metadata_url, headers=_headers(walk), shows="access-control-allow-origin")
        check_allowed(walk, notes, answer)
    except Failed as failure:
        notes.add(failure.finding)
    if text(walk.metadata, "registration_endpoint"):
        _preflight(walk, notes, text(walk.metadata, "registration_endpoint"), "POST", ("content-type",))
    if text(walk.metadata, "token_endpoint"):
        _preflight(walk, notes, text(walk.metadata, "token_endpoint"), "POST", ("authorization",))


def _headers(walk: Walk, **own: str) -> dict[str, str]:
    return walk.headers(**own) | {"Origin": walk.profile.page_origin}


def _preflight(walk: Walk, notes: Notes, url: str, method: str, wanted: tuple[str, ...]) -> None:
    own = {"Access_Control_Request_Method": method, "Access_Control_Request_Headers": ",".join(wanted)}
    try:
        answer = walk.line.call("OPTIONS", url, headers=_headers(walk, **own), shows="access-control-allow-origin")
    except Failed as failure:
        notes.add(failure.finding)
        return
    if answer.status >= 300 or not check_allowed(walk, notes, answer):
        notes.judge("cors_blocked", fails=_fails(walk), url=url, origin=walk.profile.page_origin, told=_told(answer))
        return
    listed = {name.strip().lower() for name in ",".join(_all(answer, "access-control-allow-headers")).split(",")}
    for header in wanted:
        # Authorization is never meant by the star (Fetch, "CORS non-wildcard request-header name").
        if header not in listed and (ANY not in listed or header == "authorization"):
            notes.judge("cors_headers", fails=_fails(walk), url=url, origin=walk.profile.page_origin, header=header)


def check_allowed(walk: Walk, notes: Notes, answer: Answer) -> bool:
    """Tell whether a page of this client may read an answer; else that is noted."""
    origin = walk.profile.page_origin
    if _told(answer) in (ANY, origin):
        return True
    notes.judge("cors_blocked", fails=_fails(walk), url=answer.url, origin=origin, told=_told(answer))
    return False


def _read_challenge(walk: Walk, notes: Notes, answer: Answer) -> None:
    remember(walk, answer)
    if not check_allowed(walk, notes, answer):
        return
    exposed = {name.strip().lower() for name in ",".join(_all(answer, "access-control-expose-headers")).split(",")}
    if not exposed & {"www-authenticate", ANY}:
        notes.judge("cors_not_exposed", fails=_fails(walk), url=answer.url, origin=walk.profile.page_origin)


def _fails(walk: Walk) -> bool:
    """A client that is a page stops; of others we say what their page would meet."""
    return walk.profile.page_calls_mcp


def _told(answer: Answer) -> str:
    return answer.header("access-control-allow-origin") or "not sent"


def _all(answer: Answer, name: str) -> tuple[str, ...]:
    return answer.headers.get(name, ())
