"""Events that are sent to the gate: believed as those that are fetched, at an address that nobody can guess."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import Identity
from tests.resourceserver.authority import Authority, connection, key, sign
from tests.resourceserver.events.conftest import ALICE, FAST, Kit, kit, until
from tests.resourceserver.fakes import SECRETS, Inner, Reply, endpoints, exchange, grant, http_scope, policy, run

URL = "http://127.0.0.1:8001/.well-known/security-events"
TYPE = [(b"content-type", b"application/secevent+jwt")]


class Pushed:
    """A gate whose authorization server sends it events, all in one event loop."""

    def __init__(self, authority: Authority, ours: Kit) -> None:
        self.authority = authority
        self.kit = ours
        self.gate = Gate(
            Inner(), GateSettings(endpoints=endpoints(), issuer="http://as.test", policy=policy()), ours.introspection
        )

    async def send(self, url: str, token: str | bytes, *, method: str = "POST", headers: Any = TYPE) -> Reply:
        body = token.encode() if isinstance(token, str) else token
        return await exchange(self.gate, http_scope(method, url, headers), body)

    @property
    def url(self) -> str:
        (stream,) = self.authority.streams.values()
        return stream.delivery["endpoint_url"]

    def claims(self, **changes: Any) -> dict[str, Any]:
        return self.authority.claims("rs-main", connection("connection-alice-acme"), **changes)


@asynccontextmanager
async def pushed(**changes: Any) -> AsyncIterator[Pushed]:
    authority = Authority(grants={ALICE: grant()})
    transport = httpx2.ASGITransport(app=authority)
    async with kit(80, push_url=URL, transport=transport, **changes) as ours:
        await ours.introspection.aclose()
        ours.introspection._http = httpx2.AsyncClient(transport=transport)
        made = Pushed(authority, ours)
        authority.push = made.send
        yield made


def test_an_event_that_is_sent_ends_what_is_remembered():
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            reply = await made.send(made.url, sign(made.claims()))
            assert (reply.status, reply.body) == (202, b"")
            assert made.kit.memory.recall(ALICE) is None

    run(story())


def test_it_is_fresh_only_while_verifications_that_were_asked_for_arrive():
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            made.authority.verifies = False
            await until(lambda: not made.kit.memory.is_fresh)
            assert isinstance(await made.kit.identify(), Identity)
            assert made.kit.memory.recall(ALICE) is None
            made.authority.verifies = True
            await made.kit.remembered()

    run(story())


@pytest.mark.parametrize("status", [401, 500, 503])
def test_when_it_cannot_even_ask_to_be_verified_the_answers_die_at_once(status: int):
    async def story() -> None:
        async with pushed(pace=dataclasses.replace(FAST, push_good_for=3600)) as made:
            await made.kit.remembered()
            made.authority.broken["/oauth/events/verify"] = status
            await until(lambda: made.kit.memory.recall(ALICE) is None)
            made.authority.broken.clear()
            await made.kit.remembered()

    run(story())


def test_an_address_that_is_not_allowed_is_named_in_the_log(caplog: pytest.LogCaptureFixture):
    async def story() -> None:
        async with pushed() as made:
            await until(lambda: made.authority.streams)
            made.authority.streams.clear()
            made.authority.broken = {"/oauth/events/stream": 400}
            await until(lambda: "to this address" in caplog.text)

    run(story())
    assert "security-events/" not in caplog.text


def test_a_verification_that_is_sent_again_renews_nothing():
    sent: list[tuple[str, str]] = []

    async def story() -> None:
        async with pushed() as made:

            async def remember_and_send(url: str, token: str) -> Reply:
                sent.append((url, token))
                return await made.send(url, token)

            made.authority.push = remember_and_send
            await until(lambda: sent)
            made.authority.verifies = False
            await until(lambda: not made.kit.memory.is_fresh)
            assert (await made.send(*sent[-1])).status == 202
            assert not made.kit.memory.is_fresh

    run(story())


def test_a_stream_that_is_unknown_is_made_anew_at_another_address():
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            before = made.url
            made.authority.streams.clear()
            await until(lambda: made.authority.streams)
            assert made.url != before
            assert (await made.send(before, sign(made.claims()))).status == 404
            await until(lambda: made.kit.memory.is_fresh)

    run(story())


@pytest.mark.parametrize("path", ["", "/", "/guess", "/guess/guess", "/%2e%2e", "/\xff"])
def test_nobody_finds_the_address(path: str):
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            assert (await made.send(URL + path, sign(made.claims()))).status == 404
            assert made.kit.memory.recall(ALICE) is not None

    run(story())


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_events_are_posted(method: str):
    async def story() -> None:
        async with pushed() as made:
            await until(lambda: made.authority.streams)
            assert (await made.send(made.url, b"", method=method)).status == 405

    run(story())


@pytest.mark.parametrize(
    ("changes", "header", "code"),
    [
        ({}, {"by": key("key-2"), "kid": "key-1"}, "authentication_failed"),
        ({}, {"alg": "ES384"}, "invalid_key"),
        ({}, {"typ": "JWT"}, "invalid_request"),
        ({"iss": "https://evil.example"}, {}, "invalid_issuer"),
        ({"aud": "rs-other"}, {}, "invalid_audience"),
        ({"iat": 1}, {}, "invalid_request"),
        ({"events": {}}, {}, "invalid_request"),
        ({"txn": "x" * 17_000}, {}, "invalid_request"),
    ],
)
def test_what_is_not_believed_is_refused_by_the_specifications_code_and_forgets_nothing(
    changes: Any, header: Any, code: str
):
    """Unlike an event that was fetched: anybody could have sent it."""

    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            reply = await made.send(made.url, signed(made.claims(**changes), header))
            assert (reply.status, reply.json["err"]) == (400, code)
            assert reply.json["description"]
            assert made.kit.memory.recall(ALICE) is not None

    run(story())


def signed(claims: Any, header: Any) -> str:
    if header.get("alg") == "ES384":
        return sign(claims).replace(sign({}).partition(".")[0], "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJFUzM4NCJ9")
    return sign(claims, **header)


@pytest.mark.parametrize("headers", [[], [(b"content-type", b"application/jwt")], [(b"content-type", b"text/plain")]])
def test_another_content_type_is_refused(headers: Any):
    async def story() -> None:
        async with pushed() as made:
            await until(lambda: made.authority.streams)
            assert (await made.send(made.url, sign(made.claims()), headers=headers)).status == 400

    run(story())


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"x" * 100_000, b"a.b.c", b"{}"])
def test_junk_is_refused(body: bytes):
    async def story() -> None:
        async with pushed() as made:
            await until(lambda: made.authority.streams)
            assert (await made.send(made.url, body)).json["err"] == "invalid_request"

    run(story())


def test_when_the_key_cannot_be_had_the_sender_is_asked_to_come_again():
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            reply = await made.send(made.url, sign(made.claims(), by=key("key-9")))
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) > 0

    run(story())


def test_two_accounts_have_two_addresses_and_neither_takes_the_others_events():
    async def story() -> None:
        async with pushed(secrets=SECRETS) as made:
            await until(lambda: len(made.authority.streams) == 2)
            urls = {stream.account: stream.delivery["endpoint_url"] for stream in made.authority.streams.values()}
            assert (await made.send(urls["rs-main"], sign(made.claims()))).status == 202
            assert (await made.send(urls["rs-other"], sign(made.claims()))).json["err"] == "invalid_audience"

    run(story())


def test_a_sender_that_hangs_up_is_not_an_error():
    async def story() -> None:
        async with pushed() as made:
            await until(lambda: made.authority.streams)
            sent: list[Any] = []

            async def gone() -> Any:
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                sent.append(message)

            await made.gate(http_scope("POST", made.url, TYPE), gone, send)
            assert sent[0]["status"] == 400

    run(story())


def test_many_events_at_once_are_each_taken_once():
    async def story() -> None:
        async with pushed() as made:
            await made.kit.remembered()
            token = sign(made.claims())
            before = made.kit.memory._heard
            replies = await asyncio.gather(*(made.send(made.url, token) for _ in range(20)))
            assert {reply.status for reply in replies} == {202}
            assert made.kit.memory._heard == before + 1

    run(story())
