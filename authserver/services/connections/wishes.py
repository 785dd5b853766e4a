"""Scopes that a client used without having them. They wait on the person's page, for clients that cannot ask again."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import User
from authserver import policy
from authserver.models import Connection, Notice, ScopeRequest
from authserver.protocol import scopes
from authserver.protocol.scopes import Catalog
from authserver.services import catalog, events, notices, receipts
from authserver.services.connections.standing import lock
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from handles import access
from handles.roles import Role

Decision = ScopeRequest.Decision


def may_get(connection: Connection, scope: str) -> bool:
    """Tell whether its person could allow this scope now: known, of this resource, within the role, not withheld."""
    role = access.role_in(connection.handle, connection.user)
    return _may_get(connection, scope, role=role, known=catalog.current())


def _may_get(connection: Connection, scope: str, *, role: Role | None, known: Catalog) -> bool:
    limit = {each.pk for each in connection.protected_resource.scopes.all()}
    if (limit and scope not in limit) or scope in connection.withheld_scopes.split():
        return False
    return bool(scopes.allowed_to(role, [scope], known))


def waiting_for(user: User) -> list[ScopeRequest]:
    """Return what waits for this person and could be allowed now, oldest first; a few queries, however many wait."""
    rows = ScopeRequest.objects.filter(connection__user=user, connection__ended_at=None, decision="")
    found = list(rows.select_related("connection__handle").prefetch_related("connection__protected_resource__scopes"))
    roles, known = access.roles_in({row.connection.handle for row in found}, user), catalog.current()
    return [row for row in found if _still_waits(row, role=roles[row.connection.handle_id], known=known)]


def _still_waits(row: ScopeRequest, *, role: Role | None, known: Catalog) -> bool:
    held = row.connection.scope_list
    return row.scope not in held and _may_get(row.connection, row.scope, role=role, known=known)


@transaction.atomic
def wish(connection_id: UUID, scope: str, *, tool: str, now: datetime) -> bool:
    """Note that the client of a live connection was refused for want of this scope; return whether it waits now.

    A scope that the person declined is not asked again within policy.DECLINED_WISH_REST, and no more than
    policy.WISHES_PER_CONNECTION_MAX wait at the same time. Records scope:asked, once.
    """
    connection = lock(connection_id)
    if not connection.is_live or scope in connection.scope_list or not may_get(connection, scope):
        return False
    others = ScopeRequest.objects.filter(connection=connection, decision="").exclude(scope=scope)
    if others.count() >= policy.WISHES_PER_CONNECTION_MAX:
        return False
    waiting, is_new = ScopeRequest.objects.get_or_create(
        connection=connection, scope=scope, defaults={"tool": tool[:128], "asked_at": now, "last_asked_at": now}
    )
    if not is_new:
        if waiting.decision == Decision.DECLINED and now - (waiting.decided_at or now) < policy.DECLINED_WISH_REST:
            return False
        is_new = bool(waiting.decision)
        ScopeRequest.objects.filter(pk=waiting.pk).update(
            tool=tool[:128], last_asked_at=now, count=F("count") + 1, decision="", decided_at=None
        )
    if is_new:
        events.record(Tag.SCOPE_ASKED, actor=Actor.CLIENT, connection=connection, scope=scope, tool=tool[:128])
    return True


@transaction.atomic
def allow_wish(waiting: ScopeRequest, *, by: User, now: datetime) -> bool:
    """Widen the connection by a scope that waits; its next refresh carries it. Return False where it may not, or not
    any more. Records connection:widened."""
    connection = lock(waiting.connection_id)
    if not connection.is_live or not may_get(connection, waiting.scope) or not _decide(waiting, Decision.ALLOWED, now):
        return False
    known = catalog.current()
    connection.scopes = " ".join(scopes.ordered([*connection.scopes.split(), waiting.scope], known))
    approved = [*connection.approved_scopes.split(), waiting.scope]
    connection.approved_scopes = " ".join(dict.fromkeys(approved))
    declined = [name for name in connection.declined_scopes.split() if name != waiting.scope]
    connection.declined_scopes = " ".join(declined)
    connection.save(update_fields=["scopes", "approved_scopes", "declined_scopes"])
    event = events.record(
        Tag.CONNECTION_WIDENED, actor=Actor.PERSON, by=by, connection=connection, scopes=connection.scopes
    )
    notices.owe(Notice.Kind.CONNECTION_WIDENED, connection.user, connection=connection, scopes=[waiting.scope], now=now)
    receipts.claims_changed(Subject(connection=connection), event=event, now=now)
    return True


@transaction.atomic
def decline_wish(waiting: ScopeRequest, *, by: User, now: datetime) -> bool:
    """Say no to a scope that waits; return whether it did wait. Records scope:declined."""
    connection = lock(waiting.connection_id)
    if not _decide(waiting, Decision.DECLINED, now):
        return False
    events.record(Tag.SCOPE_DECLINED, actor=Actor.PERSON, by=by, connection=connection, scope=waiting.scope)
    return True


def _decide(waiting: ScopeRequest, decision: ScopeRequest.Decision, now: datetime) -> bool:
    mine = ScopeRequest.objects.filter(pk=waiting.pk, decision="")
    return bool(mine.update(decision=decision, decided_at=now))
