"""The lines of ledger exports, and the proof that they go on where the restored ledger ends, without a gap."""

import json
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

from authserver import policy
from authserver.services.ledger import chain, linking

Event = dict[str, Any]
Line = tuple[int | None, str, Event]
WAITING_MAX = 2 * policy.LEDGER_LOOK_BACK  # an export is in the order of ids, which links follow no further apart


class NotReplayable(Exception):
    """Why these lines cannot be believed, as a sentence."""


def checked(lines: Iterable[bytes]) -> int:
    """Return the link of the restored ledger's head: what these lines say up to it is known. Each link behind it is
    computed from the one before: the first has to follow the head, and none may be missing. Raises NotReplayable."""
    head, digest = linking.head()
    number, waiting = head, list[tuple[int, int, str, Event]]()
    for place, (link, said, event) in enumerate(parsed(lines)):
        if link == number and said != digest.hex():
            raise NotReplayable(f"link {link} is not the one of this database: the export is of another ledger")
        if link is not None and link > number:
            heappush(waiting, (link, place, said, event))
        while waiting and waiting[0][0] == number + 1:
            number, _, said, event = heappop(waiting)
            digest = chain.link_hash(digest, chain.encode(event).encode())
            if said != digest.hex():
                raise NotReplayable(f"link {number} does not follow the one before it: a line was changed")
        if len(waiting) > WAITING_MAX:
            break
    if waiting:
        raise NotReplayable(f"link {number + 1} is missing: the exports have to begin where the backup ends")
    return head


def parsed(lines: Iterable[bytes]) -> Iterator[Line]:
    """Yield link, hash and event of each line. Raises NotReplayable, naming the line."""
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            link, said, event = told["link"], told["hash"], told["event"]
            is_one = isinstance(event, dict) and set(event) == set(chain.COLUMNS) and isinstance(event["detail"], dict)
            is_linked = isinstance(link, int) and isinstance(said, str)
        except (ValueError, KeyError, TypeError):
            is_one = is_linked = False
            link = said = event = None
        if not is_one or not (is_linked or (link is None and said is None)):
            raise NotReplayable(f"line {number} is no line of a ledger export")
        yield link, said or "", event
