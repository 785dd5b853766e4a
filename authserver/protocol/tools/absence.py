"""Tools that a publication left out: gone for a while, or for good.

An older process that starts again publishes the tools of its day. What it leaves out must neither be let through by a
newer process, which still runs it, nor be new to everybody when it is published again. So a tool keeps the versions
that were without it: whoever approved one of those was not shown it.
"""

from dataclasses import replace

from authserver import policy
from authserver.protocol.tools.standing import Tool

STILL = 2**31 - 1  # the end of an absence that lasts; no version gets there


def gone(tool: Tool, version: int) -> Tool:
    """Return a tool as it is kept when the publication with this version leaves it out."""
    return replace(tool, absences=_bounded((*tool.absences, range(version, STILL))))


def back(tool: Tool, version: int) -> Tool:
    """Return a tool that is published again with this version, or was there all the time."""
    return replace(tool, absences=tuple(range(each.start, min(each.stop, version)) for each in tool.absences))


def written(absences: tuple[range, ...]) -> str:
    """Return absences as a row has them: the first version without and the first with the tool again, `3-4 7-9`."""
    return " ".join(f"{each.start}-{each.stop}" for each in absences)


def read(text: str) -> tuple[range, ...]:
    """Return absences from what `written` returned."""
    return tuple(range(int(first), int(end)) for first, end in (each.split("-") for each in text.split()))


def _bounded(absences: tuple[range, ...]) -> tuple[range, ...]:
    """Return at most policy.TOOL_ABSENCES_MAX of them. The two oldest become one, with what lay between: too many
    people asked again is better than one never asked."""
    if len(absences) <= policy.TOOL_ABSENCES_MAX:
        return absences
    first, second, *later = absences
    return (range(first.start, second.stop), *later)
