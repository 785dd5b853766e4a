"""The audit trail: every act writes exactly one event of its tag, with ids only, in the transaction of the act."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.forms import model_to_dict

from authserver import policy
from authserver.models import (
    Client,
    Connection,
    Event,
    InitialAccessToken,
    ProtectedResource,
    ResourceServer,
    ScopeRequest,
)  # fmt: skip
from authserver.protocol import client_metadata
from authserver.protocol.governance import Decision, Mode
from authserver.services import clients, connections, events, purge, registration, resource_servers
from authserver.services.connections import EndReason, Issued, PausedBy
from authserver.services.events import RequestFacts, current_request
from authserver.services.governance import decisions, verdicts
from authserver.services.registration import initial_access
from handles.roles import Role
from tests.authserver.services.alarms import acts as alarms_acts
from tests.authserver.services.conftest import NOW, READS, Approving, approve, exchange, issued, refresh, seen
from tests.authserver.services.ledger import acts as ledger_acts
from tests.authserver.services.personal_tokens import acts as personal_token_acts
from tests.authserver.services.receipts import acts as receipts_acts
from tests.authserver.services.rehearsals import acts as rehearsals_acts
from tests.authserver.services.standing import acts as standing_acts
from tests.authserver.services.tools import acts as tools_acts
from tests.people import App, World
from tests.tampering import forget_events

LATER = NOW + policy.REFRESH_LEEWAY + timedelta(seconds=1)
METADATA = client_metadata.parse({"redirect_uris": ["https://a.example/cb"]})


@dataclass
class Stage:
    """Who and what an act may use: a connection of alice's that ChatGPT holds a pair of."""

    world: World
    client: Client
    approval: Approving
    pair: Issued

    @property
    def connection(self) -> Connection:
        return Connection.objects.get()

    @property
    def root(self) -> Any:
        return self.world.admin.user

    def save(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self.client, name, value)
        clients.save_by_administrator(self.client, by=self.root, changed=list(changes), is_new=False)


@pytest.fixture
def stage(world: World, client_row: Client, approval: Approving, pair: Issued) -> Stage:
    return Stage(world, client_row, approval, pair)


def replay_code(stage: Stage) -> None:
    code = approve(stage.approval())
    refresh(exchange(code, stage.client).refresh_token, stage.client)
    forget_events()
    exchange(code, stage.client)


def come_late(stage: Stage) -> None:
    refresh(stage.pair.refresh_token, stage.client)
    forget_events()
    refresh(stage.pair.refresh_token, stage.client, LATER)


def replay_refresh(stage: Stage) -> None:
    seen(issued(refresh(stage.pair.refresh_token, stage.client)))
    forget_events()
    refresh(stage.pair.refresh_token, stage.client, LATER)


def resume(stage: Stage) -> None:
    connections.pause(stage.connection, who=PausedBy.PERSON, by=stage.world.alice.user, now=NOW)
    forget_events()
    connections.resume(stage.connection, who=PausedBy.PERSON, by=stage.world.alice.user, now=NOW)


def tick_again(stage: Stage) -> None:
    connections.allow_scopes(stage.connection, [], by=stage.world.alice.user, now=NOW)
    forget_events()
    connections.allow_scopes(stage.connection, READS, by=stage.world.alice.user, now=NOW)


def wish(stage: Stage) -> None:
    connections.wish(stage.connection.pk, "links.write", tool="create_link", now=NOW)


def answer_a_wish(answer: Callable[..., bool]) -> Callable[[Stage], Any]:
    def act(stage: Stage) -> None:
        wish(stage)
        forget_events()
        answer(ScopeRequest.objects.get(), by=stage.world.alice.user, now=NOW)

    return act


def redeem(stage: Stage) -> None:
    code = approve(stage.approval())
    forget_events()
    exchange(code, stage.client)


def unblock(stage: Stage) -> None:
    stage.save(is_active=False)
    forget_events()
    stage.save(is_active=True)


def delete_client(stage: Stage) -> None:
    connections.revoke(stage.connection, reason=EndReason.PERSON, now=NOW)
    forget_events()
    registration.delete(stage.client, now=NOW)


