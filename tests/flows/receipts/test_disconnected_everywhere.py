"""A person disconnects, and reads that it is true everywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections as databases

from authserver.models import Connection, ResourceServer
from tests.authserver.views.test_consent_page import words
from tests.people import App, World, make_world
from tests.receivers import CHANGED, PUSH, REVOKED, Stream, claims_of, kind_of, receiving, send, wait_until

pytestmark = pytest.mark.covers("ask:4")


def disconnect(world: World) -> str:
    alice = world.alice.sign_in()
    connection = Connection.objects.get(user=alice.user, ended_at=None)
    alice.http.post(f"/connections/{connection.pk}/disconnect", {"confirm": "yes"})
    return words(alice.http.get("/connections"))


def test_where_no_server_remembers_answers_it_is_refused_at_once(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert "Access is refused everywhere at once (no server remembers answers)." in disconnect(world)
    assert not world.asker.is_active(held.access)


def test_a_server_that_polls_hears_of_the_end_and_of_nothing_that_it_may_not_ask_about(
    world: World, chatgpt: App
) -> None:
    stream, other = Stream.open(world.asker), Stream.open(world.other_asker)
    world.connect(world.alice, chatgpt, handle="acme")
    disconnect(world)
    (claims,) = stream.hear()
    assert kind_of(claims) == REVOKED
    assert claims["sub_id"] == {
        "format": "complex",
        "session": {"format": "opaque", "id": str(Connection.objects.get().pk)},
    }
    assert claims["events"][REVOKED]["initiating_entity"] == "user"
    assert other.hear() == []


def test_a_server_hears_that_a_connection_may_do_more_now(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    stream = Stream.open(world.asker)
    world.connect(world.alice, chatgpt, handle="acme", scope="mcp.connect skills.read links.read links.write")
    kinds = [kind_of(claims) for claims in stream.hear()]
    assert kinds == [CHANGED]


@pytest.fixture
def crowd(content_restored: None, transactional_db: None, django_db_serialized_rollback: None) -> World:
    return make_world()


@pytest.fixture
def polled(crowd: World) -> Iterator[list[Stream]]:
    """Three servers that poll and acknowledge, each in a thread of its own."""
    running = [Stream.open(crowd.asker) for _ in range(3)]
    over = threading.Event()

    def keep_polling(stream: Stream) -> None:
        heard: list[str] = []
        while not over.wait(0.02):
            heard = list(stream.poll(ack=heard)["sets"])
        databases.close_all()

    threads = [threading.Thread(target=keep_polling, args=(stream,)) for stream in running]
    for thread in threads:
        thread.start()
    yield running
    over.set()
    for thread in threads:
        thread.join(10)


def test_the_page_says_how_soon_all_servers_heard(crowd: World, polled: list[Stream]) -> None:
    app = App.register()
    crowd.connect(crowd.alice, app, handle="acme")
    said = disconnect(crowd)
    assert "(3 of 3 servers)" in said
    assert "Access is refused everywhere after " in said


def test_one_that_is_pushed_to_has_heard_when_the_page_answers(crowd: World, chatgpt: App) -> None:
    with receiving() as receiver:
        ResourceServer.objects.filter(pk=crowd.asker.id).update(event_origins=f"http://127.0.0.1:{receiver.port}")
        push = {"delivery": {"method": PUSH, "endpoint_url": receiver.url}}
        made = send(crowd.asker, "POST", "/oauth/events/stream", push).json()
        send(crowd.asker, "POST", "/oauth/events/verify", {"stream_id": made["stream_id"], "state": "s"})
        wait_until(lambda: len(receiver.requests) == 1)
        crowd.connect(crowd.alice, chatgpt, handle="acme")
        before = len(receiver.requests)  # connecting changed answers, too
        assert "(1 of 1 server)" in disconnect(crowd)
        assert REVOKED in {kind_of(claims_of(token)) for token in receiver.tokens[before:]}


def test_a_server_that_died_a_moment_ago_is_named(crowd: World, chatgpt: App, polled: list[Stream]) -> None:
    dead = Stream.open(crowd.asker)
    assert dead.id
    crowd.connect(crowd.alice, chatgpt, handle="acme")
    said = disconnect(crowd)
    assert "3 of 4 servers have confirmed; the other asks us for every request again within 2 seconds." in said


def everybody_disconnected(world: World) -> Any:
    return world.alice.http.post("/connections/all/disconnect", {"confirm": "yes"})


def test_disconnecting_everything_waits_for_all_of_it(crowd: World, polled: list[Stream]) -> None:
    for name in ("One", "Two", "Three"):
        crowd.connect(crowd.alice, App.register(name), handle="acme")
    crowd.alice.sign_in()
    everybody_disconnected(crowd)
    said = words(crowd.alice.http.get("/connections"))
    assert "3 apps disconnected. Access is refused everywhere after" in said
