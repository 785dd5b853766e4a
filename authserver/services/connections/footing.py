"""What a connection stands on, as one row: its person, client, handle, membership, endpoint, and the handle's word on
the client. Introspection, exchange and refresh ask the same rule about it."""

from functools import lru_cache
from typing import Any, NamedTuple

from accounts.models import User
from authserver.models import (
    CatalogState,
    Client,
    ClientPolicy,
    ClientRule,
    Connection,
    ProtectedResource,
    ToolApproval,
)
from authserver.protocol import governance
from authserver.protocol.errors import Refusal, invalid_grant
from authserver.protocol.governance import Kind, Verdict
from authserver.protocol.trace.steps import Whose, flow_of
from authserver.services.governance.verdicts import SELF_REGISTERED
from handles import roles
from handles.models import Handle, Membership
from handles.roles import Role


class Footing(NamedTuple):
    """What a connection stands on, in the order of COLUMNS. Ids are text, with dashes or without, as the database has
    them; times as its driver gives them."""

    catalog_version: int
    connection_id: str
    scopes: str
    withheld_scopes: str
    resource: str
    ended_at: Any
    end_reason: str
    paused_at: Any
    last_used_at: Any
    client_id: str
    client_name: str
    client_is_usable: bool
    client_is_verified: bool
    person_id: str
    email: str
    name: str
    person_is_active: bool
    handle: str
    handle_status: str
    handle_visibility: str
    role: str | None
    resource_is_active: bool
    policy_mode: str | None
    word_on_client_id: str | None
    word_on_fingerprint: str | None
    endpoint_id: str
    tools_version: int  # at the endpoint
    tools_seen: int  # by the person
    tools_approved: int | None  # by an admin of the handle; asked only where the person has not seen all
    approved_scopes: str
    declined_scopes: str
    rehearsed_fault: str | None  # which its client is to meet; nothing, unless the handle is for testing now

    @property
    def scope_list(self) -> list[str]:
        """What holds now: allowed by the person, and not withheld by an admin of the handle."""
        return without(self.scopes, self.withheld_scopes)


MODELS = (
    CatalogState,
    Client,
    ClientPolicy,
    ClientRule,
    Connection,
    Handle,
    Membership,
    ProtectedResource,
    ToolApproval,
    User,
)
TABLES = {model.__name__: f'"{model._meta.db_table}"' for model in MODELS}
# The handle's word is read by subqueries: as three more joins it triples the time PostgreSQL takes to plan.
COLUMNS = f"""
    state.version, CAST(c.id AS text), c.scopes, c.withheld_scopes, c.resource, c.ended_at, c.end_reason, c.paused_at,
    c.last_used_at, client.client_id, client.name, client.is_active AND client.expired_at IS NULL, client.is_verified,
    CAST(person.id AS text), person.email, person.name, person.is_active, h.slug, h.status, h.visibility, m.role,
    r.is_active,
    (SELECT mode FROM {TABLES["ClientPolicy"]} p WHERE p.handle_id = c.handle_id),
    (SELECT decision FROM {TABLES["ClientRule"]} exact WHERE exact.handle_id = c.handle_id
        AND exact.kind = '{Kind.CLIENT_ID.value}' AND exact.value = client.client_id),
    (SELECT decision FROM {TABLES["ClientRule"]} alike WHERE alike.handle_id = c.handle_id
        AND alike.kind = '{Kind.FINGERPRINT.value}' AND alike.value = client.fingerprint
        AND client.registration_source = '{SELF_REGISTERED.value}'),
    CAST(c.protected_resource_id AS text), r.tools_version, c.tools_version,
    CASE WHEN c.tools_version < r.tools_version THEN
        (SELECT version FROM {TABLES["ToolApproval"]} a
          WHERE a.handle_id = c.handle_id AND a.protected_resource_id = c.protected_resource_id) END,
    c.approved_scopes, c.declined_scopes, CASE WHEN h.is_for_testing THEN c.rehearsed_fault END"""  # noqa: S608  (names of our own models)
JOINS = f"""
    LEFT JOIN {TABLES["Client"]} client ON client.id = c.client_id
    LEFT JOIN {TABLES["User"]} person ON person.id = c.user_id
    LEFT JOIN {TABLES["Handle"]} h ON h.id = c.handle_id
    LEFT JOIN {TABLES["Membership"]} m ON m.handle_id = c.handle_id AND m.user_id = c.user_id
    LEFT JOIN {TABLES["ProtectedResource"]} r ON r.id = c.protected_resource_id
    LEFT JOIN {TABLES["CatalogState"]} state ON state.id = 1"""


def role_on(footing: Footing) -> Role | Refusal:
    """Return the role under which a connection may be used or issued under now. Whether it is paused is the caller's
    question: a paused one refreshes, so that no client throws its credentials away.

    Refuses: invalid_grant, reason connection:ended_…, client:…, resource:withdrawn or person:may_not_act_for_handle.
    """
    if footing.ended_at is not None:
        return invalid_grant(f"connection:ended_{footing.end_reason}")
    if not footing.client_is_usable:
        return invalid_grant("client:blocked_or_expired")
    if not footing.resource_is_active:
        return invalid_grant("resource:withdrawn")
    role = _role(footing.person_is_active, footing.handle_status, footing.role, footing.handle_visibility)
    if role is None:
        return invalid_grant("person:may_not_act_for_handle")
    words = (footing.word_on_client_id, footing.word_on_fingerprint)
    verdict = _verdict(footing.policy_mode, words, is_verified=footing.client_is_verified)
    return role if verdict.lets_in else invalid_grant(verdict.reason)


@lru_cache(maxsize=256)
def _role(person_is_active: bool, handle_status: str, held: str | None, visibility: str) -> Role | None:
    """Return the person's role at the handle, as `handles.access` says it, from the row at hand."""
    if not person_is_active or handle_status != Handle.Status.ACTIVE:
        return None
    if held is not None:
        return roles.known(held)
    return Role.PUBLIC if visibility == Handle.Visibility.PUBLIC else None


@lru_cache(maxsize=256)
def _verdict(mode: str | None, words: tuple[str | None, ...], *, is_verified: bool) -> Verdict:
    return governance.verdict(mode, words, is_verified=bool(is_verified))


def whose(footing: Footing, *, code_challenge: str, seconds: int | None = None) -> Whose:
    """Return whose connection this is, for the trace; `code_challenge` of the authorization that led here, if any."""
    return Whose(
        connection_id=footing.connection_id,
        person_id=footing.person_id,
        client_id=footing.client_id,
        handle=footing.handle,
        resource=footing.resource,
        flow=flow_of(footing.client_id, code_challenge) if code_challenge else "",
        seconds=seconds,
    )


def without(scopes: str, withheld: str) -> list[str]:
    """Return the scopes of a connection that are not withheld."""
    taken = set(withheld.split())
    return [name for name in scopes.split() if name not in taken]


def dashed(value: str) -> str:
    """Return an id as it is written outside: SQLite keeps it without dashes."""
    if len(value) == 36:
        return value
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