def expire_client(stage: Stage) -> None:
    connections.revoke(stage.connection, reason=EndReason.PERSON, now=NOW)
    forget_events()
    registration.expire_unused(now=NOW + policy.IDLE_REGISTRATION_LIFETIME * 2)


def rename_admission(stage: Stage) -> None:
    token = InitialAccessToken(name="one")
    initial_access.renew_secret(token, by=stage.root)
    forget_events()
    initial_access.save(token, by=stage.root, now=NOW, changed=["name"])


def block_at_handle(stage: Stage) -> Any:
    entry = verdicts.entry_of(stage.client)
    return decisions.decide(stage.connection.handle, entry, Decision.BLOCK, by=stage.world.alice.user, now=NOW)


def ask_for_the_same_policy(stage: Stage) -> None:
    decisions.set_policy(stage.connection.handle, Mode.ALL, by=stage.world.alice.user, now=NOW)


def new_client(stage: Stage) -> None:
    fresh = Client(client_id="8f6f6a2e-0000-4000-8000-000000000000", name="By hand", redirect_uris="https://a.example/")
    clients.save_by_administrator(fresh, by=stage.root, changed=["name"], is_new=True)


def revoke(reason: EndReason) -> Callable[[Stage], Any]:
    return lambda stage: connections.revoke(stage.connection, reason=reason, now=NOW)


def resource_server(stage: Stage) -> ResourceServer:
    return ResourceServer.objects.get(pk=stage.world.asker.id)


def end_unused(stage: Stage) -> None:
    purge.purge_expired(now=NOW + policy.REFRESH_TOKEN_IDLE_LIFETIME + purge.TOKEN_RETENTION + timedelta(seconds=1))


