"""Calls of the authorization server: bounded, to where the settings say, and silent about what they carry."""

import gzip
from typing import Any

import httpx2
import pytest

from resourceserver.events.calls import MAX_ANSWER_BYTES, Caller, NoAnswer, Reply
from tests.resourceserver.fakes import run


def call(answer: Any, method: str = "post") -> Reply:
    async def respond(request: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def story() -> Reply:
        transport = httpx2.MockTransport(respond)
        async with Caller("http://as.test", account="rs-main", secret="rss_main", transport=transport) as line:
            return await (line.post("/x", {}) if method == "post" else getattr(line, method)("/x"))

    return run(story())


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_answer_is_given_whole(method: str):
    reply = call(httpx2.Response(418, json={"a": 1}), method)
    assert (reply.status, reply.members()) == (418, {"a": 1})


def test_a_call_is_signed_in_and_goes_where_the_settings_say():
    seen: list[httpx2.Request] = []

    async def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(302, headers={"Location": "http://evil.example/"})

    async def story() -> Reply:
        transport = httpx2.MockTransport(respond)
        async with Caller("http://as.test", account="rs-main", secret="rss_main", transport=transport) as line:
            return await line.post("/oauth/reports", {"calls": []})

    assert run(story()).status == 302
    (request,) = seen
    assert str(request.url) == "http://as.test/oauth/reports"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, content=b"x" * (MAX_ANSWER_BYTES + 1)),
        httpx2.Response(
            200,
            stream=httpx2.ByteStream(gzip.compress(b"x" * 10_000_000)),
            headers={"Content-Encoding": "gzip"},
        ),
        httpx2.ConnectError("http://rss_main@as.test"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("broken"),
        OSError("no network"),
    ],
)
def test_what_is_no_answer_is_told_without_quoting_anything(answer: Any):
    with pytest.raises(NoAnswer) as caught:
        call(answer)
    assert "rss_main" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"null", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_has_no_members(body: bytes):
    with pytest.raises(NoAnswer):
        Reply(200, body).members()
