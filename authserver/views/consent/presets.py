"""Read only, all, or as ticked by hand: what is ticked on the consent page, and by which of these words it goes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.translation import gettext as _

from authserver.forms import Choice
from authserver.models import Scope
from authserver.views.consent.scope_rows import ScopeRow


class Preset(StrEnum):
    READ = "read"
    ALL = "all"
    CUSTOM = "custom"


@dataclass(frozen=True)
class PresetRow:
    value: str
    label: str
    is_chosen: bool


def apply(choice: Choice, shown: Iterable[Scope]) -> Choice:
    """Return the choice with the boxes ticked that its preset means; any other word leaves them as they are."""
    if choice.preset == Preset.READ:
        return replace(choice, ticked=frozenset(each.name for each in shown if each.level == Scope.Level.READ))
    if choice.preset == Preset.ALL:
        return replace(choice, ticked=frozenset(each.name for each in shown))
    return choice


def rows_for(rows: Iterable[ScopeRow]) -> tuple[PresetRow, ...]:
    """Return the presets of a page with these boxes; none where they would all be the same."""
    free = [row for row in rows if not row.is_disabled]
    if not any(row.level != Scope.Level.READ for row in free):
        return ()
    now = _chosen(free)
    labels = {Preset.READ: _("Read only"), Preset.ALL: _("All"), Preset.CUSTOM: _("Custom")}
    return tuple(PresetRow(value.value, label, value == now) for value, label in labels.items())


def _chosen(free: list[ScopeRow]) -> Preset:
    if all(row.is_checked for row in free):
        return Preset.ALL
    is_read = all(row.is_checked == (row.level == Scope.Level.READ) for row in free)
    return Preset.READ if is_read else Preset.CUSTOM
