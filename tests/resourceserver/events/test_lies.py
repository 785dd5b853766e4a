"""What a polling subscription does with events that are not what they claim to be."""

import logging
import time

import pytest
from jwcrypto.jwk import JWK

from resourceserver.introspection import Rejected
from tests.resourceserver.authority import (
    Authority,
    connection,
    key,
    sign,
)
from tests.resourceserver.events.conftest import ALICE, Listening, kit, until
from tests.resourceserver.fakes import run


def forged(authority: Authority, how: str) -> str:
    claims = authority.claims("rs-main", connection("connection-alice-acme"))
    password = JWK(kty="oct", k="c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ1Ng")
    made = {
        "key": lambda: sign(claims, by=key("key-2"), kid="key-1"),
        "audience": lambda: sign(claims | {"aud": "rs-other"}),
        "issuer": lambda: sign(claims | {"iss": "https://evil.example"}),
        "old": lambda: sign(claims | {"iat": int(time.time()) - 4000}),
        "none": lambda: "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJub25lIiwia2lkIjoia2V5LTEifQ.e30.AA",
        "password": lambda: sign(claims, by=password, alg="HS256", kid="key-1"),
        "other name": lambda: sign(claims),
        "huge": lambda: sign(claims | {"txn": "x" * 20_000}),
        "no text": lambda: 7,
    }
    return made[how]()  # type: ignore[no-untyped-call, no-any-return]


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("key", "authentication_failed"),
        ("audience", "invalid_audience"),
        ("issuer", "invalid_issuer"),
        ("old", "invalid_request"),
        ("none", "invalid_key"),
        ("password", "invalid_key"),
        ("other name", "invalid_request"),
        ("huge", "invalid_request"),
        ("no text", "invalid_request"),
    ],
)
def test_an_event_that_is_not_believed_is_reported_and_everything_is_forgotten(
    server: Listening, how: str, code: str, caplog: pytest.LogCaptureFixture
):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            (stream,) = server.authority.streams.values()
            stream.owed["jti-forged"] = forged(server.authority, how)
            await until(lambda: "jti-forged" in server.authority.errors)
            assert ours.memory.recall(ALICE) is None
            await until(lambda: ours.memory.is_fresh)

    with caplog.at_level(logging.WARNING):
        run(story())
    assert server.authority.errors["jti-forged"]["err"] == code
    assert "jti-forged" not in server.authority.acknowledged
    assert caplog.text.count("refused an event") == 1


def test_an_event_that_comes_again_is_acknowledged_again_and_has_no_effect(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            (stream,) = server.authority.streams.values()
            token = sign(server.authority.claims("rs-main", connection("connection-alice-acme"), jti="jti-1"))
            stream.owed["jti-1"] = token
            await until(lambda: "jti-1" in server.authority.acknowledged)
            await ours.remembered()
            stream.owed["jti-1"] = token
            await until(lambda: server.authority.acknowledged.count("jti-1") == 2)
            assert ours.memory.recall(ALICE) is not None

    run(story())


def test_a_new_key_is_fetched_when_it_is_first_used(server: Listening):
    now = [0.0]

    async def story() -> None:
        async with kit(server.port, clock=lambda: now[0]) as ours:
            await ours.remembered()
            server.authority.published.append(key("key-2"))
            server.authority.signer = key("key-2")
            now[0] += 5.1
            (jti,) = server.authority.revoke("connection-alice-acme")
            await until(lambda: jti in server.authority.acknowledged)
            assert await ours.identify() == Rejected("inactive")

    run(story())
    assert [path for _, path in server.authority.paths].count("/oauth/jwks") == 2


def test_a_key_that_nobody_publishes_makes_it_forget_but_not_fetch_again_and_again(server: Listening):
    now = [0.0]

    async def story() -> None:
        async with kit(server.port, clock=lambda: now[0]) as ours:
            await ours.remembered()
            server.authority.signer = key("key-3")
            server.authority.tell(connection("connection-alice-acme"))
            await until(lambda: ours.memory.recall(ALICE) is None)
            before = len(server.authority.paths)
            await until(lambda: len(server.authority.paths) > before + 5)
            assert not ours.memory.is_fresh
            assert [path for _, path in server.authority.paths].count("/oauth/jwks") == 1

    run(story())
