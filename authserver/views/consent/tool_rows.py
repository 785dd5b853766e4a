"""The tools that a client gets with what is ticked, as the consent page lists them.

The rule is `protocol.tools`, the same that introspection asks. Without a script the page lists what every box unlocks;
the script hides what is not ticked, by the attributes that a row carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext

from authserver.models import Connection, Scope
from authserver.protocol import tools
from authserver.protocol.scopes import Catalog
from authserver.protocol.tools import Ground, Manifest, Reach, Standing, Tool
from authserver.services import catalog
from authserver.services.tools import waiting
from authserver.views.consent.scope_rows import ScopeRow
from authserver.views.consent.seats import Seats
from authserver.views.consent.words import plurals
from handles.access import Seat
from handles.roles import RANK, Role


@dataclass(frozen=True)
class ToolRow:
    """One tool. `unlocked_by` is the last box of this page that it takes, `needs` are all of them; of its other scopes,
    `role_needed` is the role that they take, and `kept_from` the handles where they are not to be had."""

    name: str
    title: str
    level: str
    level_label: str
    is_read_only: bool
    standing: Standing
    unlocked_by: str
    needs: str
    also_needs: tuple[str, ...]
    role_needed: str
    kept_from: str

    @property
    def is_usable(self) -> bool:
        return self.standing == Standing.USABLE


@dataclass(frozen=True)
class ToolGroup:
    """The tools that one box unlocks, or, without a box, those of every connection."""

    scope: str
    title: str
    is_ticked: bool
    rows: tuple[ToolRow, ...]


@dataclass(frozen=True)
class ToolList:
    """`groups` has what the boxes unlock, ticked or not; `asking` what is asked for when it is called; `new` what came
    since the connection at the handle `new_at` was allowed."""

    version: int
    groups: tuple[ToolGroup, ...]
    asking: tuple[ToolRow, ...]
    new: tuple[ToolRow, ...]
    new_at: str

    @cached_property
    def usable(self) -> list[ToolRow]:
        return [row for group in self.groups for row in group.rows if row.is_usable]

    @property
    def count(self) -> str:
        """Say how many tools there are with what is ticked, and how many of them do more than read."""
        changing = sum(not row.is_read_only for row in self.usable)
        return _together() % {
            "tools": _in_all(len(self.usable)) % {"count": len(self.usable)},
            "changing": _changing(changing) % {"count": changing},
        }

    @property
    def count_asking(self) -> str:
        asking = sum(row.standing == Standing.ASKS for row in self.asking)
        return _asking(asking) % {"count": asking}

    @property
    def words(self) -> dict[str, str]:
        """Return the same sentences for the script."""
        return {
            "together": _together(),
            "tools": plurals(_in_all),
            "changing": plurals(_changing),
            "asking": plurals(_asking),
        }


def _together() -> str:
    return gettext("%(tools)s, %(changing)s")


def _in_all(count: int) -> str:
    return ngettext("%(count)d tool", "%(count)d tools", count)


def _changing(count: int) -> str:
    return ngettext("%(count)d can change data", "%(count)d can change data", count)


def _asking(count: int) -> str:
    return ngettext("Asks you first: %(count)d more", "Asks you first: %(count)d more", count)


def build(
    manifest: Manifest, *, wanted: Sequence[str], rows: Sequence[ScopeRow], seats: Seats, focus: Seat | None
) -> ToolList | None:
    """Return the tools of an endpoint for a page with these boxes, or None where it has none to show. `focus` is the
    handle in question, or the one that is chosen already while another can be."""
    if not manifest.tools:
        return None
    outlook = _Outlook(manifest, tuple(wanted), tuple(rows), seats, focus, catalog.current())
    drawn = {tool.name: outlook.row(tool) for tool in manifest.tools if outlook.reachable(tool)}
    asking = tuple(drawn[tool.name] for tool in manifest.tools if tool.name in drawn and not tool.scopes <= outlook.all)
    groups = _groups([row for row in drawn.values() if row not in asking], rows)
    new = waiting.at(outlook.mine, manifest, role=focus.role) if outlook.mine and focus else ()
    return ToolList(
        version=manifest.version,
        groups=groups,
        asking=asking,
        new=tuple(drawn[tool.name] for tool in new if tool.name in drawn),
        new_at=focus.handle.slug if focus else "",
    )


@dataclass(frozen=True)
class _Outlook:
    """What every tool of a page is measured by. Where the handle is still open, nothing is out of reach yet."""

    manifest: Manifest
    wanted: tuple[str, ...]
    boxes: tuple[ScopeRow, ...]
    seats: Seats
    focus: Seat | None
    known: Catalog

    @cached_property
    def mine(self) -> Connection | None:
        return self.seats.standing.at(self.focus.handle) if self.focus else None

    @cached_property
    def all(self) -> frozenset[str]:
        """All that this page can grant: the boxes that can be ticked, and what is granted without one."""
        return frozenset(self.wanted) - {box.name for box in self.boxes if box.disabled_reason}

    @cached_property
    def ticked(self) -> frozenset[str]:
        return self.all - {box.name for box in self.boxes if not box.is_checked}

    @cached_property
    def now(self) -> Reach:
        return self._reach(self.ticked, waiting.ground_of(self.mine) if self.mine else Ground(""))

    @cached_property
    def at_most(self) -> Reach:
        settled = self.seats.settled and self.mine
        return self._reach(self.all, waiting.ground_of(settled) if settled else Ground(""))

    def _reach(self, granted: frozenset[str], ground: Ground) -> Reach:
        """Return how far the connection reaches once this is granted by whoever has read the page."""
        settled = self.seats.settled
        return tools.reach_of(
            self.manifest.tools,
            tools.after(ground, self.wanted, granted),
            worth=granted,
            version=self.manifest.version,
            role=settled.role if settled else Role.OWNER,
            catalog=self.known,
        )

    def reachable(self, tool: Tool) -> bool:
        return tools.standing_of(tool, self.at_most) in tools.LISTED

    def row(self, tool: Tool) -> ToolRow:
        level, label = level_of(tool)
        others = tool.scopes - frozenset(self.wanted)
        needs = [box for box in self.boxes if box.name in tool.scopes]
        free = [box for box in needs if not box.is_required]
        return ToolRow(
            name=tool.name,
            title=tool.title,
            level=level,
            level_label=label,
            is_read_only=tool.is_read_only,
            standing=tools.standing_of(tool, self.now),
            unlocked_by=free[-1].name if free else "",
            needs=" ".join(box.name for box in needs),
            also_needs=tuple(box.title for box in free[:-1]),
            role_needed=max((self.known[name].role for name in others), key=RANK.__getitem__, default=""),
            kept_from=" ".join(sorted(self.seats.standing.kept_from(others))),
        )


def level_of(tool: Tool) -> tuple[str, str]:
    """Return how far a tool goes, as its server says: the level whose look it has, and the word."""
    if tool.is_read_only:
        return Scope.Level.READ.value, gettext("Read")
    if tool.is_destructive:
        return Scope.Level.MANAGE.value, gettext("May delete")
    return Scope.Level.CHANGE.value, gettext("Change")


def _groups(drawn: Sequence[ToolRow], boxes: Sequence[ScopeRow]) -> tuple[ToolGroup, ...]:
    """Return the tools under what unlocks them, in the order of the boxes; those that need none first."""
    always = tuple(row for row in drawn if not row.unlocked_by)
    found = [ToolGroup("", gettext("With every connection"), True, always)] if always else []
    for box in boxes:
        unlocked = tuple(row for row in drawn if row.unlocked_by == box.name)
        if unlocked:
            found.append(ToolGroup(box.name, box.title, box.is_checked, unlocked))
    return tuple(found)
