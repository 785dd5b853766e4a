"""A code for credentials."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken
from authserver.protocol import credentials
from authserver.protocol.connections.token_requests import CodeRequest, is_verified_by
from authserver.protocol.errors import Refusal, invalid_grant
from authserver.services import client_proofs, events, receipts, statements
from authserver.services.client_proofs import Caller
from authserver.services.connections import footing
from authserver.services.connections.ending import revoke
from authserver.services.connections.footing import Footing
from authserver.services.connections.issuing import (
    AGAIN,
    Arrived,
    Issued,
    Outcome,
    Turn,
    entry,
    is_same_target,
    issue_all,
)
from authserver.services.connections.standing import lock, lock_those
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.rehearsals import meeting

WRONG_TARGET = Refusal(
    "invalid_target", "The resource is not the one that was authorized.", "resource:not_the_authorized_one"
)


class Code(NamedTuple):
    """One row about a code; what its connection stands on follows in the same row."""

    id: int
    digest: Any
    scopes: str
    redirect_uri: str
    code_challenge: str
    expires_at: Any
    redeemed_at: Any
    client_pk: int
    last_address: Any
    last_agent: str
    last_issuer: str


WIDTH = len(Code._fields)
Found = tuple[Code, Footing]


def exchange(arrived: Arrived[CodeRequest], *, now: datetime) -> Issued | Refusal:
    """Exchange one code, as `exchange_all` does, waiting for whoever holds its connection."""
    outcome = exchange_all([arrived], now=now, waits=True)[0]
    assert isinstance(outcome, Issued | Refusal)
    return outcome


@transaction.atomic
def exchange_all(arrived: Sequence[Arrived[CodeRequest]], *, now: datetime, waits: bool = False) -> list[Outcome]:
    """Exchange codes, an outcome for each in their order, in one transaction. Who would have to wait for a connection
    is told to come again, unless `waits`.

    A code seen a second time ends the whole connection: the first caller may have been the thief, and nothing tells
    which of the two it was. Records code:redeemed, or code:replayed.

    Obeys:   RFC 6749 §4.1.2 (single use; end the tokens on reuse), §4.1.3 (bound to its client), RFC 7636 §4.6.
    Departs: RFC 6749 §4.1.2 allows ten minutes; policy.AUTHORIZATION_CODE_LIFETIME is one.
    Refuses: invalid_client; invalid_grant, reason code:unknown, code:foreign_client, code:expired, code:replayed,
             code:verifier, code:redirect_mismatch or the connection's; invalid_target.
    """
    callers = client_proofs.let_in_all([each.request.proof for each in arrived], now=now)
    digests = [credentials.digest(each.request.code) for each in arrived]
    known = [digest for digest, caller in zip(digests, callers, strict=True) if isinstance(caller, Caller)]
    held = lock_those(AuthorizationCode, known, waits=waits)
    found = _find(held.digests, waits=waits)
    if not waits:
        held.elsewhere.update(digest for digest in held.digests if digest not in found)
    outcomes: list[Outcome | Turn] = []
    for each, caller, digest in zip(arrived, callers, digests, strict=True):
        if isinstance(caller, Refusal):
            outcomes.append(caller)
        elif digest in held.elsewhere or (digest in found and not held.take(found[digest][1].connection_id)):
            outcomes.append(AGAIN)
        else:
            outcomes.append(_judged(each, caller.client, found.get(digest), now))
    return _redeem(outcomes, [found[digest][0] if digest in found else None for digest in digests], now)


def _find(digests: Sequence[bytes], *, waits: bool) -> dict[bytes, Found]:
    """Return the codes of these digests, locked: the same consent page answered for another handle removes one under
    that other connection's lock. Read after the lock of their connections, so that nothing is out of date. Those that
    somebody else holds are left out, unless it `waits`."""
    if not digests:
        return {}
    code, condition = AuthorizationCode._meta.db_table, statements.among("k.digest", digests, kind="bytea")
    text = f"""
        SELECT k.id, k.digest, k.scopes, k.redirect_uri, k.code_challenge, k.expires_at, k.redeemed_at,
               c.client_id, c.last_address, c.last_agent, c.last_issuer, {footing.COLUMNS}
          FROM "{code}" k JOIN {footing.TABLES["Connection"]} c ON c.id = k.connection_id {footing.JOINS}
         WHERE {condition.text} {statements.for_update("k", waits=waits)}"""  # noqa: S608  (names of our own models)
    rows = statements.fetch(statements.Statement(text, condition.parameters))
    return {bytes(row[1]): (Code._make(row[:WIDTH]), Footing._make(row[WIDTH:])) for row in rows}


def _judged(each: Arrived[CodeRequest], client: Client, found: Found | None, now: datetime) -> Refusal | Turn:
    if found is None:
        return invalid_grant("code:unknown")
    code, standing = found
    whose = footing.whose(standing, code_challenge=code.code_challenge)
    refusal = _refusal(each, client, found, now)
    if refusal:
        return replace(refusal, whose=whose)
    held = _held_in_rehearsal(each, standing, now) if standing.rehearsed_fault else standing.scope_list
    return Turn(
        client=client,
        facts=each.facts,
        footing=standing,
        last_caller=(code.last_address and str(code.last_address), code.last_agent, code.last_issuer),
        # It may have been narrowed, or withheld from, since Allow.
        scopes=[name for name in code.scopes.split() if name in held],
        with_refresh=client.may_refresh,
        whose=whose,
    )


def _refusal(each: Arrived[CodeRequest], client: Client, found: Found, now: datetime) -> Refusal | None:
    code, standing = found
    if code.client_pk != client.pk:
        return invalid_grant("code:foreign_client")
    if code.redeemed_at:
        return _replayed(each, code, standing, now)
    if statements.time_of(code.expires_at) <= now:
        return invalid_grant("code:expired")
    role = footing.role_on(standing)
    return role if isinstance(role, Refusal) else _mismatch(each.request, code, standing)


def _held_in_rehearsal(each: Arrived[CodeRequest], standing: Footing, now: datetime) -> list[str]:
    """Return what a connection that is to meet a fault holds, and take in that its client authorized again."""
    with events.of_request(each.facts):
        connection = lock(standing.connection_id)
        meeting.at_exchange(connection, now=now)
        return [*standing.scope_list, *meeting.lent(connection)]


def _mismatch(asked: CodeRequest, code: Code, standing: Footing) -> Refusal | None:
    """Return why this request is not the one that the code was made for, or None. OAuth 2.1 drops `redirect_uri` here;
    where it comes it must be the same."""
    if asked.redirect_uri and asked.redirect_uri != code.redirect_uri:
        return invalid_grant("code:redirect_mismatch")
    if not is_verified_by(code.code_challenge, asked.verifier):
        return invalid_grant("code:verifier")
    return None if is_same_target(asked.resources, standing.resource) else WRONG_TARGET


def _replayed(each: Arrived[CodeRequest], code: Code, standing: Footing, now: datetime) -> Refusal:
    """Refuse a code that was redeemed before, and end what it brought (RFC 6749 §4.1.2): the whole connection, unless
    everything says that its own client asks again because no answer came. Then what nobody ever used goes alone, and
    the person's approval stands: a server that was killed in the middle costs nobody theirs."""
    with events.of_request(each.facts):
        connection = lock(standing.connection_id)
        brought = _brought(connection, code)
        if brought and _is_asked_again(each.request, code, standing, now):
            event = events.record(Tag.CODE_REPLAYED, actor=Actor.CLIENT, connection=connection, verdict="answer_lost")
            for row in brought:
                row.delete()
            receipts.claims_changed(Subject(connection=connection), event=event, now=now)
            return invalid_grant("code:answer_lost")
        events.record(Tag.CODE_REPLAYED, actor=Actor.CLIENT, connection=connection)
        revoke(connection, reason=Connection.EndReason.CODE_REPLAY, now=now)
    return invalid_grant("code:replayed")


