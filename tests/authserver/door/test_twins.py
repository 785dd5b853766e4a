"""The door and the views: to whatever is asked, both give the same answer. The door here is the real server at its
socket; the view is the same server asked with a query string, which no desk takes, or Django's own test client."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.authserver.door.serving import FORM, Answer, Serving

NOT_COMPARED = {"x-request-id", "content-length", "connection"}
PAGE_ONLY = {  # what Django's middleware puts on everything, and JSON that nobody keeps has no use for
    "content-security-policy",
    "cross-origin-opener-policy",
    "x-frame-options",
    "vary",
}
UNKNOWN = "8f6f6a2e-0000-4000-8000-000000000000"


def basic(name: str, secret: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def form(server: Serving, body: str, *lines: str, asker: str = "") -> bytes:
    authorization = asker or basic(*server.world["asker"])
    return server.post("/oauth/introspect", body, authorization, f"Content-Type: {FORM}", *lines)


def bare(server: Serving, body: str, *lines: str) -> bytes:
    return server.post("/oauth/introspect", body, *lines)


def method(name: str) -> Callable[[Serving], bytes]:
    return lambda server: server.question().replace(b"POST", name.encode(), 1)


ASKED: dict[str, Callable[[Serving], bytes]] = {
    "a live credential": lambda s: s.question(),
    "a credential of another kind": lambda s: s.question(s.world["held"][0]["refresh"]),
    "an unknown credential": lambda s: s.question("mcpv1_" + "0" * 49),
    "junk": lambda s: s.question("x"),
    "a personal token": lambda s: s.question("pat_" + "0" * 49),
    "a long credential": lambda s: s.question("x" * 4_096),
    "too long a credential": lambda s: s.question("x" * 4_097),
    "a hint": lambda s: form(s, f"token={s.token}&token_type_hint=refresh_token"),
    "the same hint twice": lambda s: form(s, f"token={s.token}&token_type_hint=a&token_type_hint=a"),
    "more parameters": lambda s: form(s, f"token={s.token}&" + "&".join(f"a{n}=1" for n in range(30))),
    "too many parameters": lambda s: form(s, f"token={s.token}&" + "&".join(f"a{n}=1" for n in range(60))),
    "no credential": lambda s: form(s, "x=y"),
    "an empty credential": lambda s: form(s, "token="),
    "an empty body": lambda s: form(s, ""),
    "the credential twice": lambda s: form(s, f"token={s.token}&token={s.token}"),
    "a percent-encoded credential": lambda s: form(s, "token=" + "".join(f"%{ord(each):02x}" for each in s.token)),
    "percent junk": lambda s: form(s, f"token={s.token}%zz"),
    "a percent sign alone": lambda s: form(s, f"token={s.token}%"),
    "a percent-encoded NUL": lambda s: form(s, f"token={s.token}%00"),
    "a NUL": lambda s: form(s, f"token={s.token}\x00"),
    "bytes that are no UTF-8": lambda s: form(s, "token=%ff%fe"),
    "other characters": lambda s: form(s, "token=" + quote("größe")),
    "a body that is no form": lambda s: form(s, '{"token": "x"}'),
    "a large body": lambda s: form(s, "token=" + "x" * 16_384),
    "a larger body": lambda s: form(s, "token=x&y=" + "x" * 100_000),
    "a wrong secret": lambda s: form(s, "token=x", asker=basic(s.world["asker"][0], "rss_" + "0" * 49)),
    "an empty secret": lambda s: form(s, "token=x", asker=basic(s.world["asker"][0], "")),
    "an unknown asker": lambda s: form(s, "token=x", asker=basic(UNKNOWN, s.world["asker"][1])),
    "an asker that is no id": lambda s: form(s, "token=x", asker=basic("platform", s.world["asker"][1])),
    "a NUL in the asker": lambda s: form(s, "token=x", asker=basic(s.world["asker"][0] + "\x00", "x")),
    "an asker in capitals": lambda s: form(
        s, f"token={s.token}", asker=basic(s.world["asker"][0].upper(), s.world["asker"][1])
    ),
    "a Basic in capitals": lambda s: form(
        s, f"token={s.token}", asker=basic(*s.world["asker"]).replace("Basic", "BASIC")
    ),
    "a percent-encoded asker": lambda s: form(
        s, f"token={s.token}", asker=basic(s.world["asker"][0].replace("-", "%2D"), s.world["asker"][1])
    ),
    "no asker": lambda s: bare(s, "token=x", f"Content-Type: {FORM}"),
    "an asker and no credential": lambda s: form(s, "x=y", asker=basic(UNKNOWN, "x")),
    "a bearer": lambda s: form(s, "token=x", asker=f"Authorization: Bearer {s.token}"),
    "no base64": lambda s: form(s, "token=x", asker="Authorization: Basic !!"),
    "an empty Basic": lambda s: form(s, "token=x", asker="Authorization: Basic"),
    "credentials twice": lambda s: form(s, "token=x", basic(*s.world["asker"])),
    "no content type": lambda s: bare(s, f"token={s.token}", basic(*s.world["asker"])),
    "JSON": lambda s: bare(s, '{"token": "x"}', basic(*s.world["asker"]), "Content-Type: application/json"),
    "a form with a charset": lambda s: bare(
        s, f"token={s.token}", basic(*s.world["asker"]), f"Content-Type: {FORM}; charset=UTF-8"
    ),
    "a form in capitals": lambda s: bare(
        s, f"token={s.token}", basic(*s.world["asker"]), f"Content-Type: {FORM.upper()}"
    ),
    "two content types": lambda s: form(s, "token=x", "Content-Type: text/plain"),
    "an Accept": lambda s: s.question("", "Accept: text/html"),
    "a cookie": lambda s: s.question("", "Cookie: sessionid=x; language=de"),
    "an origin": lambda s: s.question("", "Origin: https://evil.example"),
    "a language": lambda s: s.question("", "Accept-Language: de"),
    "a method in a header": lambda s: s.question("", "X-HTTP-Method-Override: GET"),
    "a conditional": lambda s: s.question("", 'If-None-Match: "x"'),
    "a range": lambda s: s.question("", "Range: bytes=0-1"),
    "GET": method("GET"),
    "PUT": method("PUT"),
    "DELETE": method("DELETE"),
    "PATCH": method("PATCH"),
    "OPTIONS": method("OPTIONS"),
    "a host of nobody": lambda s: s.question().replace(b"Host: 127.0.0.1", b"Host: evil.example"),
    "a host of junk": lambda s: s.question().replace(b"Host: 127.0.0.1", b"Host: a b/c"),
    "an empty host": lambda s: s.question().replace(b"Host: 127.0.0.1:%d" % s.port, b"Host:"),
    "a host with another port": lambda s: s.question().replace(b":%d" % s.port, b":1"),
    "two hosts": lambda s: s.question("", "Host: evil.example"),
    "a slash at the end": lambda s: s.question().replace(b"/oauth/introspect", b"/oauth/introspect/"),
    "a percent-encoded path": lambda s: s.question().replace(b"/oauth/introspect", b"/oauth/%69ntrospect"),
    "two slashes": lambda s: s.question().replace(b"/oauth/introspect", b"//oauth/introspect"),
    "the path in capitals": lambda s: s.question().replace(b"/oauth/introspect", b"/OAuth/introspect"),
}


def essence(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """What must be the same: status, body but for the id of its request, and the headers that say something of it."""
    headers = {name: text for name, text in answer.headers.items() if name not in NOT_COMPARED | PAGE_ONLY}
    return answer.status, re.sub(rb"[0-9a-f]{32}", b"", answer.body), headers


@pytest.mark.parametrize("name", ASKED)
def test_the_door_answers_as_the_view_does(server: Serving, name: str) -> None:
    asked = ASKED[name](server)
    line, _, rest = asked.partition(b" HTTP/1.1\r\n")
    assert b"?" not in line
    at_door = server.wire().send(asked).answer()
    at_view = server.wire().send(line + b"?view HTTP/1.1\r\n" + rest).answer()
    assert essence(at_door) == essence(at_view)


def test_the_twins_are_two(server: Serving) -> None:
    """Django's middleware says more in its answers than the door does: so the question with a query string is the
    view's, and the one without is the desk's."""
    line, _, rest = server.question().partition(b" HTTP/1.1\r\n")
    assert "x-frame-options" not in server.wire().send(server.question()).answer().headers
    at_view = server.wire().send(line + b"?view HTTP/1.1\r\n" + rest).answer()
    assert "x-frame-options" in at_view.headers


@pytest.mark.parametrize("given", ["a" * 32, "0123456789abcdef0123456789abcdef", "x", "", "a" * 500, "ä" * 16])
def test_the_id_that_a_proxy_gave_a_request_is_taken_alike(server: Serving, given: str) -> None:
    asked = server.question("", f"X-Request-Id: {given}")
    line, _, rest = asked.partition(b" HTTP/1.1\r\n")
    at_door, at_view = (
        server.wire().send(each).answer().headers["x-request-id"]
        for each in (asked, line + b"?view HTTP/1.1\r\n" + rest)
    )
    assert (at_door == given) == (at_view == given)
    assert len(at_door) == len(at_view)


def test_head_is_answered_without_a_body(server: Serving) -> None:
    asked = server.question().replace(b"POST", b"HEAD", 1)
    assert server.wire().send(asked).answer(has_body=False).status == 405
