"""What a seeded database still lacks to be like one that has been at work for two years: many clients, people, handles,
events, tokens and rules, and connections that began, were paused and ended at different times."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import models
from django.utils import timezone

from accounts.models import User
from authserver.models import Client, ClientRule, Event, LedgerLink, PersonalAccessToken
from benchmarks.seed.numbers import id_of
from benchmarks.seed.progress import Progress, step
from handles.models import Handle, Membership
from tests.people import CALLBACK, READS

CLIENTS, PEOPLE, HANDLES, EVENTS, TOKENS, RULES = 100_000, 200_000, 50_000, 1_000_000, 100_000, 100_000
YEARS = timedelta(days=2 * 365)
BATCH = 5_000
SOURCES = (Client.RegistrationSource.DCR, Client.RegistrationSource.CIMD, Client.RegistrationSource.MANUAL)
TAGS = (
    *(Event.Tag.CREDENTIAL_REFRESHED,) * 30,
    *(Event.Tag.CODE_REDEEMED, Event.Tag.CONNECTION_APPROVED, Event.Tag.CONNECTION_REVOKED) * 5,
    Event.Tag.CLIENT_REGISTERED,
    Event.Tag.CLIENT_BLOCKED,
)
# One in five has ended, one in a hundred is paused; when it began follows from its id, spread over two years.
SPREAD = {
    "postgresql": (
        """
        UPDATE authserver_connection SET
          created_at = now() - make_interval(secs => (('x' || right(id::text, 6))::bit(24)::int % 63072000) * 3.7),
          ended_at = CASE WHEN id::text LIKE '%0' OR id::text LIKE '%1' OR id::text LIKE '%2'
                          THEN now() - interval '1 day' END,
          end_reason = CASE WHEN id::text LIKE '%0' THEN 'person' WHEN id::text LIKE '%1' THEN 'administrator'
                            WHEN id::text LIKE '%2' THEN 'refresh_replay' ELSE '' END,
          paused_at = CASE WHEN id::text LIKE '%ff' THEN now() - interval '2 days' END,
          paused_by = CASE WHEN id::text LIKE '%ff' THEN 'administrator' ELSE '' END""",
        """
        UPDATE authserver_client SET created = now() - make_interval(secs => (id * 7919 % 63072000))""",
    ),
    "sqlite": (
        """
        UPDATE authserver_connection SET
          created_at = datetime('now', '-' || (abs(random()) % 63072000) || ' seconds') || '.000000',
          ended_at = CASE WHEN substr(id, -1) IN ('0', '1', '2') THEN datetime('now', '-1 day') || '.000000' END,
          end_reason = CASE substr(id, -1) WHEN '0' THEN 'person' WHEN '1' THEN 'administrator'
                       WHEN '2' THEN 'refresh_replay' ELSE '' END,
          paused_at = CASE WHEN substr(id, -2) = 'ff' THEN datetime('now', '-2 days') || '.000000' END,
          paused_by = CASE WHEN substr(id, -2) = 'ff' THEN 'administrator' ELSE '' END""",
        """
        UPDATE authserver_client SET
          created = datetime('now', '-' || (id * 7919 % 63072000) || ' seconds') || '.000000'""",
    ),
}


def gather() -> None:
    """Add what is missing, once: a database that has it stays as it is."""
    if PersonalAccessToken.objects.exists():
        return
    now = timezone.now()
    seeded = User.objects.filter(email__startswith="person-").count()
    _add(User, PEOPLE, lambda number: _person(number, now))
    _add(Handle, HANDLES, lambda number: _handle(number, now))
    _add(Membership, PEOPLE, lambda number: _membership(number, seeded))
    _add(Client, CLIENTS, _client)
    _add(Event, EVENTS, lambda number: _event(number, now))
    _add(LedgerLink, 1, lambda number: LedgerLink(id=1, event_id=Event.objects.latest("id").pk, hash=bytes(32)))
    _add(ClientRule, RULES, lambda number: _rule(number, now))
    step("connections as they come in two years")
    with database.cursor() as cursor:
        for statement in SPREAD[database.vendor]:
            cursor.execute(statement)
    _add(PersonalAccessToken, TOKENS, lambda number: _token(number, seeded, now))
    step("statistics")
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if database.vendor == "postgresql" else "ANALYZE")


def _add(model: type[models.Model], total: int, make: Callable[[int], models.Model]) -> None:
    have = model._default_manager.count()
    progress = Progress(str(model._meta.verbose_name_plural), max(0, total - have))
    for start in range(have, total, BATCH):
        rows = [make(number) for number in range(start, min(start + BATCH, total))]
        model._default_manager.bulk_create(rows)
        progress.add(len(rows))
    progress.close()


def _long_ago(number: int, now: datetime) -> datetime:
    """Some time within two years; the same for the same number."""
    return now - YEARS * ((number * 7919 % 100_003) / 100_003)


def _person(number: int, now: datetime) -> User:
    made = {"name": f"Person {number}", "password": "!", "created_at": _long_ago(number, now)}
    return User(id=id_of("extra person", number), email=f"extra-{number}@example.com", **made)


def _handle(number: int, now: datetime) -> Handle:
    made = {"slug": f"extra-{number}", "display_name": f"Extra {number}", "created_at": _long_ago(number, now)}
    return Handle(id=id_of("extra handle", number), **made)


def _membership(number: int, seeded: int) -> Membership:
    """Beyond the seeded ones: each of the seeded people in further handles."""
    handle = (number + number // seeded * 7) % 20_000  # so that nobody is in one twice
    return Membership(handle_id=id_of("extra handle", 20_000 + handle), user_id=id_of("person", number % seeded))


def _client(number: int) -> Client:
    source = SOURCES[0] if number % 10 else SOURCES[1 + number // 10 % 2]
    is_document = source == Client.RegistrationSource.CIMD
    return Client(
        client_id=f"https://client-{number}.example.com/oauth" if is_document else str(uuid.uuid4()),
        name=f"Client {number}",
        registration_source=source,
        redirect_uris=CALLBACK,
        client_type=Client.CLIENT_PUBLIC,
        authorization_grant_type=Client.GRANT_AUTHORIZATION_CODE,
        is_verified=not number % 500,
        is_active=bool(number % 1_000),
        fingerprint=hashlib.sha256(str(number).encode()).hexdigest(),
    )


def _event(number: int, now: datetime) -> Event:
    """The later, the younger."""
    return Event(
        at=now - YEARS * (1 - number / EVENTS),
        tag=TAGS[number * 7919 % len(TAGS)],
        actor=_actor(number),
        person_id=id_of("person", number % 100_000),
        client_id=f"https://client-{number % 1_000}.example.com/oauth",
        handle=f"seeded-{number % 10_000}",
        connection_id=id_of("connection", 1 + number % 1_000_000),
        request_id=str(uuid.UUID(int=number)),
        detail={"scopes": READS},
    )


def _actor(number: int) -> str:
    if number % 500 == 0:
        return Event.Actor.ADMINISTRATOR
    return Event.Actor.SYSTEM if number % 300 == 1 else Event.Actor.CLIENT


def _rule(number: int, now: datetime) -> ClientRule:
    made = {
        "client_name": f"Client {number}",
        "value": f"client-{number}",
        "kind": ClientRule.Kind.CLIENT_ID,
        "created_at": now,
    }
    decision = ClientRule.Decision.values[number % len(ClientRule.Decision.values)]
    return ClientRule(handle_id=id_of("extra handle", 20_000 + number % 20_000), decision=decision, **made)


def _token(number: int, seeded: int, now: datetime) -> PersonalAccessToken:
    begun = _long_ago(number, now)
    return PersonalAccessToken(
        user_id=id_of("person", number % seeded),
        handle_id=id_of("extra handle", 20_000 + number % 20_000),
        name=f"Job {number}",
        scopes=READS,
        digest=hashlib.sha256(f"personal token {number}".encode()).digest(),
        hint=f"{number % 10_000:04}",
        created_at=begun,
        expires_at=begun + timedelta(days=365),
        ended_at=now if number % 5 == 0 else None,
    )