WIDER = (*READS, "links.write")
# What is done, and the events (tag, actor) that it writes, in order.
ACTS: dict[str, tuple[Callable[[Stage], Any], list[tuple[str, str]]]] = {
    "a client registers": (lambda s: registration.register(METADATA), [("client:registered", "client")]),
    "an administrator registers one": (
        lambda s: registration.register(METADATA, is_manual=True),
        [("client:registered", "administrator")],
    ),
    "an administrator types one in": (new_client, [("client:registered", "administrator")]),
    "a client repairs itself": (lambda s: registration.update(s.client, METADATA), [("client:updated", "client")]),
    "an administrator edits it": (lambda s: s.save(name="New"), [("client:updated", "administrator")]),
    "an administrator gives it a secret": (
        lambda s: clients.rotate_secret(s.client, by=s.root, now=NOW),
        [("client:updated", "administrator")],
    ),
    "an administrator blocks it": (lambda s: s.save(is_active=False), [("client:blocked", "administrator")]),
    "an administrator lets it in again": (unblock, [("client:unblocked", "administrator")]),
    "a client ends its registration": (delete_client, [("client:deleted", "client")]),
    "a registration that nobody used ends": (expire_client, [("client:expired", "system")]),
    "an id of another server is taken in": (
        lambda s: registration.adopt("moved-here-1", "https://chatgpt.com/cb"),
        [("client:adopted", "system")],
    ),
    "an administrator admits registrations": (
        lambda s: initial_access.renew_secret(InitialAccessToken(name="one"), by=s.root),
        [("initial_access_token:created", "administrator")],
    ),
    "an administrator renames what admits registrations": (
        rename_admission,
        [("initial_access_token:changed", "administrator")],
    ),
    "a person asks for a client to be let in": (
        lambda s: decisions.ask(s.connection.handle, s.client, by=s.world.bob.user),
        [("client:ruled", "person")],
    ),
    "an admin of a handle blocks a client": (block_at_handle, [("client:ruled", "person")]),
    "an admin of a handle lets in verified clients only": (
        lambda s: decisions.set_policy(s.connection.handle, Mode.VERIFIED, by=s.world.alice.user, now=NOW),
        [("client_policy:set", "person")],
    ),
    "a person allows again": (lambda s: approve(s.approval()), [("connection:approved", "person")]),
    "a person allows less": (
        lambda s: approve(s.approval(granted=("mcp.connect",))),
        [("connection:approved", "person")],
    ),
    "a person allows more": (
        lambda s: approve(s.approval(wanted=WIDER, granted=WIDER)),
        [("connection:widened", "person")],
    ),
    "a person cancels": (
        lambda s: connections.deny(s.world.alice.user, s.client, target=s.approval().target),
        [("connection:denied", "person")],
    ),
    "a code is exchanged": (redeem, [("code:redeemed", "client")]),
    "a code is used again": (replay_code, [("code:replayed", "client"), ("connection:revoked", "system")]),
    "a pair is refreshed": (
        lambda s: refresh(s.pair.refresh_token, s.client),
        [("credential:refreshed", "client")],
    ),
    "a client comes back for what it has": (
        lambda s: approve(s.approval(is_remembered=True)),
        [("connection:continued", "person")],
    ),
    "a person unticks a scope": (
        lambda s: connections.allow_scopes(s.connection, [], by=s.world.alice.user, now=NOW),
        [("connection:narrowed", "person")],
    ),
    "a person ticks it again": (tick_again, [("connection:widened", "person")]),
    "an admin of the handle withholds a scope": (
        lambda s: connections.withhold(s.connection, ["links.read"], by=s.world.alice.user, now=NOW),
        [("connection:narrowed", "person")],
    ),
    "a person pauses": (
        lambda s: connections.pause(s.connection, who=PausedBy.PERSON, by=s.world.alice.user, now=NOW),
        [("connection:paused", "person")],
    ),
    "an administrator pauses": (
        lambda s: connections.pause(s.connection, who=PausedBy.ADMINISTRATOR, by=s.root, now=NOW),
        [("connection:paused", "administrator")],
    ),
    "a person resumes": (resume, [("connection:resumed", "person")]),
    "a client lacks a scope": (wish, [("scope:asked", "client")]),
    "a person allows what waits": (answer_a_wish(connections.allow_wish), [("connection:widened", "person")]),
    "a person declines what waits": (answer_a_wish(connections.decline_wish), [("scope:declined", "person")]),
    "a client's answer was lost": (come_late, [("refresh:late", "client")]),
    "a replaced token comes late": (
        replay_refresh,
        [("refresh:replayed", "client"), ("connection:revoked", "system")],
    ),
    "a person disconnects": (revoke(EndReason.PERSON), [("connection:revoked", "person")]),
    "an admin of the handle disconnects": (revoke(EndReason.HANDLE_ADMIN), [("connection:revoked", "person")]),
    "an administrator ends it": (revoke(EndReason.ADMINISTRATOR), [("connection:revoked", "administrator")]),
    "a client ends it": (revoke(EndReason.CLIENT), [("connection:revoked", "client")]),
    "nobody holds it any more": (end_unused, [("connection:revoked", "system")]),
    "a resource server is made": (
        lambda s: resource_servers.create("third", [], by=s.root),
        [("resource_server:created", "administrator")],
    ),
    "a resource server is made by a command": (
        lambda s: resource_servers.create("third", []),
        [("resource_server:created", "system")],
    ),
    "a resource server gets a new secret": (
        lambda s: resource_servers.renew_secret(resource_server(s), by=s.root),
        [("resource_server:rotated", "administrator")],
    ),
}
ACTS |= receipts_acts.ACTS | ledger_acts.ACTS | personal_token_acts.ACTS | standing_acts.ACTS | tools_acts.ACTS
ACTS |= alarms_acts.ACTS | rehearsals_acts.ACTS

NOTHINGS: dict[str, Callable[[Stage], Any]] = {
    "an unknown code": lambda s: exchange("unknown", s.client),
    "an unknown refresh token": lambda s: refresh("mcprt_" + "0" * 49, s.client),
    "the same pair again": lambda s: refresh(s.pair.refresh_token, s.client),
    "ending what has ended": revoke(EndReason.PERSON),
    "revoking an unknown token": lambda s: connections.revoke_by_token("x", client=s.client, now=NOW),
    "the policy that a handle has": ask_for_the_same_policy,
    "the role that a member has": standing_acts.give_role(Role.MEMBER),
    "a wrong secret": lambda s: clients.authenticate(s.client.client_id, "x", now=NOW),
}


@pytest.mark.parametrize("name", ACTS)
def test_each_act_writes_exactly_its_events(stage: Stage, name: str) -> None:
    act, expected = ACTS[name]
    forget_events()
    act(stage)
    assert list(Event.objects.order_by("id").values_list("tag", "actor")) == expected