def _is_asked_again(asked: CodeRequest, code: Code, standing: Footing, now: datetime) -> bool:
    """Tell whether the very request comes again, within the code's minute: with its verifier, which no thief of the
    code has."""
    return statements.time_of(code.expires_at) > now and _mismatch(asked, code, standing) is None


def _brought(connection: Connection, code: Code) -> list[AccessToken | RefreshToken]:
    """Return what this code brought, or nothing where any of it was used: then somebody had the answer."""
    issued = {"connection": connection, "issued_at": statements.time_of(code.redeemed_at)}
    access_tokens = list(AccessToken.objects.filter(**issued))
    refresh_tokens = list(RefreshToken.objects.filter(**issued))
    was_used = any(token.used_at for token in access_tokens)
    was_used |= any(token.rotated_at or token.answer_seen_at for token in refresh_tokens)
    return [] if was_used else [*access_tokens, *refresh_tokens]


def _redeem(outcomes: Sequence[Outcome | Turn], codes: Sequence[Code | None], now: datetime) -> list[Outcome]:
    """Issue to all who have a turn, and mark their codes."""
    turns = [outcome for outcome in outcomes if isinstance(outcome, Turn)]
    pairs = iter(issue_all(turns, now=now))
    redeemed = [code.id for code, outcome in zip(codes, outcomes, strict=True) if code and isinstance(outcome, Turn)]
    if redeemed:
        marks = [(pk, now) for pk in redeemed]
        statements.execute(statements.updating(AuthorizationCode, ("id", "redeemed_at"), marks))
        events.record_all([entry(Tag.CODE_REDEEMED, turn) for turn in turns], at=now)
    return [next(pairs) if isinstance(outcome, Turn) else outcome for outcome in outcomes]
