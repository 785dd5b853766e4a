"""The only door of `handles` for others: who may act for a handle, and as what. Reads only; never caches.

Doubt is a no: a suspended handle, a person who is not active, a private handle without membership give no role.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from handles import roles, slugs
from handles.models import Handle, Membership
from handles.roles import Role


@dataclass(frozen=True)
class Seat:
    """A person's place at a handle: the handle and the role held there."""

    handle: Handle
    role: Role

    @property
    def is_usable(self) -> bool:
        return self.handle.status == Handle.Status.ACTIVE


def find(slug: str) -> Handle | None:
    """Return the handle of this name, active or suspended, or None."""
    parsed = slugs.parse(slug)
    return Handle.objects.filter(slug=parsed).first() if parsed else None


def role_in(handle: Handle, user: User) -> Role | None:
    """Return the role this person holds at this handle now, or None where they may not act for it at all."""
    return roles_in([handle], user)[handle.pk]


def roles_in(handles: Collection[Handle], user: User) -> dict[UUID, Role | None]:
    """Return the role this person holds at each of these handles now, as `role_in` says it, by the handle's id; one
    query for all of them."""
    found = Membership.objects.filter(user=user, handle__in=[handle.pk for handle in handles])
    held = dict(found.values_list("handle", "role"))
    return {handle.pk: _role(handle, user, held.get(handle.pk)) for handle in handles}


def _role(handle: Handle, user: User, held: str | None) -> Role | None:
    if not user.is_active or handle.status != Handle.Status.ACTIVE:
        return None
    if held is not None:
        return roles.known(held)
    return Role.PUBLIC if handle.visibility == Handle.Visibility.PUBLIC else None


def seats_of(user: User) -> list[Seat]:
    """Return every handle this person is a member of, suspended ones too: owned first, then by name."""
    if not user.is_active:
        return []
    memberships = Membership.objects.filter(user=user).select_related("handle")
    held = [(membership.handle, roles.known(membership.role)) for membership in memberships]
    seats = [Seat(handle, role) for handle, role in held if role]
    return sorted(seats, key=lambda seat: (seat.role != Role.OWNER, seat.handle.slug))


def membership_of(handle: Handle, user: User) -> Seat | None:
    """Return the seat this person holds at this handle, a suspended one too, or None. For the settings of a handle, and
    for nothing that acts for it: ask `role_in` there."""
    found = Membership.objects.filter(handle=handle, user=user).first() if user.is_active else None
    role = roles.known(found.role) if found else None
    return Seat(handle, role) if role else None


def roles_of(handle: Handle, users: Iterable[User]) -> dict[UUID, Role]:
    """Return the role that each of these people holds at one handle now, by their id; those who may not act for it
    are left out. One query however many they are."""
    asked = {user.pk: user for user in users}
    held = dict(Membership.objects.filter(handle=handle, user__in=asked).values_list("user", "role"))
    found = {pk: _role(handle, user, held.get(pk)) for pk, user in asked.items()}
    return {pk: role for pk, role in found.items() if role}


def count_members(handle: Handle) -> int:
    return Membership.objects.filter(handle=handle).count()
