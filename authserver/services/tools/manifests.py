"""The tools of an endpoint, as they are published now."""

from uuid import UUID

from authserver.models import ProtectedResource, Tool, ToolApproval
from authserver.protocol import tools
from authserver.protocol.tools import Manifest
from handles.models import Handle


def manifest_of(resource_id: UUID) -> Manifest:
    """Return the tools that are published at this endpoint; an empty manifest of version 0 where none ever were."""
    version = ProtectedResource.objects.filter(pk=resource_id).values_list("tools_version", flat=True).first()
    return (
        Manifest(version, tuple(map(_told, Tool.objects.filter(protected_resource=resource_id))))
        if version
        else Manifest()
    )


def approved_at(handle: Handle, resource_id: UUID) -> int:
    """Return the version of an endpoint's tools that an admin of this handle approved for everybody's connections."""
    found = ToolApproval.objects.filter(handle=handle, protected_resource=resource_id)
    return found.values_list("version", flat=True).first() or 0


def _told(row: Tool) -> tools.Tool:
    return tools.Tool(
        name=row.name,
        title=row.title or row.name,
        description=row.description,
        scopes=frozenset(row.scopes.split()),
        is_read_only=row.is_read_only,
        is_destructive=row.is_destructive,
        is_open_world=row.is_open_world,
        since=row.since,
    )
