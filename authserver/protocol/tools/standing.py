"""What a connection makes of the tools of an MCP server: which it may call, which it may still ask for, and which it
does not get to see.

Every published set of tools has a version, and every tool the version since which it is what it is. A connection knows
the version that its person saw; what came later waits until somebody approves it, although its scopes are granted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Tool:
    """A tool as its resource server published it. `since` is 0 for those of the first publication: whoever was
    connected before it had them already. `absences` are the versions later than `since` that were without it."""

    name: str
    title: str
    description: str
    scopes: frozenset[str]
    is_read_only: bool
    is_destructive: bool
    is_open_world: bool
    since: int
    absences: tuple[range, ...] = ()

    def was_shown_at(self, version: int) -> bool:
        """Tell whether whoever approved this version was shown the tool with its power."""
        return self.since <= version and not any(version in absence for absence in self.absences)


@dataclass(frozen=True)
class Manifest:
    """All tools of one endpoint, in the order of their servers; version 0 where none were ever published."""

    version: int = 0
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class Reach:
    """How far a connection reaches: its scopes as they are worth now; those that it shall not be offered again (not
    ticked when asked for, unticked later, withheld, or beyond the person's role); and the version of the tools that a
    person or an admin of the handle approved."""

    scopes: frozenset[str]
    declined: frozenset[str]
    version: int


class Standing(StrEnum):
    USABLE = "usable"  # listed, and called without asking
    ASKS = "asks"  # listed; a call of it asks the person for the scopes that are missing (step-up)
    NEW = "new"  # not listed: it came after the person allowed its scopes, and waits for their word
    DECLINED = "declined"  # not listed: a scope that it needs was declined


LISTED = frozenset({Standing.USABLE, Standing.ASKS})


def standing_of(tool: Tool, reach: Reach) -> Standing:
    """Return what a tool is to a connection that reaches this far."""
    if tool.scopes & reach.declined - reach.scopes:
        return Standing.DECLINED
    if not tool.scopes <= reach.scopes:
        return Standing.ASKS
    return Standing.USABLE if tool.was_shown_at(reach.version) else Standing.NEW


def withheld(tools: Iterable[Tool], reach: Reach) -> list[str]:
    """Return the names of the tools that a resource server must neither list nor run for this connection, sorted."""
    return sorted({tool.name for tool in tools if standing_of(tool, reach) not in LISTED})
