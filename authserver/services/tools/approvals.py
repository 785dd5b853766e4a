"""Tools that waited, approved: by a person for one connection, by an admin for every connection to a handle."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.models import Connection, ProtectedResource, ToolApproval
from authserver.services import connections, events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from handles.models import Handle


@transaction.atomic
def approve(connection: Connection, version: int, *, by: User, now: datetime) -> bool:
    """Let a connection have the tools up to the version that its person was shown; return whether that was anything
    new. A version that does not exist yet approves nothing in advance. Records tools:approved."""
    locked = connections.lock(connection.pk)
    version = min(version, locked.protected_resource.tools_version)
    if not locked.is_live or version <= locked.tools_version:
        return False
    locked.tools_version = version
    locked.save(update_fields=["tools_version"])
    event = events.record(Tag.TOOLS_APPROVED, actor=Actor.PERSON, by=by, connection=locked, version=version)
    receipts.claims_changed(Subject(connection=locked), event=event, now=now)
    return True


@transaction.atomic
def approve_for_everybody(
    handle: Handle, resource: ProtectedResource, version: int, *, by: User, now: datetime
) -> bool:
    """Let every connection to this handle have the tools of an endpoint up to the version that an admin was shown, as
    far as its scopes reach; return whether that was anything new. Records tools:approved."""
    Handle.objects.select_for_update(no_key=True).get(pk=handle.pk)  # two admins, one after the other
    published = ProtectedResource.objects.values_list("tools_version", flat=True).get(pk=resource.pk)
    version = min(version, published)
    found = ToolApproval.objects.filter(handle=handle, protected_resource=resource).first()
    if version <= (found.version if found else 0):
        return False
    ToolApproval.objects.update_or_create(
        handle=handle,
        protected_resource=resource,
        defaults={"version": version, "approved_by": by, "approved_at": now},
    )
    event = events.record(
        Tag.TOOLS_APPROVED,
        actor=Actor.PERSON,
        by=by,
        handle=handle.slug,
        resource=str(resource.pk),
        version=version,
    )
    receipts.claims_changed(Subject(handle=handle, resource=resource), event=event, now=now)
    return True
