"""The tools of an endpoint, as they are published now.

Introspection keeps them in memory and checks them by their version, which its one statement reads along.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from authserver import policy
from authserver.models import ProtectedResource, ResourceServer, Tool, ToolApproval
from authserver.protocol import tools
from authserver.protocol.tools import Manifest, absence, publication
from authserver.services.statements import Statement, Steps
from handles.models import Handle


@dataclass(frozen=True, eq=False)  # one edition is like no other: what was worked out from it may be kept with it
class Edition:
    """The tools of an endpoint as they were at one version, with those that are gone and not forgotten; without what
    only people read."""

    manifest: Manifest


NONE = Edition(Manifest())
_kept: OrderedDict[str, Edition] = OrderedDict()

# The version comes with the tools: what is kept under a version is what that version has.
TOOLS = f"""
    SELECT r.tools_version, t.name, t.scopes, t.since, t.absences, t.gone_at
      FROM "{ProtectedResource._meta.db_table}" r
      LEFT JOIN "{Tool._meta.db_table}" t ON t.protected_resource_id = r.id
     WHERE r.id = %s"""  # noqa: S608  (table names of our own models)


def load(resource_id: str, version: int | None) -> Steps[Edition]:
    """Return the tools of an endpoint at this version or a later one: from memory, or read again where memory holds an
    earlier one. `resource_id` is as the database has it; no version, no tools."""
    if not version:
        return NONE
    known = _kept.get(resource_id)
    if known is not None and known.manifest.version == version:
        _kept.move_to_end(resource_id)
        return known
    rows = yield Statement(TOOLS, [resource_id])
    _kept[resource_id] = edition = Edition(Manifest(rows[0][0] if rows else version, _to_judge(rows)))
    if len(_kept) > policy.MANIFESTS_KEPT_MAX:
        _kept.popitem(last=False)
    return edition


def manifest_of(resource_id: UUID) -> Manifest:
    """Return the tools that are published at this endpoint; an empty manifest of version 0 where none ever were."""
    version = ProtectedResource.objects.filter(pk=resource_id).values_list("tools_version", flat=True).first()
    return Manifest(version, _told(_there(resource_id))) if version else Manifest()


def of_server(endpoint: ProtectedResource, server: ResourceServer) -> tuple[tools.Tool, ...]:
    """Return what this server has published at this endpoint, in its order."""
    return _told(_there(endpoint.pk).filter(resource_server=server))


def gone_of(endpoint: ProtectedResource, server: ResourceServer, *, since: datetime) -> tuple[tools.Tool, ...]:
    """Return what this server had published at this endpoint and left out later, but not before `since`."""
    return _told(Tool.objects.filter(protected_resource=endpoint, resource_server=server, gone_at__gte=since))


def digest_of(endpoint: ProtectedResource) -> str:
    """Return the digest of all tools at this endpoint."""
    rows = _there(endpoint.pk)
    return publication.digest(
        [(str(row.resource_server_id), tool) for row, tool in zip(rows, _told(rows), strict=True)]
    )


def approved_at(handle: Handle, resource_id: UUID) -> int:
    """Return the version of an endpoint's tools that an admin of this handle approved for everybody's connections."""
    found = ToolApproval.objects.filter(handle=handle, protected_resource=resource_id)
    return found.values_list("version", flat=True).first() or 0


def _there(resource_id: UUID) -> QuerySet[Tool]:
    return Tool.objects.filter(protected_resource=resource_id, gone_at=None)


def _to_judge(rows: Sequence[Sequence[Any]]) -> tuple[tools.Tool, ...]:
    """Return tools by the rows of the statement. One that is gone counts for as long as nobody else publishes one of
    its name: people can approve what is there, and nothing else."""
    there = {row[1] for row in rows if row[5] is None}
    return tuple(_needed(row) for row in rows if row[1] is not None and (row[5] is None or row[1] not in there))


def _needed(row: Sequence[Any]) -> tools.Tool:
    _, name, scopes, since, absences, _ = row
    return tools.Tool(name, "", "", frozenset(scopes.split()), False, True, True, since, absence.read(absences))


def _told(rows: Iterable[Tool]) -> tuple[tools.Tool, ...]:
    return tuple(
        tools.Tool(
            name=row.name,
            title=row.title or row.name,
            description=row.description,
            scopes=frozenset(row.scopes.split()),
            is_read_only=row.is_read_only,
            is_destructive=row.is_destructive,
            is_open_world=row.is_open_world,
            since=row.since,
            absences=absence.read(row.absences),
        )
        for row in rows
    )
