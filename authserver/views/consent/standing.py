"""The live connections of one person and client through one resource, as the consent page needs them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from authserver.models import Connection
from authserver.services.connections import PausedBy
from authserver.toolkit.endpoints import AuthorizationRequest
from handles.models import Handle

# A pause of the person's own is none here: their Allow ends it.
PAUSED = {
    PausedBy.HANDLE_ADMIN.value: _("Paused by an admin of the handle."),
    PausedBy.ADMINISTRATOR.value: _("Paused by the people who run this server."),
}


@dataclass(frozen=True)
class Standing:
    """Live connections by the id of their handle: one each at the most."""

    connections: Mapping[UUID, Connection] = field(default_factory=dict)

    def at(self, handle: Handle) -> Connection | None:
        return self.connections.get(handle.pk)

    @property
    def only(self) -> Connection | None:
        """The connection of this client through this resource, where there is exactly one."""
        return next(iter(self.connections.values())) if len(self.connections) == 1 else None

    def obstacle(self, handle: Handle) -> str:
        """Return why a connection at this handle is not the person's to continue, as a sentence, or nothing."""
        found = self.at(handle)
        return str(PAUSED.get(found.paused_by, "")) if found else ""

    def withheld(self, handle: Handle) -> frozenset[str]:
        """Return the scopes that an admin of this handle withholds from its connection."""
        found = self.at(handle)
        return frozenset(found.withheld_scopes.split()) if found else frozenset()

    def withheld_at(self, scope: str) -> str:
        """Return the handles at which a scope is withheld, separated by spaces."""
        found = [each.handle.slug for each in self.connections.values() if scope in each.withheld_scopes.split()]
        return " ".join(sorted(found))

    def kept_from(self, scopes: Collection[str]) -> list[str]:
        """Return the handles at which one of these scopes was declined before, unticked or withheld."""
        if not scopes:
            return []
        return [each.handle.slug for each in self.connections.values() if _refused(each) & set(scopes)]


def _refused(connection: Connection) -> set[str]:
    unticked = set(connection.approved_scopes.split()) - set(connection.scopes.split())
    return unticked | set(connection.declined_scopes.split()) | set(connection.withheld_scopes.split())


def read(asked: AuthorizationRequest, user: User) -> Standing:
    """Return what stands between this person and this client through the resource that is asked for."""
    rows = Connection.objects.filter(user=user, client=asked.client, resource=asked.target.uri, ended_at=None)
    return Standing({row.handle_id: row for row in rows.select_related("handle")})
