"""Refresh: the same token answers the same pair, and a token that comes late is judged."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction

from authserver import policy
from authserver.models import AuthorizationCode, Connection, Notice, RefreshToken
from authserver.protocol import credentials, scopes
from authserver.protocol.connections import replay
from authserver.protocol.connections.replay import Judgement, Verdict
from authserver.protocol.connections.token_requests import RefreshRequest
from authserver.protocol.errors import Refusal, invalid_grant
from authserver.protocol.trace.steps import Whose
from authserver.services import catalog, client_proofs, events, notices, statements
from authserver.services.catalog import Edition
from authserver.services.client_proofs import Caller
from authserver.services.connections import footing, sealing
from authserver.services.connections.ending import revoke
from authserver.services.connections.exchange import WRONG_TARGET
from authserver.services.connections.footing import Footing
from authserver.services.connections.issuing import (
    AGAIN,
    LOST,
    Arrived,
    Issued,
    Lost,
    Outcome,
    Turn,
    entry,
    is_same_target,
    issue_access_token,
    issue_all,
    note_callers,
)
from authserver.services.connections.standing import lock, lock_those
from authserver.services.events import Actor, Tag
from authserver.services.rehearsals import meeting
from authserver.services.rehearsals.meeting import Effect
from authserver.telemetry import counts
from handles.roles import Role


class Token(NamedTuple):
    """One row about a refresh token; what its connection stands on follows in the same row. `code_challenge` is of the
    code that it was issued for: only the first one of an authorization has it."""

    id: int
    digest: Any
    expires_at: Any
    rotated_at: Any
    client_pk: int
    last_address: Any
    last_agent: str
    last_issuer: str
    code_challenge: str | None


WIDTH = len(Token._fields)
REPLAYED = "refresh:replayed"
Found = tuple[Token, Footing]


@dataclass(slots=True)
class Member:
    """One refresh under way."""

    arrived: Arrived[RefreshRequest]
    caller: Caller
    token: Token
    footing: Footing
    whose: Whose


def refresh(arrived: Arrived[RefreshRequest], *, now: datetime) -> Issued | Refusal | Lost:
    """Refresh once, as `refresh_all` does, waiting for whoever holds the connection."""
    outcome = refresh_all([arrived], now=now, waits=True)[0]
    assert isinstance(outcome, Issued | Refusal | Lost)
    return outcome


@transaction.atomic
def refresh_all(arrived: Sequence[Arrived[RefreshRequest]], *, now: datetime, waits: bool = False) -> list[Outcome]:
    """Replace refresh tokens, an outcome for each in their order, in one transaction. Who would have to wait for a
    connection is told to come again, unless `waits`.

    Idempotent: the same token answers the same pair to whoever may use it, so parallel and repeated refreshes, and
    lost answers, cost nobody a connection. Where that pair was itself replaced meanwhile, the newest one is the answer.
    The previous access token lives to its own expiry. A token that was replaced longer than policy.REFRESH_LEEWAY ago
    is judged (`protocol.connections.replay`): its own client, late, goes on; theft ends the connection.

    Obeys:   RFC 9700 §4.14.2 (replay detection), RFC 6749 §6 (bound to its client; scopes within those allowed).
    Departs: RFC 9700 §4.14.2 would end the connection at every replay; RFC 6749 §6 would refuse scopes beyond those
             allowed, which are left out here while one remains; see docs/decisions.md.
    Refuses: invalid_client; invalid_grant, reason refresh:malformed, refresh:unknown, refresh:foreign_client,
             refresh:expired, refresh:replayed, refresh:too_far_behind or the connection's; invalid_scope;
             invalid_target.
    """
    callers = client_proofs.let_in_all([each.request.proof for each in arrived], now=now)
    digests = [_digest(each.request.token) for each in arrived]
    known = [digest for digest, caller in zip(digests, callers, strict=True) if digest and isinstance(caller, Caller)]
    held = lock_those(RefreshToken, known, waits=waits)
    found = _find(held.digests)
    edition = catalog.edition_of(max((standing.catalog_version for _, standing in found.values()), default=0))
    outcomes: list[Outcome | Turn] = []
    for each, caller, digest in zip(arrived, callers, digests, strict=True):
        if isinstance(caller, Refusal):
            outcomes.append(caller)
        elif digest is None:
            outcomes.append(invalid_grant("refresh:malformed"))
        elif digest in held.elsewhere or (digest in found and not held.take(found[digest][1].connection_id)):
            outcomes.append(AGAIN)
        elif digest not in found:
            outcomes.append(invalid_grant("refresh:unknown"))
        else:
            outcomes.append(_told_whose(_member(each, caller, found[digest], now), edition, now))
    tokens = [found[digest][0] if digest in found else None for digest in digests]
    return _replace(arrived, outcomes, tokens, now)


def _digest(token: str) -> bytes | None:
    well_formed = credentials.is_well_formed(token, policy.REFRESH_TOKEN_PREFIX)
    return credentials.digest(token) if well_formed else None


def _find(digests: Sequence[bytes]) -> dict[bytes, Found]:
    """Return the refresh tokens of these digests; read after the lock of their connections."""
    if not digests:
        return {}
    token, condition = RefreshToken._meta.db_table, statements.among("t.digest", digests, kind="bytea")
    code = AuthorizationCode._meta.db_table
    text = f"""
        SELECT t.id, t.digest, t.expires_at, t.rotated_at, c.client_id, c.last_address, c.last_agent, c.last_issuer,
               (SELECT MIN(k.code_challenge) FROM "{code}" k
                 WHERE k.connection_id = t.connection_id AND k.redeemed_at = t.issued_at),
               {footing.COLUMNS}
          FROM "{token}" t JOIN {footing.TABLES["Connection"]} c ON c.id = t.connection_id {footing.JOINS}
         WHERE {condition.text}"""  # noqa: S608  (names of our own models)
    rows = statements.fetch(statements.Statement(text, condition.parameters))
    return {bytes(row[1]): (Token._make(row[:WIDTH]), Footing._make(row[WIDTH:])) for row in rows}


def _member(each: Arrived[RefreshRequest], caller: Caller, found: Found, now: datetime) -> Member:
    token, standing = found
    since = None if token.rotated_at is None else int((now - statements.time_of(token.rotated_at)).total_seconds())
    whose = footing.whose(standing, code_challenge=token.code_challenge or "", seconds=since)
    return Member(each, caller, token, standing, whose)


def _told_whose(member: Member, edition: Edition, now: datetime) -> Outcome | Turn:
    outcome = _judged(member, edition, now)
    return replace(outcome, whose=member.whose) if isinstance(outcome, Issued | Refusal) else outcome


def _judged(member: Member, edition: Edition, now: datetime) -> Outcome | Turn:
    if member.token.client_pk != member.caller.client.pk:
        return invalid_grant("refresh:foreign_client")
    if member.token.rotated_at is not None and member.footing.ended_at is None:
        with events.of_request(member.arrived.facts):
            judged = _judge_replaced(member, now)
        if judged:
            return judged
    if statements.time_of(member.token.expires_at) <= now:
        return invalid_grant("refresh:expired")
    role = footing.role_on(member.footing)
    if isinstance(role, Refusal):
        return role
    if member.footing.rehearsed_fault:
        with events.of_request(member.arrived.facts):
            return _rehearsed(member, role, edition, now)
    return _answer(member, scopes.allowed_to(role, member.footing.scope_list, edition.catalog), now)


def _rehearsed(member: Member, role: Role, edition: Edition, now: datetime) -> Outcome | Turn:
    """Answer a refresh of a connection that is to meet a fault. Nobody gets here who would not be answered else."""
    connection = lock(member.footing.connection_id)
    if meeting.is_revoked(connection, now=now):
        return invalid_grant("rehearsal:revocation")
    held = [*member.footing.scope_list, *meeting.lent(connection)]
    outcome = _answer(member, scopes.allowed_to(role, held, edition.catalog), now)
    if isinstance(outcome, Refusal):
        return outcome
    effect = meeting.at_refresh(connection, is_first=isinstance(outcome, Turn), now=now)
    if effect is Effect.NONE or not isinstance(outcome, Turn):
        return outcome
    [pair] = _replace([member.arrived], [outcome], [member.token], now)
    if effect is Effect.LOST:
        return LOST
    return _issue_again(_row_of(member), token=member.arrived.request.token, now=now) or pair


def _answer(member: Member, allowed: Sequence[str], now: datetime) -> Outcome | Turn:
    """Return the pair of before where there is one, or a turn to get a new one. The connection is the measure of the
    scopes: a refresh that asked for less takes nothing away from the next one."""
    asked = member.arrived.request
    wanted = allowed if asked.scopes is None else [name for name in allowed if name in asked.scopes]
    if asked.scopes is not None and not wanted:
        return Refusal("invalid_scope", "None of the scopes can be granted.", "refresh:scope")
    if not is_same_target(asked.resources, member.footing.resource):
        return WRONG_TARGET
    turn = Turn(
        client=member.caller.client,
        facts=member.arrived.facts,
        footing=member.footing,
        last_caller=(
            member.token.last_address and str(member.token.last_address),
            member.token.last_agent,
            member.token.last_issuer,
        ),
        scopes=wanted,
        with_refresh=True,
        whose=member.whose,
    )
    if member.token.rotated_at is None:
        return turn
    note_callers([turn])
    return _issue_again(_row_of(member), token=asked.token, now=now) or turn


def _replace(
    arrived: Sequence[Arrived[RefreshRequest]], outcomes: Sequence[Outcome | Turn], tokens: Sequence[Token | None],
    now: datetime,
) -> list[Outcome]:  # fmt: skip
    """Issue to all who have a turn, and keep each pair sealed in the row of the token that it replaces."""
    turns = [outcome for outcome in outcomes if isinstance(outcome, Turn)]
    pairs = iter(issue_all(turns, now=now))
    told = [next(pairs) if isinstance(outcome, Turn) else outcome for outcome in outcomes]
    rows = [
        (token.id, now, each.facts.address, each.facts.agent, _sealed(pair, token=each.request.token))
        for each, token, before, pair in zip(arrived, tokens, outcomes, told, strict=True)
        if token and isinstance(before, Turn) and isinstance(pair, Issued)
    ]
    if rows:
        columns = ("id", "rotated_at", "rotated_address", "rotated_agent", "sealed_successor")
        statements.execute(statements.updating(RefreshToken, columns, rows))
        events.record_all([entry(Tag.CREDENTIAL_REFRESHED, turn) for turn in turns], at=now)
    transaction.on_commit(partial(_count, told, tokens, now))
    return told


def _count(outcomes: Sequence[Outcome], tokens: Sequence[Token | None], now: datetime) -> None:
    """Count what came of refreshes, for whoever watches for races (docs/operate/watching.md)."""
    found = Counter(_kind(outcome, token, now) for outcome, token in zip(outcomes, tokens, strict=True))
    for kind, count in found.items():
        counts.REFRESHES.add(kind, by=count)


def _kind(outcome: Outcome, token: Token | None, now: datetime) -> str:
    if isinstance(outcome, Refusal):
        return "theft" if outcome.reason == REPLAYED else "refused"
    if not isinstance(outcome, Issued) or token is None:
        return "waits"
    if token.rotated_at is None:
        return "fresh"
    return "late" if now - statements.time_of(token.rotated_at) > policy.REFRESH_LEEWAY else "again"


# --- A token that was replaced before. Rare, so with the ORM; its connection is locked, the facts are the request's.


def _row_of(member: Member) -> RefreshToken:
    taken = RefreshToken.objects.get(pk=member.token.id)
    taken.connection = lock(taken.connection_id)
    return taken


def _judge_replaced(member: Member, now: datetime) -> Refusal | None:
    """Return the refusal for one that came after the leeway from a thief, and end the connection; None for its own
    client. Records refresh:replayed or refresh:late, with the reasons."""
    if now - statements.time_of(member.token.rotated_at) <= policy.REFRESH_LEEWAY:
        return None
    taken = _row_of(member)
    judgement = _judge(taken, token=member.arrived.request.token, is_proven=member.caller.is_proven)
    if judgement.verdict == Verdict.THEFT:
        return _end_for_theft(taken.connection, judgement, now=now)
    _record(Tag.REFRESH_LATE, taken.connection, judgement)
    return None


def _judge(taken: RefreshToken, *, token: str, is_proven: bool) -> Judgement:
    successor = _successor(taken, _unsealed(taken, token=token))
    facts = events.current_request.get()
    return replay.judge(
        answer_was_used=successor is None or bool(successor.rotated_at or successor.answer_seen_at),
        is_proven=is_proven,
        before=replay.Caller(taken.rotated_address, taken.rotated_agent),
        now=replay.Caller(facts.address, facts.agent),
    )


def _successor(taken: RefreshToken, pair: Issued | None) -> RefreshToken | None:
    """Return the refresh token of the pair that replaced this one; None where that cannot be known."""
    if pair is None or pair.refresh_token is None:
        return None
    digest = credentials.digest(pair.refresh_token)
    return RefreshToken.objects.filter(digest=digest, connection_id=taken.connection_id).first()


def _end_for_theft(connection: Connection, judgement: Judgement, *, now: datetime) -> Refusal:
    _record(Tag.REFRESH_REPLAYED, connection, judgement)
    revoke(connection, reason=Connection.EndReason.REFRESH_REPLAY, now=now)
    notices.owe(Notice.Kind.CONNECTION_STOLEN, connection.user, connection=connection, now=now)
    return invalid_grant(REPLAYED)


def _record(tag: Tag, connection: Connection, judgement: Judgement) -> None:
    verdict, reasons = judgement.verdict.value, list(judgement.reasons)
    events.record(tag, actor=Actor.CLIENT, connection=connection, verdict=verdict, reasons=reasons)


def _sealed(pair: Issued, *, token: str) -> bytes:
    content = [pair.access_token, pair.refresh_token, list(pair.scopes), pair.expires_at.isoformat()]
    return sealing.seal(token, json.dumps(content))


def _unsealed(taken: RefreshToken, *, token: str) -> Issued | None:
    """Return the pair that replaced this token, or None where none is kept that it opens."""
    content = sealing.unseal(token, bytes(taken.sealed_successor or b""))
    if content is None:
        return None
    access_token, refresh_token, scope_list, expires_at = json.loads(content)
    return Issued(access_token, refresh_token, tuple(scope_list), datetime.fromisoformat(expires_at))


def _issue_again(taken: RefreshToken, *, token: str, now: datetime) -> Issued | Refusal | None:
    """Return the newest pair that follows this token: each one's successor is opened with the token before it. A new
    access token is added to it where the first has run out meanwhile. None where no pair is kept."""
    for _ in range(policy.REFRESH_CHAIN_LENGTH_MAX):
        pair = _unsealed(taken, token=token)
        if pair is None or pair.refresh_token is None:
            return None
        successor = _successor(taken, pair)
        if successor is None or successor.rotated_at is None:
            return pair if pair.expires_at > now else _renewed(taken, pair, successor, token=token, now=now)
        successor.connection = taken.connection
        taken, token = successor, pair.refresh_token
    return invalid_grant("refresh:too_far_behind")


def _renewed(taken: RefreshToken, pair: Issued, successor: RefreshToken | None, *, token: str, now: datetime) -> Issued:
    access_token, expires_at = issue_access_token(taken.connection, beside=successor, scope_list=pair.scopes, now=now)
    renewed = Issued(access_token, pair.refresh_token, pair.scopes, expires_at)
    taken.sealed_successor = _sealed(renewed, token=token)
    taken.save(update_fields=["sealed_successor"])
    return renewed
