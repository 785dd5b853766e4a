"""The life of a connection: approved, exchanged, refreshed, ended.

Every act locks the connection first and reads what hangs on it afterwards; so what a revocation ended, no exchange or
refresh that was under way can revive.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, RefreshToken
from authserver.protocol import credentials, scopes
from authserver.protocol.errors import Refusal, Refused, invalid_grant
from authserver.protocol.resources import Target
from authserver.services import catalog, clients, events, sealing
from authserver.services.events import Actor, Tag
from authserver.services.governance import verdicts
from handles import access
from handles.models import Handle

EndReason = Connection.EndReason
ANSWERED = Refusal("invalid_request", "This request was already answered.", "consent:answered")


@dataclass(frozen=True)
class Approval:
    """One person's Allow, as the consent page was answered. `wanted` was asked for, `granted` was allowed."""

    user: User
    client: Client
    handle: Handle
    target: Target
    wanted: tuple[str, ...]
    granted: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    consent_id: UUID


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


# --- Approval


def approve(approval: Approval, *, now: datetime) -> str | Refusal:
    """Make or grow the one live connection of this person, client, handle and resource, and return a code for it.

    The same consent page sent twice (a double click, or Back and another handle) answers with a fresh code, the first
    one void, as long as the first was not redeemed. Records connection:approved or connection:widened.

    Refuses: invalid_request, reason consent:answered, once its code was redeemed.
    """
    try:
        code, abandoned = _approve(approval, now=now)
    except Refused as no:
        return no.refusal
    if abandoned:
        end_if_nobody_holds_it(abandoned, now=now)
    return code


@transaction.atomic
def _approve(approval: Approval, *, now: datetime) -> tuple[str, UUID | None]:
    """Return the code, and the connection that an earlier answer of the same page went to, if it was another one."""
    connection, is_new = _live_connection(approval, now=now)
    answered = AuthorizationCode.objects.filter(consent_id=approval.consent_id).first()
    if answered and not AuthorizationCode.objects.filter(pk=answered.pk, redeemed_at=None).delete()[0]:
        raise Refused(ANSWERED)  # it was redeemed, perhaps just now; what was made above is rolled back
    before = connection.scope_list
    after = scopes.after_approval(before, approval.wanted, approval.granted, catalog.current())
    connection.scopes, connection.approved_at = " ".join(after), now
    connection.client_name = approval.client.name
    connection.client_metadata_digest = approval.client.metadata_digest
    connection.save(update_fields=["scopes", "approved_at", "client_name", "client_metadata_digest"])
    clients.mark_used(approval.client, now=now)
    code = _store_code(approval, connection, now=now)
    widened = not is_new and set(after) - set(before)
    tag = Tag.CONNECTION_WIDENED if widened else Tag.CONNECTION_APPROVED
    events.record(tag, actor=Actor.PERSON, by=approval.user, connection=connection, scopes=connection.scopes)
    elsewhere = answered is not None and answered.connection_id != connection.pk
    return code, answered.connection_id if answered and elsewhere else None


def _store_code(approval: Approval, connection: Connection, *, now: datetime) -> str:
    code = credentials.generate("")
    try:
        with transaction.atomic():
            AuthorizationCode.objects.create(
                connection=connection,
                digest=credentials.digest(code),
                consent_id=approval.consent_id,
                scopes=" ".join(approval.granted),
                redirect_uri=approval.redirect_uri,
                code_challenge=approval.code_challenge,
                created_at=now,
                expires_at=now + policy.AUTHORIZATION_CODE_LIFETIME,
            )
    except IntegrityError as error:  # the same page, sent for another handle at the same moment
        raise Refused(ANSWERED) from error
    return code


def _live_connection(approval: Approval, *, now: datetime) -> tuple[Connection, bool]:
    """Return the live connection of this approval, locked, and whether it was made just now."""
    key = {
        "user": approval.user,
        "client": approval.client,
        "handle": approval.handle,
        "resource": approval.target.uri,
        "ended_at": None,
    }
    live = Connection.objects.select_for_update(of=("self",)).select_related("client", "handle")
    found = live.filter(**key).first()
    if found:
        return found, False
    try:
        with transaction.atomic():
            created = Connection.objects.create(
                **key, protected_resource_id=approval.target.pattern_id, created_at=now, approved_at=now
            )
        return created, True
    except IntegrityError:  # another tab's Allow came first
        return live.get(**key), False


