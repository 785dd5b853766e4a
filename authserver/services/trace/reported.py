"""Steps that resource servers report, made steps of the trace: only about what is theirs, and with the true reason why
a credential was refused.

A resource server hears no more than that a credential is inactive. It tells its digest here, off the road of
introspection, and the answer stays here: for the person, the handle's admin and the operator.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from authserver.models import AccessToken, Connection, ResourceServer
from authserver.protocol import addresses, resources
from authserver.protocol.errors import Refusal
from authserver.protocol.resources import Target
from authserver.protocol.trace.reported import Reported
from authserver.protocol.trace.steps import Step
from authserver.services import catalog, statements
from authserver.services.connections import footing
from authserver.services.connections.footing import Footing
from authserver.services.trace import notes

Detail = dict[str, str | int]


class Credential(NamedTuple):
    """A bridge credential, in the order of the statement's columns; what its connection stands on follows."""

    digest: Any
    expires_at: Any
    has_successor: bool


class Owner(NamedTuple):
    """Whose a step is."""

    client_id: str = ""
    handle: str = ""
    person_id: UUID | None = None
    connection_id: UUID | None = None


Found = tuple[Credential, Footing]
WIDTH = len(Credential._fields)


def take(report: Iterable[Reported], asker: ResourceServer) -> int:
    """Note the steps at the asker's own endpoints, and pass over the others; return how many were noted."""
    steps = [(step, target) for step, target in _at_own_endpoints(list(report), asker) if target]
    owners = _owners({step.connection_id for step, _ in steps if step.connection_id}, asker)
    found = _credentials({step.digest for step, _ in steps if step.digest and not step.ok})
    mine = [each for each in steps if each[0].connection_id is None or each[0].connection_id in owners]
    for step, target in mine:
        if step.digest and not step.ok:
            notes.take(_refused(step, target, found.get(step.digest)))
        else:
            owner = owners[step.connection_id] if step.connection_id else Owner(handle=target.handle or "")
            notes.take(_step(step, target, code=step.code, owner=owner))
    return len(mine)


def _at_own_endpoints(steps: list[Reported], asker: ResourceServer) -> list[tuple[Reported, Target | None]]:
    """Return each step with the endpoint of the asker that it names, or None."""
    if not steps:
        return []
    own = [
        resources.Pattern(
            id=str(row.pk),
            kind=row.kind,
            address=address,
            handle=row.handle.slug if row.handle else None,
            aliases=tuple(row.aliases.split()),
        )
        for row in asker.resources.select_related("handle")
        for address in catalog.addresses_of(row)
    ]
    targets = {name: resources.match(name, own) for name in {step.resource for step in steps}}
    return [(step, targets[step.resource]) for step in steps]


def _owners(ids: set[UUID], asker: ResourceServer) -> dict[UUID, Owner]:
    """Return whose the connections are, of those to the asker's own endpoints."""
    if not ids:
        return {}
    rows = Connection.objects.filter(pk__in=ids, protected_resource__in=asker.resources.all())
    columns = rows.values_list("client__client_id", "handle__slug", "user_id", "pk")
    return {row[-1]: Owner(*row) for row in columns}


def _credentials(digests: set[bytes]) -> dict[bytes, Found]:
    """Return what is known of the credentials with these digests, whoever may ask about them: who has the digest was
    shown the credential."""
    if not digests:
        return {}
    token, condition = AccessToken._meta.db_table, statements.among("t.digest", list(digests), kind="bytea")
    text = f"""
        SELECT t.digest, t.expires_at,
               EXISTS (SELECT 1 FROM "{token}" newer
                        WHERE newer.connection_id = t.connection_id AND newer.issued_at > t.issued_at),
               {footing.COLUMNS}
          FROM "{token}" t JOIN {footing.TABLES["Connection"]} c ON c.id = t.connection_id {footing.JOINS}
         WHERE {condition.text}"""  # noqa: S608  (names of our own models)
    rows = statements.fetch(statements.Statement(text, condition.parameters))
    return {bytes(row[0]): (Credential._make(row[:WIDTH]), Footing._make(row[WIDTH:])) for row in rows}


def _refused(step: Reported, target: Target, found: Found | None) -> Step:
    """Return the step of a refused credential: why, and whose it was."""
    if found is None:
        return _step(step, target, code="credential:unknown", owner=Owner(handle=target.handle or ""))
    credential, standing = found
    person, connection = UUID(standing.person_id), UUID(standing.connection_id)
    code, detail = _reason(step, target, credential, standing)
    owner = Owner(standing.client_id, standing.handle, person, connection)
    return _step(step, target, code=code, owner=owner, **detail)


def _reason(step: Reported, target: Target, credential: Credential, standing: Footing) -> tuple[str, Detail]:
    """Return why this credential was refused there and then, in the order of what its person would have to do."""
    if standing.resource != target.uri and not target.is_same_endpoint(catalog.target_of(standing.resource)):
        return "credential:other_resource", {"is_for": standing.resource}
    if standing.ended_at is not None:
        return "connection:ended", {"end_reason": standing.end_reason}
    if isinstance(role := footing.role_on(standing), Refusal):
        return role.reason, {}
    if standing.paused_at is not None:
        return "connection:paused", {}
    return _by_time(step, statements.time_of(credential.expires_at), has_successor=bool(credential.has_successor))


def _by_time(step: Reported, expires_at: datetime, *, has_successor: bool) -> tuple[str, Detail]:
    seconds = int((step.at - expires_at).total_seconds())
    if seconds >= 0:
        return "credential:superseded" if has_successor else "credential:expired", {"seconds_ago": seconds}
    if step.code == "credential:expired":  # by the clock of the resource server alone
        return "credential:expired_early", {"seconds_left": -seconds}
    return step.code, {}


def _step(step: Reported, target: Target, *, code: str, owner: Owner, **detail: str | int) -> Step:
    said: Detail = {"tool": step.tool} if step.tool else {}
    if step.clock_skew_seconds:
        said["clock_skew_seconds"] = step.clock_skew_seconds
    return Step(
        at=step.at, kind=step.kind, ok=step.ok, code=code, request_id=step.request_id,
        origin=addresses.of_caller(step.address, "", proxies=0) or "", agent=step.agent, resource=target.uri,
        client_id=owner.client_id, handle=owner.handle, person_id=owner.person_id, connection_id=owner.connection_id,
        count=step.count, detail=said | detail,
    )  # fmt: skip
