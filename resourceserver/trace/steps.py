"""The steps of connection attempts that were not told yet: folded, and bounded in number.

A step says where, from where and what came of it. It holds no credential; one that is not good is named by its digest,
from which only the authorization server can find out whose it was.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["challenge", "resource_metadata", "call"]

MAX_STEPS = 2_000
# Nobody's trouble needs more lines than these, and a flood is told by them as well as by all of it.
STEPS_PER_ADDRESS_AND_MINUTE = 120
STEPS_PER_MINUTE = 1_200


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. ``code`` is the reason of a refusal, or how it went well; ``address`` and ``agent`` are the caller's,
    ``tool`` is one that this server has."""

    kind: Kind
    ok: bool
    resource: str
    address: str
    agent: str
    code: str = ""
    tool: str = ""
    connection_id: str = ""
    credential_digest: str = ""


@dataclass
class Row:
    """A step as it is told: under the id of the first request of its kind, with that one's time, and how many."""

    step: Step
    request_id: str
    at: float
    count: int = 1

    def members(self) -> dict[str, Any]:
        """Return the members on the wire; those that say nothing are left out."""
        told = {name: value for name, value in asdict(self.step).items() if value != ""}
        return told | {"request_id": self.request_id, "at": round(self.at, 3), "count": self.count}


class StepBook:
    """The steps of one account. Those that are alike are one row until it is taken."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Step, Row] = OrderedDict()
        self._minute = 0
        self._of_minute: dict[str, int] = {}
        self._all_of_minute = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, step: Step, request_id: str, *, at: float) -> str:
        """Count a step; return the id under which it is told, or nothing where there are too many already. ``at`` is
        Unix time."""
        row = self._rows.get(step)
        if row is not None:
            row.count += 1
            return row.request_id
        if not self._has_room(step.address, int(at // 60)):
            return ""
        self._rows[step] = Row(step, request_id, at)
        self._bound()
        return request_id

    def take(self, most: int) -> list[Row]:
        """Take out the oldest rows, at most so many."""
        return [self._rows.popitem(last=False)[1] for _ in range(min(len(self._rows), most))]

    def put_back(self, rows: Iterable[Row]) -> None:
        """Take in again what could not be told; it is older than all that came since."""
        for row in reversed(list(rows)):
            if since := self._rows.get(row.step):
                row.count += since.count
            self._rows[row.step] = row
            self._rows.move_to_end(row.step, last=False)
        self._bound()

    def _has_room(self, address: str, minute: int) -> bool:
        if minute != self._minute:
            self._minute, self._all_of_minute = minute, 0
            self._of_minute.clear()
        so_far = self._of_minute.get(address, 0)
        if so_far >= STEPS_PER_ADDRESS_AND_MINUTE or self._all_of_minute >= STEPS_PER_MINUTE:
            return False
        self._of_minute[address] = so_far + 1
        self._all_of_minute += 1
        return True

    def _bound(self) -> None:
        while len(self._rows) > MAX_STEPS:
            self._rows.popitem(last=False)
