"""A code for credentials, and how a pair is issued."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, invalid_grant
from authserver.services import events
from authserver.services.connections.ending import revoke
from authserver.services.connections.standing import lock, refusal_of
from authserver.services.events import Actor, Tag

EndReason = Connection.EndReason


@dataclass(frozen=True)
class Issued:
    """A pair just issued, or issued again. The only place where the secrets exist outside the client."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime

    def body(self, now: datetime) -> dict[str, object]:
        """Return the token answer (RFC 6749 §5.1); `expires_in` in whole seconds."""
        answer: dict[str, object] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": max(0, int((self.expires_at - now).total_seconds())),
            "scope": " ".join(self.scopes),
        }
        return answer | ({"refresh_token": self.refresh_token} if self.refresh_token else {})


def access_token_lifetime() -> timedelta:
    return timedelta(seconds=settings.ACCESS_TOKEN_LIFETIME_SECONDS)


def take_code(code: str, *, client: Client, now: datetime) -> AuthorizationCode | Refusal:
    """Return the authorization code this client may still exchange, its connection locked.

    A code seen a second time ends the whole connection: the first caller may have been the thief, and nothing tells
    which of the two it was. Call it inside the transaction that redeems it.

    Obeys:    RFC 6749 §4.1.2 (single use; end the tokens on reuse), §4.1.3 (bound to its client).
    Departs:  RFC 6749 §4.1.2 allows ten minutes; policy.AUTHORIZATION_CODE_LIFETIME is one.
    Refuses:  invalid_grant, reason code:unknown, code:foreign_client, code:expired, code:replayed or the connection's.
    """
    digest = credentials.digest(code)
    connection_id = AuthorizationCode.objects.filter(digest=digest).values_list("connection_id", flat=True).first()
    if connection_id is None:
        return invalid_grant("code:unknown")
    connection = lock(connection_id)
    # Locked as well: the same consent page answered for another handle removes it under that connection's lock.
    taken = AuthorizationCode.objects.select_for_update().filter(digest=digest).first()
    if taken is None:
        return invalid_grant("code:unknown")
    taken.connection = connection
    if connection.client_id != client.pk:
        return invalid_grant("code:foreign_client")
    if taken.redeemed_at:
        events.record(Tag.CODE_REPLAYED, actor=Actor.CLIENT, connection=connection)
        revoke(connection, reason=EndReason.CODE_REPLAY, now=now)
        return invalid_grant("code:replayed")
    if taken.expires_at <= now:
        return invalid_grant("code:expired")
    return refusal_of(connection) or taken


def redeem(code: AuthorizationCode, *, now: datetime) -> Issued:
    """Exchange a code that `take_code` returned in this same transaction. Records code:redeemed."""
    code.redeemed_at = now
    code.save(update_fields=["redeemed_at"])
    connection = code.connection
    note_caller(connection)
    standing = set(connection.scope_list)  # it may have been narrowed, or withheld from, since Allow
    scope_list = [name for name in code.scopes.split() if name in standing]
    pair = issue(connection, scope_list=scope_list, now=now, with_refresh=connection.client.may_refresh)
    events.record(Tag.CODE_REDEEMED, actor=Actor.CLIENT, connection=connection)
    return pair


def issue(connection: Connection, *, scope_list: Iterable[str], now: datetime, with_refresh: bool) -> Issued:
    """Issue a pair under a connection that the caller has locked; without refresh, an access token alone."""
    token, row = None, None
    if with_refresh:
        token = credentials.generate(policy.REFRESH_TOKEN_PREFIX)
        row = RefreshToken.objects.create(
            connection=connection,
            digest=credentials.digest(token),
            issued_at=now,
            expires_at=now + policy.REFRESH_TOKEN_IDLE_LIFETIME,
        )
    access_token, expires_at = issue_access_token(connection, beside=row, scope_list=scope_list, now=now)
    return Issued(access_token, token, tuple(scope_list), expires_at)


def issue_access_token(
    connection: Connection, *, beside: RefreshToken | None, scope_list: Iterable[str], now: datetime
) -> tuple[str, datetime]:
    """Issue an access token, answered together with the refresh token `beside`; return it and its expiry."""
    token = credentials.generate(policy.ACCESS_TOKEN_PREFIX)
    expires_at = now + access_token_lifetime()
    AccessToken.objects.create(
        connection=connection,
        refresh_token=beside,
        digest=credentials.digest(token),
        scopes=" ".join(scope_list),
        issued_at=now,
        expires_at=expires_at,
    )
    return token, expires_at


def note_caller(connection: Connection) -> None:
    """Keep where and as what the client last asked for credentials, where that is new."""
    facts = events.current_request.get()
    if (connection.last_address, connection.last_agent) != (facts.address, facts.agent):
        connection.last_address, connection.last_agent = facts.address, facts.agent
        connection.save(update_fields=["last_address", "last_agent"])