@transaction.atomic
def deny(user: User, client: Client, *, target: Target) -> None:
    """Record that a person pressed Cancel; nothing else is kept of it."""
    events.record(
        Tag.CONNECTION_DENIED, actor=Actor.PERSON, by=user, client=client, person_id=user.pk, resource=target.uri
    )


# --- Exchange


def lock(connection_id: UUID) -> Connection:
    """Return the connection, locked until the transaction ends, with the rows that its rules ask about."""
    rows = Connection.objects.select_for_update(of=("self",))
    return rows.select_related("client", "user", "handle", "protected_resource").get(pk=connection_id)


def refusal_of(connection: Connection) -> Refusal | None:
    """Return why nothing may be issued under this connection now, or None. Membership, person, client, handle,
    its word on the client and endpoint are asked live."""
    if not connection.is_live:
        return invalid_grant(f"connection:ended_{connection.end_reason}")
    if not connection.client.is_usable(None):
        return invalid_grant("client:blocked_or_expired")
    if not connection.protected_resource.is_active:
        return invalid_grant("resource:withdrawn")
    if access.role_in(connection.handle, connection.user) is None:
        return invalid_grant("person:may_not_act_for_handle")
    verdict = verdicts.verdict_for(connection.handle, connection.client)
    return None if verdict.lets_in else invalid_grant(verdict.reason)


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
    pair = _issue(connection, scope_list=code.scopes.split(), now=now, with_refresh=connection.client.may_refresh)
    events.record(Tag.CODE_REDEEMED, actor=Actor.CLIENT, connection=connection)
    return pair


def _issue(connection: Connection, *, scope_list: Iterable[str], now: datetime, with_refresh: bool) -> Issued:
    access_token, expires_at = _issue_access_token(connection, scope_list=scope_list, now=now)
    refresh_token = None
    if with_refresh:
        refresh_token = credentials.generate(policy.REFRESH_TOKEN_PREFIX)
        RefreshToken.objects.create(
            connection=connection,
            digest=credentials.digest(refresh_token),
            issued_at=now,
            expires_at=now + policy.REFRESH_TOKEN_IDLE_LIFETIME,
        )
    return Issued(access_token, refresh_token, tuple(scope_list), expires_at)


def _issue_access_token(connection: Connection, *, scope_list: Iterable[str], now: datetime) -> tuple[str, datetime]:
    token = credentials.generate(policy.ACCESS_TOKEN_PREFIX)
    expires_at = now + access_token_lifetime()
    AccessToken.objects.create(
        connection=connection,
        digest=credentials.digest(token),
        scopes=" ".join(scope_list),
        issued_at=now,
        expires_at=expires_at,
    )
    return token, expires_at


# --- Refresh


