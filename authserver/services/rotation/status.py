"""How the rotation stands: of each key and secret, what is in use since when, what the former ones still carry, and
whether a former SECRET_KEY may be dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from authserver import policy
from authserver.models import Client, InitialAccessToken, ResourceServer, SigningKey
from authserver.services.rotation import resting, use
from authserver.services.rotation.overlap import Holder
from authserver.services.rotation.resting import Resting


@dataclass(frozen=True)
class Former:
    """A former SECRET_KEY that is still accepted: the n-th of SECRET_KEY_FALLBACKS. `needed` says what needs it, one
    short phrase each; with none it may be dropped."""

    place: int
    name: str
    needed: tuple[str, ...]


@dataclass(frozen=True)
class SecretKey:
    """Today's SECRET_KEY, what rests under it and its former ones, and the kinds of which something is lost."""

    name: str
    since: datetime | None
    resting: tuple[Resting, ...]
    formers: tuple[Former, ...]
    lost: dict[str, int]


def secret_key(*, now: datetime, limit: int | None = policy.KEYS_LOOKED_AT_MAX) -> SecretKey:
    """Return how it stands with SECRET_KEY. Of each kind `limit` rows are looked at, None for all. Sessions only where
    there are fallbacks: without, those of others are over."""
    kinds = resting.KINDS if settings.SECRET_KEY_FALLBACKS else [kind for kind in resting.KINDS if kind.must_open]
    found = tuple(resting.look(kind, now=now, limit=limit) for kind in kinds)
    since = use.since()
    formers = tuple(
        Former(place, use.name_of(secret), _needed(place, found, since, now))
        for place, secret in enumerate(settings.SECRET_KEY_FALLBACKS, start=1)
    )
    lost = {each.kind: each.under[None] for kind, each in zip(kinds, found, strict=True) if kind.must_open}
    return SecretKey(use.name_of(settings.SECRET_KEY), since, found, formers, {k: n for k, n in lost.items() if n})


def _needed(place: int, found: Sequence[Resting], since: datetime | None, now: datetime) -> tuple[str, ...]:
    """Return why a former key cannot go yet. Open forms and shared links are stored nowhere: only time tells."""
    needed = [f"{each.kind} ({each.under[place]})" for each in found if each.under[place]]
    if not needed:
        needed = [f"perhaps {each.kind}: not all were looked at" for each in found if not each.is_complete]
    if since is None:
        return (*needed, "open forms and shared links: since when today's key is in use is not noted yet")
    until = since + policy.FORMER_KEY_KEPT
    if now < until:
        needed.append(f"open forms and shared links, until {until:%Y-%m-%d %H:%M} UTC")
    return tuple(needed)


@dataclass(frozen=True)
class Overlaps:
    """Secrets of one kind whose former one works on: how many, and until when the last of them does."""

    kind: str
    count: int
    until: datetime | None


HOLDERS: dict[str, type[Holder]] = {
    "client": Client,
    "resource-server": ResourceServer,
    "initial-access-token": InitialAccessToken,
}


def overlaps(*, now: datetime) -> list[Overlaps]:
    """Return of each kind of secret how many former ones still work."""
    told = []
    for kind, model in HOLDERS.items():
        ends = model._default_manager.filter(previous_secret_expires_at__gt=now).order_by("-previous_secret_expires_at")
        until = list(ends.values_list("previous_secret_expires_at", flat=True)[: policy.KEYS_LOOKED_AT_MAX])
        told.append(Overlaps(kind, len(until), until[0] if until else None))
    return told


def signing_keys() -> list[SigningKey]:
    """Return the keys that sign or will, the newest first, and the one retired last."""
    live = SigningKey.objects.filter(retired_at=None)
    return [*live, *SigningKey.objects.exclude(retired_at=None)[:1]]
