"""A process that ends things as people do on our pages: reads `way number` per line, answers when it has committed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import django

django.setup()

from django.utils import timezone  # noqa: E402  (models cannot be imported before the set-up)

from accounts.models import User  # noqa: E402
from authserver.models import Connection  # noqa: E402
from authserver.services import connections  # noqa: E402
from authserver.services.connections import EndReason  # noqa: E402
from authserver.services.standing import people, seats  # noqa: E402
from benchmarks.seed.numbers import id_of  # noqa: E402
from handles.models import Membership  # noqa: E402


def ended(reason: EndReason) -> Callable[[int], object]:
    return lambda number: connections.revoke(found(number), reason=reason, now=timezone.now(), by=administrator())


def paused(number: int) -> None:
    who = Connection.PausedBy.ADMINISTRATOR
    connections.pause(found(number), who=who, by=administrator(), now=timezone.now())


def without_seat(number: int) -> None:
    row = found(number)
    seats.remove(Membership.objects.get(user=row.user, handle=row.handle), by=administrator(), now=timezone.now())


def inactive(number: int) -> None:
    people.set_active(found(number).user, False, by=administrator(), now=timezone.now())


def found(number: int) -> Connection:
    return Connection.objects.get(pk=id_of("connection", number))


def administrator() -> User:
    return User.objects.get(email="admin@example.com")


ACTS: dict[str, Callable[[int], object]] = {
    "person": ended(EndReason.PERSON),
    "handle admin": ended(EndReason.HANDLE_ADMIN),
    "administrator": ended(EndReason.ADMINISTRATOR),
    "paused": paused,
    "seat removed": without_seat,
    "person inactive": inactive,
}


def main() -> None:
    for line in sys.stdin:
        way, _, number = line.strip().rpartition(" ")
        ACTS[way](int(number))
        print(number, flush=True)


if __name__ == "__main__":
    main()
