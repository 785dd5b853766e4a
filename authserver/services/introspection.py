"""What a credential is worth now: one statement joins it to its connection, person, client, handle and membership, and
to the resource server that asks. Nothing is cached; a revocation that has committed is seen by the next question."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection as database

from accounts.models import User
from authserver import policy
from authserver.models import (
    AccessToken,
    CatalogState,
    Client,
    ClientPolicy,
    ClientRule,
    Connection,
    ProtectedResource,
    ResourceServer,
)
from authserver.protocol import credentials, governance, scopes
from authserver.protocol.errors import Refusal, invalid_client
from authserver.protocol.governance import Kind
from authserver.services import catalog, resource_servers
from authserver.services.governance.verdicts import SELF_REGISTERED
from authserver.services.personal_tokens import introspection as personal_tokens
from authserver.services.usage import introspections, marks
from handles import roles
from handles.models import Handle, Membership
from handles.roles import Role

Answer = dict[str, Any]
INACTIVE: Answer = {"active": False}


@dataclass(frozen=True)
class Row:
    """One row of the statement, in its order. Everything of the token is None where there is no such token."""

    asker_secret_digest: Any
    asker_is_active: bool
    catalog_version: int
    token_digest: Any
    token_scopes: str | None
    issued_at: Any
    expires_at: Any
    used_at: Any
    refresh_token_id: int | None
    connection_id: Any
    connection_scopes: str
    withheld_scopes: str
    resource: str
    ended_at: Any
    paused_at: Any
    last_used_at: Any
    client_id: str
    client_name: str
    client_is_active: bool
    person_id: Any
    email: str
    name: str
    person_is_active: bool
    handle: str
    handle_status: str
    handle_visibility: str
    role: str | None
    resource_is_active: bool
    asker_may_ask: Any
    client_is_verified: bool
    policy_mode: str | None
    word_on_client_id: str | None
    word_on_fingerprint: str | None


def _statement() -> str:
    table = {model.__name__: f'"{model._meta.db_table}"' for model in (
        AccessToken, CatalogState, Client, ClientPolicy, ClientRule, Connection, Handle, Membership, ProtectedResource,
        ResourceServer, User,
    )}  # fmt: skip
    link = f'"{ResourceServer.resources.through._meta.db_table}"'
    # The handle's word is read by subqueries: as three more joins it triples the time PostgreSQL takes to plan.
    return f"""
        SELECT rs.secret_digest, rs.is_active, state.version,
               t.digest, t.scopes, t.issued_at, t.expires_at, t.used_at, t.refresh_token_id,
               c.id, c.scopes, c.withheld_scopes, c.resource, c.ended_at, c.paused_at, c.last_used_at,
               client.client_id, client.name, client.is_active AND client.expired_at IS NULL,
               person.id, person.email, person.name, person.is_active,
               h.slug, h.status, h.visibility, m.role, r.is_active, may.id,
               client.is_verified,
               (SELECT mode FROM {table["ClientPolicy"]} p WHERE p.handle_id = c.handle_id),
               (SELECT decision FROM {table["ClientRule"]} exact WHERE exact.handle_id = c.handle_id
                   AND exact.kind = '{Kind.CLIENT_ID.value}' AND exact.value = client.client_id),
               (SELECT decision FROM {table["ClientRule"]} alike WHERE alike.handle_id = c.handle_id
                   AND alike.kind = '{Kind.FINGERPRINT.value}' AND alike.value = client.fingerprint
                   AND client.registration_source = '{SELF_REGISTERED.value}')
          FROM {table["ResourceServer"]} rs
          JOIN {table["CatalogState"]} state ON state.id = 1
          LEFT JOIN {table["AccessToken"]} t ON t.digest = %s
          LEFT JOIN {table["Connection"]} c ON c.id = t.connection_id
          LEFT JOIN {table["Client"]} client ON client.id = c.client_id
          LEFT JOIN {table["User"]} person ON person.id = c.user_id
          LEFT JOIN {table["Handle"]} h ON h.id = c.handle_id
          LEFT JOIN {table["Membership"]} m ON m.handle_id = c.handle_id AND m.user_id = c.user_id
          LEFT JOIN {table["ProtectedResource"]} r ON r.id = c.protected_resource_id
          LEFT JOIN {link} may ON may.resourceserver_id = rs.id AND may.protectedresource_id = c.protected_resource_id
         WHERE rs.id = %s"""  # noqa: S608  (table names of our own models)


STATEMENT = _statement()


def describe(token: str, *, asker_id: str, asker_secret: str, now: datetime) -> Answer | Refusal:
    """Return the introspection answer for this credential, as this resource server may know it.

    Anything but a live credential of one of the asker's own resources is `{"active": false}`.

    Obeys:   RFC 7662 §2.1 (the asker is authenticated), §2.2 (answer; nothing about others' tokens), §4.
    Refuses: invalid_client, where the asker is not known or did not prove itself.
    """
    asker = resource_servers.parse_id(asker_id)
    if asker is None:
        return invalid_client("resource_server:unknown")
    if personal_tokens.is_one(token):
        return personal_tokens.describe(token, asker=asker, asker_secret=asker_secret, now=now)
    well_formed = credentials.is_well_formed(token, policy.ACCESS_TOKEN_PREFIX)
    row = _fetch(credentials.digest(token) if well_formed else b"", asker)
    if row is None:
        return invalid_client("resource_server:unknown")
    refusal = resource_servers.refusal_of(
        asker_secret, digest=bytes(row.asker_secret_digest), is_active=bool(row.asker_is_active)
    )
    if refusal:
        return refusal
    role = _role(row, now)
    if role is None:
        return INACTIVE
    _mark_used(row, now)
    answer = _answer(row, role)
    introspections.add(answer["connection_id"], now.date())
    return answer


def _fetch(digest: bytes, asker: UUID) -> Row | None:
    key = asker if database.features.has_native_uuid_field else asker.hex
    with database.cursor() as cursor:
        cursor.execute(STATEMENT, [digest, key])
        found = cursor.fetchone()
    return Row(*found) if found else None


def _time(value: Any) -> datetime:
    """Return a stored time; SQLite hands raw statements text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _id(value: Any) -> str:
    return str(value if isinstance(value, UUID) else UUID(value))


def _role(row: Row, now: datetime) -> Role | None:
    """Return the role under which this credential works now, or None where it does not work."""
    if row.token_scopes is None or row.ended_at is not None or _time(row.expires_at) <= now:
        return None
    if row.paused_at is not None:
        return None
    if not (row.asker_may_ask and row.resource_is_active and row.client_is_active and row.person_is_active):
        return None
    if row.handle_status != Handle.Status.ACTIVE or not _handle_lets_in(row):
        return None
    if row.role is not None:
        return roles.known(row.role)
    return Role.PUBLIC if row.handle_visibility == Handle.Visibility.PUBLIC else None


def _handle_lets_in(row: Row) -> bool:
    words = (row.word_on_client_id, row.word_on_fingerprint)
    return governance.verdict(row.policy_mode, words, is_verified=bool(row.client_is_verified)).lets_in


def _answer(row: Row, role: Role) -> Answer:
    withheld = set(row.withheld_scopes.split())
    worth = scopes.effective(
        (row.token_scopes or "").split(),
        [name for name in row.connection_scopes.split() if name not in withheld],
        role=role,
        catalog=catalog.at(row.catalog_version),
    )
    return {
        "active": True,
        "scope": " ".join(worth),
        "client_id": row.client_id,
        "client_name": row.client_name,
        "sub": _id(row.person_id),
        "username": row.email,
        "name": row.name or row.email.partition("@")[0],
        "aud": row.resource,
        "iss": settings.ISSUER,
        "exp": int(_time(row.expires_at).timestamp()),
        "iat": int(_time(row.issued_at).timestamp()),
        "jti": bytes(row.token_digest).hex()[:32],
        "token_type": "Bearer",
        "handle": row.handle,
        "handle_role": role.value,
        "connection_id": _id(row.connection_id),
    }


def _mark_used(row: Row, now: datetime) -> None:
    """Note that the credential and its connection are in use: reading stays one statement."""
    marks.note(
        connection_id=row.connection_id if isinstance(row.connection_id, UUID) else UUID(row.connection_id),
        digest=bytes(row.token_digest),
        refresh_token_id=row.refresh_token_id,
        last_used_at=_time(row.last_used_at) if row.last_used_at else None,
        used_at=_time(row.used_at) if row.used_at else None,
        now=now,
    )
