"""The acts of this room, and the events that each writes: for tests/authserver/services/test_events.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver.services.standing import members, security
from handles.roles import Role
from tests.authserver.services.conftest import NOW
from tests.tampering import forget_events


def add_carol(stage: Any) -> Any:
    by = stage.world.alice.user
    return members.add(stage.connection.handle, stage.world.carol.user, Role.MEMBER, by=by, now=NOW)


def remove_carol(stage: Any) -> None:
    handle, by = stage.connection.handle, stage.world.alice.user
    add_carol(stage)
    forget_events()
    members.remove(handle, stage.world.carol.user, by=by, now=NOW)


def give_role(role: Role) -> Callable[[Any], Any]:
    return lambda stage: members.set_role(
        stage.connection.handle, stage.world.bob.user, role, by=stage.world.alice.user, now=NOW
    )


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a person is made a member": (add_carol, [("member:added", "person")]),
    "a member gets another role": (give_role(Role.ADMIN), [("member:role_changed", "person")]),
    "a factor is added": (
        lambda stage: security.factor_added(stage.world.alice.user, kind="totp"),
        [("person:factor_added", "person")],
    ),
    "a factor is removed": (
        lambda stage: security.factor_removed(stage.world.alice.user, kind="totp"),
        [("person:factor_removed", "person")],
    ),
    "a password is changed": (
        lambda stage: security.password_changed(stage.world.alice.user, way="reset"),
        [("person:password_changed", "person")],
    ),
    "an address is changed": (
        lambda stage: security.email_changed(stage.world.alice.user, now=NOW),
        [("person:email_changed", "person")],
    ),
    "a member is removed": (remove_carol, [("member:removed", "person")]),
}
