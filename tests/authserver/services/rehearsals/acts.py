"""What is done about rehearsals, and the events that it writes, for test_events.py beside this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver.models import Rehearsal
from authserver.services.rehearsals import acts
from handles.models import Handle
from tests.authserver.services.conftest import NOW, refresh
from tests.tampering import forget_events


def begin(stage: Any) -> Rehearsal:
    Handle.objects.update(is_for_testing=True)
    begun = acts.begin(stage.connection, Rehearsal.Fault.EXPIRY, by=stage.world.alice.user, now=NOW)
    assert isinstance(begun, Rehearsal)
    return begun


def meet(stage: Any) -> None:
    begin(stage)
    forget_events()
    refresh(stage.pair.refresh_token, stage.client)


def call_off(stage: Any) -> None:
    begun = begin(stage)
    forget_events()
    acts.call_off(begun, by=stage.world.alice.user, now=NOW)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "an admin of the handle lets a connection meet a fault": (begin, [("rehearsal:begun", "person")]),
    "its client meets it": (
        meet,
        [("rehearsal:met", "client"), ("rehearsal:ended", "client"), ("credential:refreshed", "client")],
    ),
    "it is called off": (call_off, [("rehearsal:ended", "person")]),
}
