"""What rests under SECRET_KEY or a former one: counted, and sealed anew.

Of each kind, a place says which key it is under: 0 for SECRET_KEY, n for the n-th of its fallbacks, None for neither.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts import sessions
from accounts.factors import sealing
from authserver.models import SigningKey
from authserver.services import batches
from authserver.services.batches import Pace
from authserver.services.receipts import keys

Place = int | None
SEALED_IN = {str(Authenticator.Type.TOTP): "secret", str(Authenticator.Type.RECOVERY_CODES): "seed"}


@dataclass(frozen=True)
class Resting:
    """How many rows of one kind are under which key. `is_complete`: all of them were looked at."""

    kind: str
    under: Counter[Place]
    is_complete: bool


@dataclass(frozen=True)
class Kind:
    """One kind of what rests. Where it `must_open`, people lose something with the last key that opens it."""

    name: str
    places: Callable[[datetime], Iterator[Place]]
    must_open: bool


def _of_signing_keys(now: datetime) -> Iterator[Place]:
    return (keys.place_of(row) for row in SigningKey.objects.filter(retired_at=None).iterator())


def _of_factors(now: datetime) -> Iterator[Place]:
    found = Authenticator.objects.filter(type__in=SEALED_IN).order_by("pk").values_list("type", "data")
    return (sealing.place_of(data[SEALED_IN[kind]]) for kind, data in found.iterator() if SEALED_IN[kind] in data)


def _of_sessions(now: datetime) -> Iterator[Place]:
    """The ones saved longest ago first: where there are many, those under a former key are met."""
    live = Session.objects.filter(expire_date__gt=now).order_by("expire_date")
    return (sessions.place_of(data) for data in live.values_list("session_data", flat=True).iterator())


SIGNING_KEYS = Kind("signing keys", _of_signing_keys, must_open=True)
FACTORS = Kind("second factors", _of_factors, must_open=True)
SESSIONS = Kind("browser sessions", _of_sessions, must_open=False)
KINDS = (SIGNING_KEYS, FACTORS, SESSIONS)


def look(kind: Kind, *, now: datetime, limit: int | None) -> Resting:
    """Return what of one kind rests under which key; `limit` is how many rows are looked at, None for all."""
    places = kind.places(now)
    counted = Counter(islice(places, limit))
    return Resting(kind.name, counted, is_complete=limit is None or next(places, ...) is ...)


# --- Sealing anew


def reseal(*, now: datetime, pace: Pace) -> dict[str, int]:
    """Seal under today's SECRET_KEY what rests under a former one, in batches that give way to requests, until all is
    done or the time is over; return how many of each kind were. What no key opens is left as it is."""
    return {
        SIGNING_KEYS.name: keys.reseal(),
        FACTORS.name: _reseal_factors(pace),
        SESSIONS.name: _reseal_sessions(now, pace),
    }


def _reseal_factors(pace: Pace) -> int:
    found = Authenticator.objects.filter(type__in=SEALED_IN)
    done = 0
    for batch in batches.walk(found, by="id", pace=pace, also=("type", "data")):
        former = [pk for pk, _, kind, data in batch if sealing.place_of(data.get(SEALED_IN[kind], ""))]
        with pace.step():
            done += sum(map(_reseal_factor, former))
    return done


@transaction.atomic
def _reseal_factor(pk: int) -> bool:
    """Seal one factor's secret anew, as it is at this moment; return whether that was still to be done."""
    factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
    secret = factor.data.get(SEALED_IN[factor.type]) if factor else None
    if factor is None or secret is None or not sealing.place_of(secret):
        return False
    factor.data[SEALED_IN[factor.type]] = sealing.seal(sealing.unseal(secret))
    factor.save(update_fields=["data"])
    return True


def _reseal_sessions(now: datetime, pace: Pace) -> int:
    live = Session.objects.filter(expire_date__gt=now)
    done = 0
    for batch in batches.walk(live, by="expire_date", pace=pace, also=("session_data",)):
        former = [(key, data) for key, _, data in batch if sessions.place_of(data)]
        with pace.step():
            done += sum(_reseal_session(key, data) for key, data in former)
    return done


def _reseal_session(key: str, data: str) -> int:
    """Sign one session anew unless a request has saved it meanwhile, which did so too; return how many were."""
    return Session.objects.filter(session_key=key, session_data=data).update(session_data=sessions.renewed(data))
