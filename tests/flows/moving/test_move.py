"""A move under load: nobody who holds the old name has to connect again, and each side hears its own name only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from authserver.models import Connection
from tests.flows.moving.names import NEW, OLD, app_at, asker_at, http_at, live_at, move, person_at, start_anew
from tests.people import App, Asker, Tokens, World, answer_of, make_world, tokens_of

METADATA = "/.well-known/oauth-authorization-server"
ENOUGH = 4  # rounds of each client, before and after the move
PATIENCE_SECONDS = 60


class Old:
    """A client of the old name at work: it refreshes and is introspected, round after round, until it is told to end.
    Anything that is not as it always was, to the byte, ends it with an error."""

    def __init__(self, app: App, held: Tokens, asker: Asker) -> None:
        self.app, self.held, self.asker = app_at(app, OLD), held, asker
        self.rounds = 0

    def work(self, is_over: Event) -> None:
        try:
            while not is_over.is_set():
                self.held = tokens_of(self.app.refresh(self.held.refresh, resource=f"{OLD}/mcp"))
                known = self.asker.knows(self.held.access)
                assert (known["active"], known["iss"], known["aud"]) == (True, OLD, f"{OLD}/mcp")
                assert http_at(OLD).get(METADATA).json()["issuer"] == OLD
                self.rounds += 1
        finally:
            connection.close()


@contextmanager
def at_work(clients: list[Old]) -> Iterator[list[Future[None]]]:
    """Let clients work meanwhile; whatever went wrong for one of them is raised in the end."""
    is_over = Event()
    with ThreadPoolExecutor(len(clients)) as pool:
        running = [pool.submit(each.work, is_over) for each in clients]
        try:
            yield running
        finally:
            is_over.set()
    for each in running:
        each.result()


def until_rounds(clients: list[Old], running: list[Future[None]]) -> None:
    """Wait until each has done enough rounds from now on."""
    goals = [each.rounds + ENOUGH for each in clients]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(each.rounds < goal for each, goal in zip(clients, goals, strict=True)):
        assert time.monotonic() < deadline
        assert not wait(running, timeout=0.01, return_when=FIRST_COMPLETED).done


def report() -> str:
    told = StringIO()
    call_command("move", "status", "--notices", stdout=told, no_color=True)
    return told.getvalue()


@pytest.mark.covers("ask:20")
def test_clients_of_the_old_name_work_on_while_the_server_moves_and_new_ones_come(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None, settings: Any
) -> None:
    live_at(settings, OLD)
    world: World = make_world()
    told = asker_at(world.asker, OLD)
    people = [(world.alice, "acme"), (world.alice, "globex"), (world.bob, "initech")]
    apps = [app_at(App.register(f"App {number}"), OLD) for number in range(len(people))]
    clients = [
        Old(app, world.connect(person_at(person, OLD), app, resource=f"{OLD}/mcp", handle=handle), told)
        for app, (person, handle) in zip(apps, people, strict=True)
    ]
    assert "No former name" in report()

    with at_work(clients) as running:
        until_rounds(clients, running)
        move(settings)
        until_rounds(clients, running)
        _new_ones_come(world)
        _old_ones_step_up(world, clients[0].app)
    assert Connection.objects.filter(ended_at=None).count() == len(clients) + 1

    assert asker_at(world.asker, NEW).knows(clients[1].held.access)["iss"] == NEW  # whoever asks there
    assert clients[1].app.refresh(clients[1].held.refresh, resource=f"{NEW}/mcp").status_code == 200
    found = report()
    assert f"issuer: {OLD} → {NEW}" in found
    assert "Closing it now would cut off 3 connections of 3 clients in use." in found
    assert found.count(f"2. Add it again with this address: {NEW}/mcp") == len(clients)  # one for each client

    _closed(settings, clients[1])


def _new_ones_come(world: World) -> None:
    """A client that knows the new name only, from discovery to the first call."""
    told = http_at(NEW).get(METADATA).json()
    assert told["issuer"] == NEW
    assert {url.partition("/oauth")[0] for name, url in told.items() if name.endswith("_endpoint")} == {NEW}
    app, person = app_at(App.register("New"), NEW), person_at(world.alice, NEW)
    answer = answer_of(person.decide(person.open(app.authorize_url(f"{NEW}/mcp")), handle="acme"))
    assert answer["iss"] == NEW
    known = asker_at(world.asker, NEW).knows(tokens_of(app.exchange(answer["code"])).access)
    assert (known["iss"], known["aud"]) == (NEW, f"{NEW}/mcp")


def _old_ones_step_up(world: World, app: App) -> None:
    """The person signs in anew at the old name, after the move, and goes on with the connection that is there."""
    before = Connection.objects.count()
    person = person_at(world.alice, OLD)
    page = person.open(app.authorize_url(f"{OLD}/mcp", scope="mcp.connect links.read links.write"))
    assert b"old.example.com" in page.content and b"new.example.org" not in page.content
    answer = answer_of(person.decide(page, handle="acme", scope=["mcp.connect", "links.read", "links.write"]))
    assert answer["iss"] == OLD
    assert "links.write" in tokens_of(app.exchange(answer["code"], resource=f"{OLD}/mcp")).scope
    assert answer_of(person.http.get(app.authorize_url("http://elsewhere.example/mcp")))["iss"] == OLD
    assert Connection.objects.count() == before


def _closed(settings: Any, client: Old) -> None:
    """The old name is taken out: nothing answers there, and nothing that was ended there comes back."""
    settings.FORMER_ISSUERS, settings.ALLOWED_HOSTS = [], ["new.example.org"]
    for name in ("GATEWAY", "HOSTED", "COMPAT"):
        setattr(settings, f"FORMER_{name}_URLS", [])
    start_anew()
    for answer in (http_at(OLD).get(METADATA), client.app.refresh(client.held.refresh), client.asker.ask("t")):
        assert answer.status_code == 400
        assert OLD.encode() not in answer.content
    assert "invalid_target" in http_at(NEW).get(client.app.authorize_url(f"{OLD}/mcp"))["Location"]