@pytest.mark.parametrize("name", NOTHINGS)
def test_what_changes_nothing_writes_nothing(stage: Stage, name: str) -> None:
    refresh(stage.pair.refresh_token, stage.client)
    if name == "ending what has ended":
        NOTHINGS[name](stage)
    before = Event.objects.count()
    NOTHINGS[name](stage)
    assert Event.objects.count() == before


# The first one's act fetches over the network: tests/flows/documents/test_client_documents.py has it.
# standing/test_standing.py has an act for each of the others; tests/flows/test_admin_pages.py for groups.
ELSEWHERE = {"client_document:changed", "person:changed", "catalog:changed", "group:changed"}


def test_every_tag_that_exists_is_written_by_some_act() -> None:
    written = {tag for _, expected in ACTS.values() for tag, _ in expected}
    assert written == set(Event.Tag.values) - ELSEWHERE


@pytest.mark.parametrize("name", ACTS)
def test_no_act_writes_a_secret(stage: Stage, name: str) -> None:
    secrets = [stage.pair.access_token, stage.pair.refresh_token or "", stage.world.asker.secret]
    told = ACTS[name][0](stage)
    if isinstance(told, str):
        secrets.append(told)
    for attribute in ("secret", "registration_token", "access_token", "refresh_token"):
        secrets.append(getattr(told, attribute, None) or "mcs_nothing")
    kept = json.dumps([model_to_dict(event) for event in Event.objects.all()], default=str)
    assert [secret for secret in secrets if secret in kept] == []


def test_an_act_that_is_rolled_back_leaves_no_event(stage: Stage) -> None:
    before = Event.objects.count()
    with suppress(RuntimeError), transaction.atomic():
        connections.revoke(stage.connection, reason=EndReason.PERSON, now=NOW)
        raise RuntimeError
    assert Event.objects.count() == before
    assert stage.connection.is_live


def test_an_event_of_a_connection_names_person_client_handle_and_connection(stage: Stage) -> None:
    connections.revoke(stage.connection, reason=EndReason.ADMINISTRATOR, now=NOW, by=stage.root, note="x" * 900)
    event = Event.objects.first()
    assert event is not None
    assert event.person_id == stage.world.alice.user.pk
    assert event.client_id == stage.client.client_id
    assert event.handle == "acme"
    assert event.connection_id == stage.connection.pk
    assert event.actor_id == str(stage.root.pk)
    assert event.detail["note"] == "x" * 500


def test_an_event_outlives_what_it_tells_of(stage: Stage) -> None:
    connection = stage.connection.pk
    stage.world.alice.user.delete()
    assert not Connection.objects.filter(pk=connection).exists()
    assert Event.objects.filter(connection_id=connection, client_id=stage.client.client_id).exists()


def test_an_event_says_where_the_request_came_from(stage: Stage) -> None:
    mark = current_request.set(RequestFacts(address="203.0.113.7", request_id="the-request"))
    try:
        events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.CLIENT, client=stage.client)
    finally:
        current_request.reset(mark)
    event = Event.objects.first()
    assert event is not None
    assert (event.address, event.request_id, event.actor_id) == ("203.0.113.7", "the-request", stage.client.client_id)


def test_outside_of_a_request_an_event_says_so(stage: Stage) -> None:
    resource_servers.create("third", ProtectedResource.objects.none())
    event = Event.objects.first()
    assert event is not None
    assert (event.address, event.request_id) == (None, "")


def test_over_http_the_events_carry_address_and_request_id(world: World, chatgpt: App) -> None:
    forget_events()
    answer = chatgpt.http.post(
        "/oauth/register",
        json.dumps({"redirect_uris": ["https://a.example/cb"]}),
        content_type="application/json",
        headers={"x-request-id": "from-the-proxy-1"},
    )
    assert answer["X-Request-Id"] == "from-the-proxy-1"
    event = Event.objects.get()
    assert (event.request_id, event.address) == ("from-the-proxy-1", "127.0.0.1")
    world.connect(world.alice, chatgpt, handle="acme")
    tags = list(Event.objects.order_by("id").values_list("tag", flat=True))
    assert tags == ["client:registered", "connection:approved", "code:redeemed"]
    assert all(event.request_id and event.address for event in Event.objects.all())
