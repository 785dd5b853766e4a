"""Initial access tokens: who may register clients where registration is not open to all (RFC 7591 §3)."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import InitialAccessToken
from authserver.protocol import credentials
from authserver.services import events
from authserver.services.events import Actor, Tag
from authserver.services.rotation import overlap


@transaction.atomic
def renew_secret(token: InitialAccessToken, *, by: User | None = None) -> str:
    """Give an initial access token its first or a new secret and return it. The old one works on for
    policy.SECRET_OVERLAP, if the token does. Records initial_access_token:created."""
    secret = credentials.generate(policy.INITIAL_ACCESS_TOKEN_PREFIX)
    if token._state.adding:
        token.save()
    token.refresh_from_db(from_queryset=InitialAccessToken.objects.select_for_update())
    overlap.begin(token, credentials.digest(secret), now=timezone.now())
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(Tag.INITIAL_ACCESS_TOKEN_CREATED, actor=actor, by=by, token=str(token.pk))
    return secret


@transaction.atomic
def end_former_secret(token: InitialAccessToken, *, by: User | None = None, now: datetime) -> bool:
    """Let the secret before this one work no longer; return whether there was one that did. Records
    initial_access_token:changed."""
    token.refresh_from_db(from_queryset=InitialAccessToken.objects.select_for_update())
    ended = overlap.end(token, now=now)
    if ended:
        _tell(token, by=by, fields=["former_secret"])
    return ended


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


def _tell(
    token: InitialAccessToken, *, by: User | None, fields: list[str] | None = None, is_removed: bool = False
) -> None:
    events.record(
        Tag.INITIAL_ACCESS_TOKEN_CHANGED,
        actor=Actor.ADMINISTRATOR if by else Actor.SYSTEM,
        by=by,
        token=str(token.pk),
        fields=fields or [],
        is_removed=is_removed,
    )


def is_good(secret: str, *, now: datetime) -> bool:
    """Tell whether this is an initial access token that still admits registrations, by its secret or the one before."""
    if not credentials.is_well_formed(secret, policy.INITIAL_ACCESS_TOKEN_PREFIX):
        return False
    digest = credentials.digest(secret)
    former = Q(previous_secret_digest=digest, previous_secret_expires_at__gt=now)
    found = InitialAccessToken.objects.filter(Q(secret_digest=digest) | former).first()
    return found is not None and (found.expires_at is None or found.expires_at > now)
