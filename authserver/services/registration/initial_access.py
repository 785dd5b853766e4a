"""Initial access tokens: who may register clients where registration is not open to all (RFC 7591 §3)."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver import policy
from authserver.models import InitialAccessToken
from authserver.protocol import credentials
from authserver.services import events
from authserver.services.events import Actor, Tag


@transaction.atomic
def renew_secret(token: InitialAccessToken, *, by: User | None = None) -> str:
    """Give an initial access token its first or a new secret, the old one void at once, and return it."""
    secret = credentials.generate(policy.INITIAL_ACCESS_TOKEN_PREFIX)
    token.secret_digest = credentials.digest(secret)
    token.save()
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(Tag.INITIAL_ACCESS_TOKEN_CREATED, actor=actor, by=by, token=str(token.pk))
    return secret


@transaction.atomic
def save(token: InitialAccessToken, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store the name and the end of an initial access token as an administrator typed them. One that is new has its
    event from its secret; of others initial_access_token:changed is recorded."""
    is_new = token._state.adding
    token.save()
    if not is_new:
        _tell(token, by=by, fields=sorted(changed))


@transaction.atomic
def remove(token: InitialAccessToken, *, by: User, now: datetime) -> None:
    """Delete an initial access token: it admits nobody any more. Records initial_access_token:changed."""
    _tell(token, by=by, is_removed=True)
    token.delete()


def _tell(token: InitialAccessToken, *, by: User, fields: list[str] | None = None, is_removed: bool = False) -> None:
    events.record(
        Tag.INITIAL_ACCESS_TOKEN_CHANGED,
        actor=Actor.ADMINISTRATOR,
        by=by,
        token=str(token.pk),
        fields=fields or [],
        is_removed=is_removed,
    )


def is_good(secret: str, *, now: datetime) -> bool:
    """Tell whether this is an initial access token that still admits registrations."""
    if not credentials.is_well_formed(secret, policy.INITIAL_ACCESS_TOKEN_PREFIX):
        return False
    found = InitialAccessToken.objects.filter(secret_digest=credentials.digest(secret)).first()
    return found is not None and (found.expires_at is None or found.expires_at > now)
