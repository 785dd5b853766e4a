"""What a personal access token may do at the control-plane API: a closed list, apart from the catalog.

The catalog says what clients do with a handle's content; these say what programs do with the handle itself. No client
can ask for them, and no MCP endpoint is offered them.
"""

from collections.abc import Iterable

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from authserver.protocol import scopes
from authserver.protocol.scopes import Rule
from handles.roles import Role


class ControlScope(TextChoices):
    """One right at the control-plane API; its label is the sentence that a person reads."""

    HANDLE_READ = "handle.read", _("See the handle and its settings")
    HANDLE_WRITE = "handle.write", _("Change the settings of the handle")
    MEMBERS_READ = "members.read", _("See who is a member")
    MEMBERS_WRITE = "members.write", _("Add and remove members and change their roles")
    CONNECTIONS_READ = "connections.read", _("See connected apps")
    CONNECTIONS_WRITE = "connections.write", _("Pause, narrow and disconnect apps")
    CLIENTS_READ = "clients.read", _("See which apps may connect")
    CLIENTS_WRITE = "clients.write", _("Decide which apps may connect")
    EVENTS_READ = "events.read", _("Read the event log")
    TOKENS_READ = "tokens.read", _("See personal access tokens")
    TOKENS_WRITE = "tokens.write", _("Create and revoke personal access tokens")
    RESOURCES_READ = "resources.read", _("See the MCP addresses")
    USAGE_READ = "usage.read", _("See how much apps are used")

    @property
    def level(self) -> str:
        """Return read, change or manage, as the catalog has it for its own."""
        return LEVELS.get(self, "read")

    @property
    def role(self) -> Role:
        """Return the least role it is worth anything to. A member reaches their own things with it, an admin all; the
        settings are an owner's."""
        if self is ControlScope.HANDLE_WRITE:
            return Role.OWNER
        return Role.ADMIN if self in FOR_ADMINS else Role.MEMBER


LEVELS = {
    ControlScope.HANDLE_WRITE: "manage",
    ControlScope.MEMBERS_WRITE: "manage",
    ControlScope.CONNECTIONS_WRITE: "change",
    ControlScope.CLIENTS_WRITE: "manage",
    ControlScope.TOKENS_WRITE: "manage",
}
FOR_ADMINS = frozenset(
    {
        ControlScope.MEMBERS_READ,
        ControlScope.MEMBERS_WRITE,
        ControlScope.CLIENTS_READ,
        ControlScope.CLIENTS_WRITE,
        ControlScope.EVENTS_READ,
    }
)

# The same shape as the catalog, so that the same algebra caps both.
CATALOG: scopes.Catalog = {
    scope.value: Rule(name=scope.value, role=scope.role, level=scope.level, is_required=False, is_shown=True)
    for scope in ControlScope
}


def allowed_to(role: str | None, names: Iterable[str]) -> list[str]:
    """Return those of these names that are rights here and that this role reaches, in the list's order."""
    return scopes.allowed_to(role, names, CATALOG)
