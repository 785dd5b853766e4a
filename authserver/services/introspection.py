"""What credentials are worth now: one statement joins each to its connection, person, client, handle and membership,
and to the resource server that asks. Nothing is cached; a revocation that has committed is seen by the next question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection as database

from authserver import policy
from authserver.models import AccessToken, ResourceServer
from authserver.protocol import credentials, scopes
from authserver.protocol.errors import Refusal, invalid_client
from authserver.protocol.tools import Ground, reach_of, withheld
from authserver.services import catalog, resource_servers, statements
from authserver.services.catalog import Edition
from authserver.services.connections import footing
from authserver.services.connections.footing import Footing
from authserver.services.moving import issuers
from authserver.services.personal_tokens import introspection as personal_tokens
from authserver.services.rehearsals import claiming
from authserver.services.statements import Statement, Steps
from authserver.services.tools import manifests
from authserver.services.tools.manifests import NONE
from authserver.services.usage import introspections, marks
from handles.roles import Role

Answer = dict[str, Any]
INACTIVE: Answer = {"active": False}


@dataclass(frozen=True, slots=True)
class Question:
    """One resource server, by what it says it is, asking about one credential."""

    token: str = field(repr=False)
    asker_id: str
    asker_secret: str = field(repr=False)
    issuer: str  # that was asked: the answer is in its name


class Asked(NamedTuple):
    """What the statement tells of asker and credential; what the connection stands on follows in the same row.
    Everything of the asker, or of the credential, is None where there is no such one."""

    number: int
    asker_secret_digest: Any
    asker_former_digest: Any
    asker_is_active: bool | None
    asker_may_ask: Any
    digest: Any
    scopes: str | None
    issued_at: Any
    expires_at: Any
    used_at: Any
    refresh_token_id: int | None


class Editions(NamedTuple):
    """What is in memory and as new as the statement: the scope catalog, and the tools of the endpoint."""

    scopes: Edition
    tools: manifests.Edition


Row = tuple[Asked, Footing]
WIDTH = len(Asked._fields)


def _statement(asked: str) -> str:
    """Return the statement over a table expression of number, digest and asker."""
    token, server = AccessToken._meta.db_table, ResourceServer._meta.db_table
    link = ResourceServer.resources.through._meta.db_table
    return f"""
        SELECT asked.number, rs.secret_digest,
               CASE WHEN rs.previous_secret_expires_at > %s THEN rs.previous_secret_digest END, rs.is_active, may.id,
               t.digest, t.scopes, t.issued_at, t.expires_at, t.used_at, t.refresh_token_id, {footing.COLUMNS}
          FROM {asked}
          LEFT JOIN "{server}" rs ON rs.id = asked.asker
          LEFT JOIN "{token}" t ON t.digest = asked.digest
          LEFT JOIN {footing.TABLES["Connection"]} c ON c.id = t.connection_id
          LEFT JOIN "{link}" may
                 ON may.resourceserver_id = rs.id AND may.protectedresource_id = c.protected_resource_id
               {footing.JOINS}"""  # noqa: S608  (table names of our own models)


ON_POSTGRESQL = _statement("unnest(%s::bytea[], %s::uuid[]) WITH ORDINALITY AS asked (digest, asker, number)")
ON_OTHERS = _statement("asked")


def describe(token: str, *, asker_id: str, asker_secret: str, now: datetime) -> Answer | Refusal:
    """Return the introspection answer for one credential, as `describe_all` does."""
    return describe_all([Question(token, asker_id, asker_secret, issuers.current())], now=now)[0]


def describe_all(questions: Sequence[Question], *, now: datetime) -> list[Answer | Refusal]:
    """Return the introspection answer to each question, in their order, as its resource server may know it.

    Anything but a live credential of one of the asker's own resources is `{"active": false}`.

    Obeys:   RFC 7662 §2.1 (the asker is authenticated), §2.2 (answer; nothing about others' tokens), §4.
    Refuses: invalid_client, where the asker is not known or did not prove itself.
    """
    outcomes = statements.run(steps(questions, now=now))
    return [
        personal_tokens.describe(
            question.token, asker=resource_servers.parse_id(question.asker_id), issuer=question.issuer, now=now
        )
        if personal_tokens.is_one(question.token) and not isinstance(outcome, Refusal)
        else outcome
        for question, outcome in zip(questions, outcomes, strict=True)
    ]


def steps(questions: Sequence[Question], *, now: datetime) -> Steps[list[Answer | Refusal]]:
    """Answer as `describe_all` does, but for personal access tokens, which to these steps are no credentials. One
    statement for all, begun after every question was there; another one where the scope catalog has changed, or the
    tools of an endpoint."""
    if not any(resource_servers.parse_id(question.asker_id) for question in questions):
        return [invalid_client("resource_server:unknown")] * len(questions)
    rows = yield _asking(questions, now)
    rows.sort(key=itemgetter(0))
    found = [(Asked._make(row[:WIDTH]), Footing._make(row[WIDTH:])) for row in rows]
    edition = yield from catalog.load(found[0][1].catalog_version)
    answers = []
    for question, row in zip(questions, found, strict=True):
        tools = yield from manifests.load(row[1].endpoint_id, row[1].tools_version)
        answer = _told(question, row, Editions(edition, tools), now)
        if row[1].rehearsed_fault and isinstance(answer, dict) and answer["active"]:
            answer |= yield from claiming.told(row[1])
        answers.append(answer)
    return answers


def _asking(questions: Sequence[Question], now: datetime) -> Statement:
    """Return the statement for these questions. A malformed credential has a digest that nothing matches."""
    digests = [
        credentials.digest(question.token)
        if credentials.is_well_formed(question.token, policy.ACCESS_TOKEN_PREFIX)
        else b""
        for question in questions
    ]
    askers = [resource_servers.parse_id(question.asker_id) for question in questions]
    if database.vendor == "postgresql":
        return Statement(ON_POSTGRESQL, [now, statements.array(digests), statements.array(askers)])
    asked = statements.values(len(questions), columns=3)
    rows = enumerate(zip(digests, askers, strict=True))
    parameters = [each for number, (digest, asker) in rows for each in (number, digest, asker and asker.hex)]
    at = database.ops.adapt_datetimefield_value(now)
    return Statement(f"WITH asked (number, digest, asker) AS (VALUES {asked}) {ON_OTHERS}", [*parameters, at])


def _told(question: Question, row: Row, editions: Editions, now: datetime) -> Answer | Refusal:
    asked, standing = row
    if asked.asker_secret_digest is None:
        return invalid_client("resource_server:unknown")
    refusal = resource_servers.refusal_of(
        question.asker_secret,
        digest=bytes(asked.asker_secret_digest),
        former=None if asked.asker_former_digest is None else bytes(asked.asker_former_digest),
        is_active=bool(asked.asker_is_active),
    )
    if refusal:
        return refusal
    role = _role(asked, standing, now)
    if role is None:
        return INACTIVE
    _mark_used(asked, standing, now)
    answer = _answer(row, role, editions, question.issuer)
    introspections.add(answer["connection_id"], now.date())
    return answer


def _role(asked: Asked, standing: Footing, now: datetime) -> Role | None:
    """Return the role under which this credential works now, or None where it does not work."""
    if asked.scopes is None or standing.paused_at is not None or not asked.asker_may_ask:
        return None
    if statements.time_of(asked.expires_at) <= now:
        return None
    role = footing.role_on(standing)
    return None if isinstance(role, Refusal) else role


@lru_cache(maxsize=4096)
def _worth(token: str, connection: str, withheld: str, role: Role, edition: Edition) -> str:
    """Return the scopes that hold now. Everything that they depend on is in the arguments."""
    standing = footing.without(connection, withheld)
    return " ".join(scopes.effective(token.split(), standing, role=role, catalog=edition.catalog))


@lru_cache(maxsize=4096)
def _withheld(version: int, role: Role, editions: Editions, *texts: str) -> tuple[str, ...]:
    """Return the tools that a connection does not get, where `texts` are what its credential is worth and its Ground.
    Everything that they depend on is in the arguments."""
    tools, (worth, *ground) = editions.tools.manifest.tools, texts
    catalog = editions.scopes.catalog
    reach = reach_of(tools, Ground(*ground), worth=worth.split(), version=version, role=role, catalog=catalog)
    return tuple(withheld(tools, reach))


def _tools_withheld(standing: Footing, worth: str, role: Role, editions: Editions) -> tuple[str, ...]:
    if editions.tools is NONE:
        return ()
    version = max(standing.tools_seen, standing.tools_approved or 0)
    approved, declined = standing.approved_scopes, standing.declined_scopes
    return _withheld(version, role, editions, worth, standing.scopes, approved, declined, standing.withheld_scopes)


def _answer(row: Row, role: Role, editions: Editions, issuer: str) -> Answer:
    asked, standing = row
    worth = _worth(asked.scopes or "", standing.scopes, standing.withheld_scopes, role, editions.scopes)
    names = _tools_withheld(standing, worth, role, editions)
    return {
        "active": True,
        "scope": worth,
        "client_id": standing.client_id,
        "client_name": standing.client_name,
        "sub": footing.dashed(standing.person_id),
        "username": standing.email,
        "name": standing.name or standing.email.partition("@")[0],
        "aud": standing.resource,
        "iss": issuer,
        "exp": int(statements.time_of(asked.expires_at).timestamp()),
        "iat": int(statements.time_of(asked.issued_at).timestamp()),
        "jti": bytes(asked.digest).hex()[:32],
        "token_type": "Bearer",
        "handle": standing.handle,
        "handle_role": role.value,
        "connection_id": footing.dashed(standing.connection_id),
        **({"withheld_tools": list(names)} if names else {}),
    }


def _mark_used(asked: Asked, standing: Footing, now: datetime) -> None:
    """Note that the credential and its connection are in use: nothing is written here."""
    marks.note(
        connection_id=standing.connection_id,
        digest=bytes(asked.digest),
        refresh_token_id=asked.refresh_token_id,
        last_used_at=statements.time_of(standing.last_used_at) if standing.last_used_at else None,
        used_at=asked.used_at,
        now=now,
    )
