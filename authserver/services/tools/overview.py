"""The tools of every endpoint that leads to a handle, and at how many of its connections they wait. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from authserver.models import Connection, ProtectedResource, ToolApproval
from authserver.protocol import resources
from authserver.protocol.tools import Manifest, Tool
from authserver.services import catalog
from authserver.services.tools import manifests
from handles.models import Handle


@dataclass(frozen=True)
class Group:
    """Connections that know the same version and hold the same scopes, and how many they are."""

    version: int
    scopes: frozenset[str]
    count: int

    def waits_for(self, tool: Tool, approved: int) -> bool:
        return not tool.was_shown_at(max(self.version, approved)) and tool.scopes <= self.scopes


@dataclass(frozen=True)
class AtEndpoint:
    """One endpoint. `waits_at` has how many connections each new tool waits at, by its name; `waiting` is how many
    connections have any such tool, of `connections` in all."""

    resource: ProtectedResource
    address: str
    manifest: Manifest
    approval: ToolApproval | None
    waits_at: Mapping[str, int]
    waiting: int
    connections: int


def of(handle: Handle) -> list[AtEndpoint]:
    """Return every active endpoint of a handle where tools are published; a few queries for each."""
    rows = ProtectedResource.objects.filter(Q(handle=None) | Q(handle=handle), is_active=True, tools_version__gt=0)
    approvals = {
        row.protected_resource_id: row
        for row in ToolApproval.objects.filter(handle=handle).select_related("approved_by")
    }
    groups = _groups(handle)
    return [_at(row, handle, approval=approvals.get(row.pk), groups=groups.get(row.pk, [])) for row in rows]


def _groups(handle: Handle) -> dict[UUID, list[Group]]:
    live = Connection.objects.filter(handle=handle, ended_at=None).order_by()
    alike = live.values_list("protected_resource", "tools_version", "scopes", "withheld_scopes").annotate(Count("pk"))
    found: dict[UUID, list[Group]] = {}
    for resource_id, version, scopes, withheld, count in alike:
        group = Group(version, frozenset(scopes.split()) - frozenset(withheld.split()), count)
        found.setdefault(resource_id, []).append(group)
    return found


def _at(row: ProtectedResource, handle: Handle, *, approval: ToolApproval | None, groups: list[Group]) -> AtEndpoint:
    manifest, approved = manifests.manifest_of(row.pk), approval.version if approval else 0
    new = [tool for tool in manifest.tools if not tool.was_shown_at(approved)]
    waits_at = {tool.name: sum(each.count for each in groups if each.waits_for(tool, approved)) for tool in new}
    return AtEndpoint(
        resource=row,
        address=resources.fill(catalog.address_of(row), handle.slug),
        manifest=manifest,
        approval=approval,
        waits_at={name: count for name, count in waits_at.items() if count},
        waiting=sum(each.count for each in groups if any(each.waits_for(tool, approved) for tool in new)),
        connections=sum(each.count for each in groups),
    )
