"""The door and the views: to whatever is asked, both give the same answer. The door here is the real server at its
socket; the view is the same server asked with a query string, which no desk takes, or Django's own test client."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from tests.authserver.door.serving import FORM, Answer, Serving

NOT_COMPARED = {"x-request-id", "content-length", "connection", "set-cookie"}
PAGE_ONLY = {  # what Django's middleware puts on everything, and JSON that nobody keeps has no use for
    "content-security-policy",
    "cross-origin-opener-policy",
    "x-frame-options",
    "vary",
    "allow",  # of Django REST framework; where a method is refused, Django answers at the door too
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


def token(body: Callable[[Serving], str], *lines: str) -> Callable[[Serving], bytes]:
    return lambda server: server.post("/oauth/token", body(server), f"Content-Type: {FORM}", *lines)


def register(body: str, *lines: str) -> Callable[[Serving], bytes]:
    return lambda server: server.post("/oauth/register", body, "Content-Type: application/json", *lines)


def metadata(name: str, *lines: str) -> Callable[[Serving], bytes]:
    return lambda server: server.request(name, "/.well-known/oauth-authorization-server", *lines)


def refresh(server: Serving, **more: str) -> str:
    held = server.world["held"][1]
    asked = {"grant_type": "refresh_token", "refresh_token": held["refresh"], "client_id": held["client_id"]} | more
    return urlencode(asked)


CODE = "grant_type=authorization_code&code=x&code_verifier=" + "x" * 43 + "&redirect_uri=https://chatgpt.com/x"
OTHERS: dict[str, Callable[[Serving], bytes]] = {
    "a refresh, which is answered alike each time": token(refresh),
    "a refresh with a scope": token(lambda s: refresh(s, scope="mcp.connect")),
    "a refresh with too much": token(lambda s: refresh(s, scope="admin")),
    "a refresh for another resource": token(lambda s: refresh(s, resource="https://evil.example/mcp")),
    "a refresh of nobody": token(lambda s: refresh(s, refresh_token="mcprt_" + "0" * 49)),
    "a refresh by another client": token(lambda s: refresh(s, client_id=s.world["held"][0]["client_id"])),
    "a refresh by no client": token(lambda s: refresh(s, client_id="")),
    "a refresh by an unknown client": token(lambda s: refresh(s, client_id="x")),
    "a refresh with a secret": token(lambda s: refresh(s, client_secret="x")),
    "a refresh with an assertion": token(lambda s: refresh(s, client_assertion="x", client_assertion_type="y")),
    "a refresh with a Basic": token(refresh, basic("x", "y")),
    "a refresh with a broken Basic": token(refresh, "Authorization: Basic !!"),
    "a code of nobody": token(lambda s: f"{CODE}&client_id={s.world['held'][0]['client_id']}"),
    "a code by an unknown client": token(lambda s: f"{CODE}&client_id=x"),
    "a code without a verifier": token(lambda s: f"grant_type=authorization_code&code=x&client_id={UNKNOWN}"),
    "another grant": token(lambda s: "grant_type=client_credentials&client_id=x"),
    "a password": token(lambda s: "grant_type=password&username=x&password=y"),
    "no grant": token(lambda s: "x=y"),
    "two grants": token(lambda s: "grant_type=refresh_token&grant_type=refresh_token"),
    "an empty token request": token(lambda s: ""),
    "a token request of junk": token(lambda s: "%zz"),
    "a NUL in a token request": token(lambda s: refresh(s) + "%00"),
    "a large token request": token(lambda s: "grant_type=refresh_token&x=" + "x" * 20_000),
    "a token request as JSON": lambda s: s.post("/oauth/token", "{}", "Content-Type: application/json"),
    "a token request with an origin": token(refresh, "Origin: https://app.example"),
    "GET for a token": lambda s: s.request("GET", "/oauth/token"),
    "a preflight for a token": lambda s: s.request("OPTIONS", "/oauth/token", "Origin: https://app.example"),
    "a registration of nothing": register("{}"),
    "a registration of junk": register("{"),
    "a registration of a list": register("[]"),
    "a registration with a NUL": register('{"client_name": "\\u0000", "redirect_uris": ["https://a.example/cb"]}'),
    "a registration with half a character": register(
        '{"client_name": "\\ud800", "redirect_uris": ["https://a.example/cb"]}'
    ),
    "a registration that nests": register("[" * 5_000),
    "a registration with a fragment": register('{"redirect_uris": ["https://a.example/cb#x"]}'),
    "a registration without HTTPS": register('{"redirect_uris": ["http://a.example/cb"]}'),
    "a registration of a wildcard": register('{"redirect_uris": ["https://*.example/cb"]}'),
    "a registration of a script": register('{"redirect_uris": ["javascript:alert(1)"]}'),
    "a registration as a form": lambda s: s.post("/oauth/register", "x=y", f"Content-Type: {FORM}"),
    "an empty registration": register(""),
    "a large registration": register('{"x": "' + "x" * 70_000 + '"}'),
    "GET of a registration": lambda s: s.request("GET", "/oauth/register"),
    "the metadata": metadata("GET"),
    "the metadata for a script": metadata("GET", "Origin: https://app.example"),
    "POST to the metadata": metadata("POST", "Content-Length: 0"),
    "a preflight for the metadata": metadata("OPTIONS", "Origin: https://app.example"),
}


def essence(answer: Answer) -> tuple[int, object, dict[str, str]]:
    """What must be the same: status, body but for the id of its request, and the headers that say something of it."""
    headers = {name: text for name, text in answer.headers.items() if name not in NOT_COMPARED | PAGE_ONLY}
    headers |= {name: re.sub("[0-9]+", "0", headers[name]) for name in headers if name.startswith("ratelimit")}
    secrets = rb'[0-9a-f]{32}|(?<="expires_in": )[0-9]+|(?<=name="csrfmiddlewaretoken" value=")\w+'
    body = re.sub(secrets, b"0", answer.body)
    is_json = headers.get("content-type") == "application/json" and body
    return answer.status, json.loads(body) if is_json else body, headers


@pytest.mark.parametrize("name", ASKED | OTHERS)
def test_the_door_answers_as_the_view_does(server: Serving, name: str) -> None:
    asked = (ASKED | OTHERS)[name](server)
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


def test_a_registration_is_told_alike(server: Serving) -> None:
    body = '{"client_name": "%s", "redirect_uris": ["https://twin.example/cb"], "token_endpoint_auth_method": "none"}'
    line, _, rest = register(body % "Two")(server).partition(b" HTTP/1.1\r\n")
    asked = (register(body % "One")(server), line + b"?view HTTP/1.1\r\n" + rest)
    answers = [server.wire().send(each).answer() for each in asked]
    assert [each.status for each in answers] == [201, 201]
    at_door, at_view = ({name: type(told) for name, told in each.json().items()} for each in answers)
    assert at_door == at_view
    assert essence(answers[0])[2] == essence(answers[1])[2]


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
