"""The acts of this room, and the events that each writes: for tests/authserver/services/test_events.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver import policy
from authserver.services import personal_data
from authserver.services.events import Actor
from authserver.services.standing import founding, invitations, joining, members, ownership, security
from authserver.services.standing.founding import Wish
from authserver.services.standing.invitations import Offer
from handles.models import Handle
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


def invite(stage: Any, email: str = "carol@example.com") -> Any:
    offer = Offer(Role.MEMBER, policy.INVITATION_LIFETIME, email)
    return invitations.create(stage.connection.handle, offer, by=stage.world.alice.user, now=NOW)


def answer_invitation(act: Callable[..., Any], who: str = "carol") -> Callable[[Any], None]:
    def run(stage: Any) -> None:
        row = invite(stage).row
        forget_events()
        held = {} if act is invitations.revoke else {"held": ()}
        act(row, by=getattr(stage.world, who).user, now=NOW, **held)

    return run


def ask_to_join(stage: Any) -> Any:
    return joining.ask(stage.connection.handle, by=stage.world.carol.user, now=NOW)


def answer_join(act: Callable[..., Any]) -> Callable[[Any], None]:
    def run(stage: Any) -> None:
        row = ask_to_join(stage)
        forget_events()
        act(row, by=stage.world.alice.user, now=NOW)

    return run


def transfer(stage: Any) -> None:
    ownership.transfer(stage.connection.handle, stage.world.bob.user, by=stage.world.alice.user, now=NOW)


def take_out(stage: Any) -> Any:
    person = stage.world.alice.user
    return personal_data.export(person, by=person, actor=Actor.PERSON, now=NOW)


def erase_bob(stage: Any) -> Any:
    person = stage.world.bob.user
    Handle.objects.filter(slug="initech").delete()
    return personal_data.erase(person, by=person, actor=Actor.PERSON, now=NOW)


PEOPLE: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a person makes a handle": (
        lambda stage: founding.create(Wish("umbrella", "Umbrella"), by=stage.world.carol.user, now=NOW),
        [("handle:created", "person")],
    ),
    "an owner suspends a handle": (
        lambda stage: ownership.set_status(
            stage.connection.handle, Handle.Status.SUSPENDED, by=stage.world.alice.user, now=NOW
        ),
        [("handle:changed", "person")],
    ),
    "an owner gives a handle away": (transfer, [("handle:transferred", "person")]),
    "an owner removes a handle": (
        lambda stage: ownership.close(stage.connection.handle, by=stage.world.alice.user, now=NOW),
        [("handle:removed", "person")],
    ),
    "a person is invited by mail": (invite, [("invitation:created", "person")]),
    "a person is invited by link": (lambda stage: invite(stage, "").row.pk, [("invitation:created", "person")]),
    "an invitation is accepted": (
        answer_invitation(invitations.accept),
        [("invitation:accepted", "person"), ("member:added", "person")],
    ),
    "an invitation is declined": (answer_invitation(invitations.decline), [("invitation:declined", "person")]),
    "an invitation is revoked": (answer_invitation(invitations.revoke, "alice"), [("invitation:revoked", "person")]),
    "a person asks to join": (ask_to_join, [("join:asked", "person")]),
    "who asks is let in": (answer_join(joining.accept), [("member:added", "person")]),
    "who asks is declined": (answer_join(joining.decline), [("join:declined", "person")]),
}

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
    "a person takes out what is kept about them": (take_out, [("person:exported", "person")]),
    "a person erases their account": (erase_bob, [("member:removed", "person"), ("person:erased", "person")]),
}
ACTS |= PEOPLE
