"""Members that entries of a report have in common: each is read strictly, and what cannot be believed is bounded."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from authserver import policy
from authserver.protocol.errors import Refusal


class Wrong(Exception):
    """Names the member that is not as it has to be."""


def malformed(what: str) -> Refusal:
    """Return the refusal of a report; `what` names what is wrong with it and repeats nothing of it."""
    return Refusal("invalid_request", f"{what}.", "report:malformed")


def connection_id(entry: Mapping[str, Any]) -> UUID:
    """Return the `connection_id`. Raises Wrong."""
    text = entry.get("connection_id")
    try:
        return UUID(text if isinstance(text, str) else "")
    except ValueError:
        raise Wrong(".connection_id must be the connection_id of an introspection answer") from None


def tool(entry: Mapping[str, Any]) -> str:
    """Return the name of a tool, shortened; what nobody can read in it is replaced. Raises Wrong."""
    name = entry.get("tool")
    if not isinstance(name, str) or not name.strip():
        raise Wrong(".tool must be the name of a tool")
    readable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name[: policy.TOOL_LENGTH_MAX])
    return readable.strip() or "\ufffd"


def count(entry: Mapping[str, Any]) -> int:
    """Return how often it happened: once where nothing is said, policy.REPORT_COUNT_MAX times at most. Raises Wrong."""
    number = entry.get("count", 1)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Wrong(".count must be a whole number")
    return max(1, min(number, policy.REPORT_COUNT_MAX))
