"""How a connection stands now: its lock, and whether anybody holds it. `footing` has what it stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from authserver.models import AccessToken, AuthorizationCode, Connection, RefreshToken
from authserver.services import statements
from authserver.services.statements import Statement


def lock(connection_id: UUID | str) -> Connection:
    """Return the connection, locked until the transaction ends, with the rows that its rules ask about."""
    rows = Connection.objects.select_for_update(of=("self",))
    return rows.select_related("client", "user", "handle", "protected_resource").get(pk=connection_id)


@dataclass
class Held:
    """What `lock_those` found: `digests` whose connections are locked, and those `elsewhere`, which somebody holds."""

    digests: list[bytes] = field(default_factory=list)
    elsewhere: set[bytes] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def take(self, connection_id: str) -> bool:
        """Take a connection for one act of this transaction; False where another one has it already."""
        if connection_id in self.taken:
            return False
        self.taken.add(connection_id)
        return True


def lock_those(model: type[AuthorizationCode | RefreshToken], digests: Sequence[bytes], *, waits: bool) -> Held:
    """Lock the connections that codes or refresh tokens of these digests belong to, until the transaction ends.

    In one order, and without waiting for others unless it `waits`; so two who lock many never wait for each other.
    """
    if not digests:
        return Held()
    table, connections = f'"{model._meta.db_table}"', f'"{Connection._meta.db_table}"'
    condition = statements.among("t.digest", list(set(digests)))
    clause = statements.for_update("c", waits=waits)
    rows = statements.fetch(
        Statement(
            f"SELECT t.digest FROM {connections} c JOIN {table} t ON t.connection_id = c.id"  # noqa: S608
            f" WHERE {condition.text} ORDER BY c.id {clause}",
            condition.parameters,
        )
    )
    held = {bytes(digest) for (digest,) in rows}
    missing = [digest for digest in digests if digest not in held]
    return Held(list(held), _existing(table, missing) if missing and clause and not waits else set())


def _existing(table: str, digests: Sequence[bytes]) -> set[bytes]:
    condition = statements.among("digest", digests)
    text = f"SELECT digest FROM {table} WHERE {condition.text}"  # noqa: S608
    return {bytes(digest) for (digest,) in statements.fetch(Statement(text, condition.parameters))}


def held(now: datetime) -> Q:
    """Return the condition that somebody holds something of a connection: a code, an access or a refresh token."""
    codes = AuthorizationCode.objects.filter(connection=OuterRef("pk"), expires_at__gt=now, redeemed_at=None)
    access_tokens = AccessToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    refresh_tokens = RefreshToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    return Q(Exists(refresh_tokens)) | Q(Exists(access_tokens)) | Q(Exists(codes))  # the likeliest first
