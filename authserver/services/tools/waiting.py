"""The tools that wait for a person's word: new since they, or an admin of the handle, approved the tools of an
endpoint, although the connection has the scopes. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from authserver.models import Connection, ToolApproval
from authserver.protocol import scopes, tools
from authserver.protocol.tools import Ground, Manifest, Standing, Tool
from authserver.services import catalog
from authserver.services.tools import manifests
from handles import access
from handles.roles import Role


@dataclass(frozen=True)
class Waiting:
    """`tools` are new to a connection; `version` is that of all tools of the endpoint as they were read."""

    version: int
    tools: tuple[Tool, ...] = ()


def ground_of(connection: Connection) -> Ground:
    return Ground(
        scopes=connection.scopes,
        approved=connection.approved_scopes,
        declined=connection.declined_scopes,
        withheld=connection.withheld_scopes,
    )


def may_wait(manifest: Manifest, connection: Connection) -> bool:
    """Tell whether any tool came after the version that this connection's person saw, or was away for a while: then
    it matters too which version an admin approved."""
    return any(tool.absences or tool.since > connection.tools_version for tool in manifest.tools)


def at(connection: Connection, manifest: Manifest, *, role: Role | None) -> tuple[Tool, ...]:
    """Return the tools of an endpoint that wait at one of its connections, whose person holds this role."""
    if not may_wait(manifest, connection):
        return ()
    approved = manifests.approved_at(connection.handle, connection.protected_resource_id)
    return _new(connection, manifest.tools, approved=approved, role=role, known=catalog.current())


def of(connection: Connection) -> Waiting:
    """Return what waits at this connection now."""
    manifest = manifests.manifest_of(connection.protected_resource_id)
    role = access.role_in(connection.handle, connection.user)
    return Waiting(manifest.version, at(connection, manifest, role=role))


def counts(rows: Iterable[Connection]) -> dict[UUID, int]:
    """Return how many tools wait at each of these connections, by its id; those where none does are left out. The
    rows come with their endpoints; a few queries for each endpoint that published since, none where none did."""
    found = _behind(rows)
    if not found:
        return {}
    published = {pk: manifests.manifest_of(pk) for pk in {row.protected_resource_id for row in found}}
    approved = _approved(found)
    roles, known = _roles(found), catalog.current()
    waiting = {
        row.pk: _new(
            row,
            published[row.protected_resource_id].tools,
            approved=approved.get((row.handle_id, row.protected_resource_id), 0),
            role=roles[row.pk],
            known=known,
        )
        for row in found
    }
    return {pk: len(new) for pk, new in waiting.items() if new}


def _behind(rows: Iterable[Connection]) -> list[Connection]:
    ids = [row.pk for row in rows if row.protected_resource.tools_version > row.tools_version]
    return list(Connection.objects.filter(pk__in=ids, ended_at=None).select_related("handle", "user")) if ids else []


def _approved(rows: list[Connection]) -> dict[tuple[UUID, UUID], int]:
    found = ToolApproval.objects.filter(
        handle__in={row.handle_id for row in rows}, protected_resource__in={row.protected_resource_id for row in rows}
    )
    rows_of = found.values_list("handle", "protected_resource", "version")
    return {(handle, resource): version for handle, resource, version in rows_of}


def _roles(rows: list[Connection]) -> dict[UUID, Role | None]:
    people = {row.user_id: row.user for row in rows}
    held = {
        user_id: access.roles_in({row.handle for row in rows if row.user_id == user_id}, user)
        for user_id, user in people.items()
    }
    return {row.pk: held[row.user_id][row.handle_id] for row in rows}


def _new(
    connection: Connection,
    published: Iterable[Tool],
    *,
    approved: int,
    role: Role | None,
    known: scopes.Catalog,
) -> tuple[Tool, ...]:
    found = tuple(published)
    reach = tools.reach_of(
        found,
        ground_of(connection),
        worth=scopes.allowed_to(role, connection.scope_list, known),
        version=max(connection.tools_version, approved),
        role=role,
        catalog=known,
    )
    return tuple(tool for tool in found if tools.standing_of(tool, reach) == Standing.NEW)