def take_refresh_token(token: str, *, client: Client, now: datetime) -> RefreshToken | Refusal:
    """Return the refresh token this client may use, its connection locked. Call it inside the transaction that rotates.

    A token that was rotated longer than policy.REFRESH_LEEWAY ago ends the connection: somebody holds a copy.

    Obeys:    RFC 9700 §4.14.2 (replay detection), RFC 6749 §6 (bound to its client).
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
        events.record(Tag.REFRESH_REPLAYED, actor=Actor.CLIENT, connection=connection)
        revoke(connection, reason=EndReason.REFRESH_REPLAY, now=now)
        return invalid_grant("refresh:replayed")
    if taken.expires_at <= now:
        return invalid_grant("refresh:expired")
    return refusal_of(connection) or taken


def rotate(taken: RefreshToken, *, token: str, scope_list: Iterable[str], now: datetime) -> Issued:
    """Replace a refresh token that `take_refresh_token` returned in this same transaction; return the new pair.

    Idempotent: within the leeway the same token answers the same pair to whoever holds it, so parallel and repeated
    refreshes, and lost answers, cost nobody a connection. The previous access token lives to its own expiry.
    """
    if taken.sealed_successor is not None:
        again = _issue_again(taken, token=token, now=now)
        if again:
            return again
    pair = _issue(taken.connection, scope_list=scope_list, now=now, with_refresh=True)
    clients.mark_used(taken.connection.client, now=now)
    taken.rotated_at = now
    _seal(taken, pair, token=token)
    events.record(Tag.CREDENTIAL_REFRESHED, actor=Actor.CLIENT, connection=taken.connection)
    return pair


def _seal(taken: RefreshToken, pair: Issued, *, token: str) -> None:
    content = [pair.access_token, pair.refresh_token, list(pair.scopes), pair.expires_at.isoformat()]
    taken.sealed_successor = sealing.seal(token, json.dumps(content))
    taken.save(update_fields=["rotated_at", "sealed_successor"])


def _issue_again(taken: RefreshToken, *, token: str, now: datetime) -> Issued | None:
    """Return the pair issued before; with a new access token where the first has run out meanwhile."""
    content = sealing.unseal(token, bytes(taken.sealed_successor or b""))
    if content is None:
        return None
    access_token, refresh_token, scope_list, expires_at_text = json.loads(content)
    expires_at = datetime.fromisoformat(expires_at_text)
    pair = Issued(access_token, refresh_token, tuple(scope_list), expires_at)
    if expires_at > now:
        return pair
    access_token, expires_at = _issue_access_token(taken.connection, scope_list=scope_list, now=now)
    pair = Issued(access_token, refresh_token, tuple(scope_list), expires_at)
    _seal(taken, pair, token=token)
    return pair


# --- End


@transaction.atomic
def revoke(connection: Connection, *, reason: EndReason, now: datetime, by: User | None = None, note: str = "") -> bool:
    """End a connection: every credential under it is refused from the next request on. Return False if it had ended.

    The one function for everybody: client, person, a handle's admin, administrator, replay. Records
    connection:revoked.
    """
    locked = lock(connection.pk)
    if not locked.is_live:
        return False
    locked.ended_at, locked.end_reason = now, reason
    locked.save(update_fields=["ended_at", "end_reason"])
    events.record(
        Tag.CONNECTION_REVOKED, actor=_actor(reason), by=by, connection=locked, reason=reason.value, note=note[:500]
    )
    return True


def _actor(reason: EndReason) -> Actor:
    return {
        EndReason.PERSON: Actor.PERSON,
        EndReason.HANDLE_ADMIN: Actor.PERSON,
        EndReason.ADMINISTRATOR: Actor.ADMINISTRATOR,
        EndReason.CLIENT: Actor.CLIENT,
        EndReason.CLIENT_DELETED: Actor.CLIENT,
    }.get(reason, Actor.SYSTEM)


def revoke_by_token(token: str, *, client: Client, now: datetime) -> bool:
    """End the connection that this access or refresh token belongs to, if it is this client's. Return whether one
    ended; a token that is unknown or another's ends nothing and is no error.

    Obeys: RFC 7009 §2.1 (bound to the client), §2.2 (unknown tokens are no error).
    """
    digest = credentials.digest(token)
    for model in (RefreshToken, AccessToken):
        found = model.objects.filter(digest=digest).select_related("connection").first()
        if found and found.connection.client_id == client.pk:
            return revoke(found.connection, reason=EndReason.CLIENT, now=now)
    return False


def held(now: datetime) -> Q:
    """Return the condition that somebody holds something of a connection: a code, an access or a refresh token."""
    codes = AuthorizationCode.objects.filter(connection=OuterRef("pk"), expires_at__gt=now, redeemed_at=None)
    access_tokens = AccessToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    refresh_tokens = RefreshToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    return Q(Exists(codes)) | Q(Exists(access_tokens)) | Q(Exists(refresh_tokens))


@transaction.atomic
def end_if_nobody_holds_it(connection_id: UUID, *, now: datetime) -> bool:
    """End a connection of which nobody holds anything any more; return whether it ended."""
    connection = lock(connection_id)
    if Connection.objects.filter(held(now), pk=connection.pk).exists():
        return False
    return revoke(connection, reason=EndReason.UNUSED, now=now)


def revoke_all(connections: Iterable[Connection], *, reason: EndReason, now: datetime, by: User, note: str = "") -> int:
    """End each of these connections in a transaction of its own; return how many were live."""
    return sum(revoke(connection, reason=reason, now=now, by=by, note=note) for connection in connections)
