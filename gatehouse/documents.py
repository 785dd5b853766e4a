"""An answer, read as the JSON object that it has to be."""

import json
from collections.abc import Sequence

from gatehouse import wire
from gatehouse.wire import Answer
from gatehouse.words import failed

Json = dict[str, object]


def first(urls: Sequence[str], what: str) -> tuple[str, Json]:
    """Return the address and the content of the first document that is there; 404 means try the next, as clients do.
    `what` is its name in sentences. Raises Failed."""
    for url in urls[:-1]:
        answer = wire.get(url)
        if answer.status != 404:
            return url, read(answer, what)
    return urls[-1], read(wire.get(urls[-1]), what)


def read(answer: Answer, what: str) -> Json:
    """Return the content of a document that was answered with 200. Raises Failed."""
    if answer.status == 404:
        raise failed("not_found", url=answer.url, what=what)
    if answer.status != 200:
        raise failed("bad_status", url=answer.url, status=answer.status, what=what)
    found = parsed(answer)
    if found is None:
        kind = answer.header("content-type") or "no content type"
        raise failed("not_json", url=answer.url, kind=kind, what=what)
    return found


def parsed(answer: Answer) -> Json | None:
    """Return the JSON object of an answer that says it is JSON, else None."""
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return None
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text(document: Json, member: str) -> str:
    """Return a member that is a text, else nothing."""
    found = document.get(member)
    return found if isinstance(found, str) else ""


def texts(document: Json, member: str) -> tuple[str, ...]:
    """Return the texts of a member that is a list, else none."""
    found = document.get(member)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
