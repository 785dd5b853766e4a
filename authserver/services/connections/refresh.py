"""Refresh: the same token answers the same pair, and a token that comes late is judged."""

import json
from collections.abc import Iterable
from datetime import datetime

from authserver import policy
from authserver.models import Client, Connection, Notice, RefreshToken
from authserver.protocol import credentials
from authserver.protocol.connections import replay
from authserver.protocol.connections.replay import Judgement, Verdict
from authserver.protocol.errors import Refusal, Refused, invalid_grant
from authserver.services import clients, events, notices
from authserver.services.connections import sealing
from authserver.services.connections.ending import revoke
from authserver.services.connections.exchange import Issued, issue, issue_access_token, note_caller
from authserver.services.connections.standing import lock, refusal_of
from authserver.services.events import Actor, Tag


def take_refresh_token(token: str, *, client: Client, now: datetime, is_proven: bool = False) -> RefreshToken | Refusal:
    """Return the refresh token this client may use, its connection locked. Call it inside the transaction that rotates.

    One that was replaced longer than policy.REFRESH_LEEWAY ago is judged (`protocol.connections.replay`): its own
    client, late, goes on; theft ends the connection in this transaction. `is_proven` says that the client showed a
    secret or key, which a thief of the token alone has not. Records refresh:late or refresh:replayed, with reasons.

    Obeys:    RFC 9700 §4.14.2 (replay detection), RFC 6749 §6 (bound to its client).
    Departs:  RFC 9700 §4.14.2 would end the connection at every replay; see docs/decisions.md.
    Refuses:  invalid_grant, reason refresh:unknown, refresh:foreign_client, refresh:expired, refresh:replayed or the
              connection's.
    """
    digest = credentials.digest(token)
    connection_id = RefreshToken.objects.filter(digest=digest).values_list("connection_id", flat=True).first()
    if connection_id is None:
        return invalid_grant("refresh:unknown")
    connection = lock(connection_id)
    taken = RefreshToken.objects.filter(digest=digest).first()
    if taken is None:
        return invalid_grant("refresh:unknown")
    taken.connection = connection
    if connection.client_id != client.pk:
        return invalid_grant("refresh:foreign_client")
    if connection.is_live and taken.rotated_at and now - taken.rotated_at > policy.REFRESH_LEEWAY:
        judgement = _judge(taken, token=token, is_proven=is_proven)
        if judgement.verdict == Verdict.THEFT:
            return _end_for_theft(connection, judgement, now=now)
        _record(Tag.REFRESH_LATE, connection, judgement)
    if taken.expires_at <= now:
        return invalid_grant("refresh:expired")
    return refusal_of(connection) or taken


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
    return invalid_grant("refresh:replayed")


def _record(tag: Tag, connection: Connection, judgement: Judgement) -> None:
    verdict, reasons = judgement.verdict.value, list(judgement.reasons)
    events.record(tag, actor=Actor.CLIENT, connection=connection, verdict=verdict, reasons=reasons)


def rotate(taken: RefreshToken, *, token: str, scope_list: Iterable[str], now: datetime) -> Issued:
    """Replace a refresh token that `take_refresh_token` returned in this same transaction; return the new pair.

    Idempotent: the same token answers the same pair to whoever may use it, so parallel and repeated refreshes, and
    lost answers, cost nobody a connection. Where that pair was itself replaced meanwhile, the newest one is the answer.
    The previous access token lives to its own expiry. Raises Refused where the newest pair is too far away.
    """
    note_caller(taken.connection)
    if taken.rotated_at:
        again = _issue_again(taken, token=token, now=now)
        if again:
            return again
    pair = issue(taken.connection, scope_list=scope_list, now=now, with_refresh=True)
    clients.mark_used(taken.connection.client, now=now)
    facts = events.current_request.get()
    taken.rotated_at, taken.rotated_address, taken.rotated_agent = now, facts.address, facts.agent
    _seal(taken, pair, token=token)
    events.record(Tag.CREDENTIAL_REFRESHED, actor=Actor.CLIENT, connection=taken.connection)
    return pair


def _seal(taken: RefreshToken, pair: Issued, *, token: str) -> None:
    content = [pair.access_token, pair.refresh_token, list(pair.scopes), pair.expires_at.isoformat()]
    taken.sealed_successor = sealing.seal(token, json.dumps(content))
    taken.save(update_fields=["rotated_at", "rotated_address", "rotated_agent", "sealed_successor"])


def _unsealed(taken: RefreshToken, *, token: str) -> Issued | None:
    """Return the pair that replaced this token, or None where none is kept that it opens."""
    content = sealing.unseal(token, bytes(taken.sealed_successor or b""))
    if content is None:
        return None
    access_token, refresh_token, scope_list, expires_at = json.loads(content)
    return Issued(access_token, refresh_token, tuple(scope_list), datetime.fromisoformat(expires_at))


def _issue_again(taken: RefreshToken, *, token: str, now: datetime) -> Issued | None:
    """Return the newest pair that follows this token: each one's successor is opened with the token before it. A new
    access token is added to it where the first has run out meanwhile."""
    for _ in range(policy.REFRESH_CHAIN_LENGTH_MAX):
        pair = _unsealed(taken, token=token)
        if pair is None or pair.refresh_token is None:
            return None
        successor = _successor(taken, pair)
        if successor is None or successor.rotated_at is None:
            return pair if pair.expires_at > now else _renewed(taken, pair, successor, token=token, now=now)
        successor.connection = taken.connection
        taken, token = successor, pair.refresh_token
    raise Refused(invalid_grant("refresh:too_far_behind"))


def _renewed(taken: RefreshToken, pair: Issued, successor: RefreshToken | None, *, token: str, now: datetime) -> Issued:
    access_token, expires_at = issue_access_token(taken.connection, beside=successor, scope_list=pair.scopes, now=now)
    renewed = Issued(access_token, pair.refresh_token, pair.scopes, expires_at)
    _seal(taken, renewed, token=token)
    return renewed
