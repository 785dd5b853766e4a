"""What verification may find, each as a sentence that names the row."""

from dataclasses import dataclass
from datetime import date

from authserver.services.ledger.reading import Linked, Row


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written. `event_id` and `link_id` say where; a seal has neither."""

    sentence: str
    event_id: int | None = None
    link_id: int | None = None


def event_changed(linked: Linked) -> Fault:
    return _of_link(linked, f"{name(linked)} was changed after it was written")


def event_or_link_changed(linked: Linked) -> Fault:
    return _of_link(linked, f"{name(linked)} or its link {linked.link_id} was changed after it was written")


def event_missing(linked: Linked, behind: Row | None) -> Fault:
    place = f", behind event {behind['id']} of {behind['at']:%Y-%m-%d}" if behind else ""
    said = f"event {linked.event_id} is missing: it was removed after it was written (link {linked.link_id}{place})"
    return _of_link(linked, said)


def event_unreadable(linked: Linked) -> Fault:
    return _of_link(linked, f"event {linked.event_id} was changed after it was written: it cannot be read any more")


def event_inserted(row: Row, latest: Row) -> Fault:
    said = f"{_told(row)} was inserted behind the chain: events of {latest['at']:%Y-%m-%d} were there before it"
    return Fault(said, event_id=row["id"])


def link_changed(linked: Linked, row: Row | None) -> Fault:
    told = _told(row) if row else f"event {linked.event_id}"
    points = f": it names event {linked.event_id}" if row and row["id"] != linked.event_id else ""
    return _of_link(linked, f"the link of {told} was changed after it was written (link {linked.link_id}{points})")


def links_missing(first: int, last: int) -> Fault:
    which = f"link {first} is" if first == last else f"the links {first} to {last} are"
    return Fault(f"{which} missing: events were removed with their links", link_id=first)


def link_foreign(link_id: int) -> Fault:
    return Fault(f"link {link_id} was put before the chain, which begins with link 1", link_id=link_id)


def seal_forged(month: date) -> Fault:
    return Fault(f"the seal of {month:%Y-%m} was changed: its signature is not ours, or covers something else")


def seal_unfit(month: date, link_id: int) -> Fault:
    said = f"the chain does not lead to the seal of {month:%Y-%m}: what it sealed was written anew"
    return Fault(said, link_id=link_id)


def seal_missing(month: str) -> Fault:
    return Fault(f"the seal of {month} is missing: it was removed after it was written")


def seals_apart(month: date) -> Fault:
    return Fault(f"the seal of {month:%Y-%m} does not go on where the one before it ended")


def removal_untold(month: date) -> Fault:
    return Fault(f"the events of {month:%Y-%m} and before are missing, and no ledger:removed tells of it")


def head_unknown(head: str) -> Fault:
    return Fault(f"the chain never had the hash {head}: it was written anew, or cut off before it")


def unprotected(tables: list[str]) -> Fault:
    return Fault(f"the triggers are missing that protect {', '.join(tables)}")


def name(linked: Linked) -> str:
    return _told(linked.row) if linked.row else f"event {linked.event_id}"


def _told(row: Row) -> str:
    day = f" of {row['at']:%Y-%m-%d}" if row["at"] else ""
    return f"event {row['id']}{day} ({row['tag']})"


def _of_link(linked: Linked, sentence: str) -> Fault:
    return Fault(sentence, event_id=linked.event_id, link_id=linked.link_id)
