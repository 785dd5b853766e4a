"""What differs between a form's row and the stored one: what an event says and whether answers change."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model


def differences(row: Model, *, names: Iterable[str]) -> dict[str, list[Any]]:
    """Return `{field: [before, after]}` of what this row would change; everything of a row that is not stored yet.

    The stored row is locked until the transaction ends, so that two forms record what each of them changed.
    """
    stored = type(row)._default_manager.select_for_update(of=("self",)).order_by().filter(pk=row.pk).first()
    pairs = {name: [getattr(stored, name, None), getattr(row, name)] for name in names}
    return {name: pair for name, pair in pairs.items() if stored is None or pair[0] != pair[1]}
