"""How far a connection reaches, from all that stands about it."""

from collections.abc import Iterable
from typing import NamedTuple

from authserver.protocol import scopes
from authserver.protocol.tools.standing import Reach, Tool


class Ground(NamedTuple):
    """The scopes of a connection, as its row has them, each list separated by spaces."""

    scopes: str
    approved: str = ""
    declined: str = ""
    withheld: str = ""


def reach_of(
    tools: Iterable[Tool],
    ground: Ground,
    *,
    worth: Iterable[str],
    version: int,
    role: str | None,
    catalog: scopes.Catalog,
) -> Reach:
    """Return how far a connection reaches among these tools. `worth` is what its credential is worth now, `version`
    the newest that its person, or an admin of the handle, approved.

    What a person in this role can never allow counts as declined, scopes that the catalog does not know among them.
    """
    needed = frozenset(name for tool in tools for name in tool.scopes)
    beyond = needed.difference(scopes.allowed_to(role, needed, catalog))
    unticked = frozenset(ground.approved.split()).difference(ground.scopes.split())
    declined = beyond | unticked | frozenset(ground.declined.split()) | frozenset(ground.withheld.split())
    return Reach(scopes=frozenset(worth), declined=declined, version=version)
