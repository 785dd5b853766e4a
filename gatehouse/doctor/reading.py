"""A document as this client reads it: which addresses it tries, what it forgives."""

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

from gatehouse import wire
from gatehouse.doctor.network import judge_clock, note_slowness
from gatehouse.doctor.walk import Notes, Walk
from gatehouse.documents import Json
from gatehouse.wire import Answer
from gatehouse.words import Failed, failed

UTF_8 = ("", "utf-8", "utf8", "us-ascii")


def first(walk: Walk, notes: Notes, urls: Sequence[str], *, what: str) -> tuple[str, Json] | None:
    """Return the address and the content of the first document that is there, or None where every address says that
    it has none. After 4xx clients try the next; anything else ends the search. Raises Failed."""
    refused: Answer | None = None
    for url in urls:
        answer = follow(walk, notes, url)
        if 400 <= answer.status < 500:
            refused = refused or (answer if answer.status in (401, 403) else None)
            continue
        return url, content(walk, notes, answer, what=what)
    if refused:
        raise failed("metadata_behind_sign_in", url=refused.url, status=refused.status, what=what)
    return None


def follow(walk: Walk, notes: Notes, url: str) -> Answer:
    """Return the answer to a GET, redirects within the origin followed and noted. Raises Failed."""
    here = url
    accept = {"Accept": walk.profile.metadata_accept} if walk.profile.metadata_accept else {}
    headers = walk.headers(**accept) | {"MCP-Protocol-Version": walk.revision}
    for _ in range(wire.REDIRECTS_MAX + 1):
        answer = walk.line.call("GET", here, headers=headers)
        if answer.status not in wire.REDIRECTS:
            return answer
        there = wire.joined(here, answer.header("location"))
        if wire.origin(there) != wire.origin(url):
            break
        notes.warn("metadata_redirected", url=here, location=there)
        here = there
    raise failed("moved", url=url, location=there)


def content(walk: Walk, notes: Notes, answer: Answer, *, what: str) -> Json:
    """Return the JSON object of an answer, and note what only some clients forgive. Raises Failed."""
    if answer.status != 200:
        raise failed("bad_status", url=answer.url, status=answer.status, what=what)
    plain = _unpacked(notes, answer)
    found = _parsed(plain)
    kind, _, rest = answer.header("content-type").partition(";")
    if found is None:
        raise failed("not_json", url=answer.url, kind=kind.strip() or "no content type", what=what)
    if kind.strip().lower() != "application/json":
        notes.warn("wrong_content_type", url=answer.url, kind=kind.strip() or "nothing")
    charset = rest.partition("charset=")[2].strip(' "').lower()
    if charset not in UTF_8:
        notes.warn("odd_charset", url=answer.url, charset=charset)
    note_slowness(answer, notes)
    judge_clock(walk, notes, answer)
    return found


def _unpacked(notes: Notes, answer: Answer) -> Answer:
    encoding = answer.header("content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return answer
    notes.warn("compressed_unasked", url=answer.url, encoding=encoding)
    try:
        with gzip.GzipFile(fileobj=BytesIO(answer.body)) as unpacking:
            return replace(answer, body=unpacking.read(wire.ANSWER_BYTES_MAX))  # what is more is no metadata
    except (OSError, EOFError, zlib.error):
        return answer


def _parsed(answer: Answer) -> Json | None:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def misplaced(walk: Walk, notes: Notes, url: str, elsewhere: Sequence[str], *, what: str) -> Failed:
    """Return the failure of a document that is at none of its addresses: where it is instead, or that it is nowhere."""
    lines = walk.line.sent, walk.line.got
    found = next((other for other in elsewhere if _is_there(walk, other)), "")
    walk.line.sent, walk.line.got = lines
    if found:
        return failed("metadata_misplaced", url=url, found=found, what=what)
    return failed("not_found", url=url, what=what)


def _is_there(walk: Walk, url: str) -> bool:
    try:
        answer = walk.line.call("GET", url, headers=walk.headers(Accept="application/json"))
    except Failed:
        return False
    told = _parsed(answer) or {}
    return answer.status == 200 and bool(told.keys() & {"issuer", "authorization_servers"})


def note_empty(walk: Walk, notes: Notes, document: Json, url: str) -> None:
    """Members without a value are refused by clients that check documents by a schema."""
    empty = [name for name, value in document.items() if value is None or value == ""]
    if empty:
        notes.judge("null_members", fails=walk.profile.refuses_null, url=url, members=" ".join(empty))
