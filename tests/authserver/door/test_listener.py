"""The server at its socket: what arrives in pieces, in heaps, or not at all; and what is no request."""

from __future__ import annotations

import json
import socket
import struct
import time
from base64 import b64encode

import pytest

from authserver import policy
from tests.authserver.door.heavy import HEAVY
from tests.authserver.door.server import PAGES_OF_CALLER, REQUEST_SECONDS, WAITING
from tests.authserver.door.serving import FORM, Gone, Serving

ID = "X-Request-Id: always-the-same"
HEAD_BYTES = 1_000_000
PAGE_BYTES = 3_000_000
AHEAD_THIRD = 16
CHUNKED = b"Transfer-Encoding: chunked"


# --- One connection, many requests


def test_an_ordinary_question_is_answered(server: Serving) -> None:
    answer = server.wire().send(server.question()).answer()
    assert answer.status == 200
    assert answer.json()["active"] is True
    assert "connection" not in answer.headers


def test_requests_on_one_connection_are_answered_in_their_order(server: Serving) -> None:
    """Desk and Django in turn: the quick one may not overtake."""
    page = server.request("GET", "/readyz")
    wire = server.wire().send((server.question() + page + server.question("x")) * AHEAD_THIRD)
    answers = [wire.answer() for _ in range(3 * AHEAD_THIRD)]
    for desk, django, other in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        assert desk.json()["active"] is True
        assert b"active" not in django.body
        assert other.json() == {"active": False}


def test_answers_that_are_known_at_once_wait_for_their_turn(server: Serving) -> None:
    known = server.request("GET", "/.well-known/oauth-authorization-server")
    with server.holding():
        wire = server.wire().send(server.question() + known * (policy.REQUESTS_AHEAD_MAX - 1))
        assert server.wire().send(known).answer().status == 200
    assert wire.answer().json()["active"] is True
    assert {wire.answer().status for _ in range(policy.REQUESTS_AHEAD_MAX - 1)} == {200}


def test_a_connection_that_is_used_is_kept(server: Serving) -> None:
    """Longer than a request may take to arrive: answers that are known at once are the tempting ones."""
    known, wire = server.request("GET", "/.well-known/oauth-authorization-server"), server.wire()
    until = time.monotonic() + 1.5 * REQUEST_SECONDS
    while time.monotonic() < until:
        assert wire.send(known).answer().status == 200
        time.sleep(0.1)


def test_nobody_may_send_heaps_of_requests_ahead(server: Serving) -> None:
    with server.holding():
        wire = server.wire().send(server.question() * 2_000)
        assert wire.answer().status == 400
        assert wire.is_closed()
    assert server.is_answering()


def test_the_last_request_of_a_connection_closes_it(server: Serving) -> None:
    wire = server.wire().send(server.question("", "Connection: close") + server.question())
    assert wire.answer().headers["connection"] == "close"
    assert wire.is_closed()


def test_http_1_0_is_answered_and_closed(server: Serving) -> None:
    wire = server.wire().send(server.question().replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = wire.answer()
    assert (answer.status, answer.json()["active"]) == (200, True)
    assert wire.is_closed()


# --- In pieces


def test_a_question_may_come_byte_by_byte(server: Serving) -> None:
    wire = server.wire()
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in server.question():
        wire.send(bytes([byte]))
    assert wire.answer().json()["active"] is True


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_chunks_is_one_body(server: Serving, size: int) -> None:
    body = f"token={server.token}".encode()
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    head = server.question().partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % len(body), CHUNKED)
    wire = server.wire().send(head + b"\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in parts))
    assert wire.send(b"0\r\n\r\n").answer().json()["active"] is True
    assert wire.send(server.question()).answer().status == 200


def test_what_follows_the_chunks_is_no_header(server: Serving) -> None:
    """Neither at the desk nor for Django: or a proxy's checks of headers could be walked around."""
    lines = (f"Content-Type: {FORM}", CHUNKED.decode(), "Trailer: Authorization")
    body = b"%x\r\ntoken=%s\r\n" % (6 + len(server.token), server.token.encode())
    trailer = b"0\r\nAuthorization: %s\r\nX-Request-Id: %s\r\n\r\n" % (server.basic.encode(), b"a" * 32)
    answer = server.wire().send(server.request("POST", "/oauth/introspect", *lines) + body + trailer).answer()
    assert answer.status == 401
    assert answer.headers["x-request-id"] != "a" * 32


def test_who_asks_whether_to_go_on_is_told_to(server: Serving) -> None:
    for path in ("/oauth/introspect", "/oauth/revoke"):
        head, _, body = server.question("", "Expect: 100-continue").partition(b"\r\n\r\n")
        wire = server.wire().send(head.replace(b"/oauth/introspect", path.encode()) + b"\r\n\r\n")
        assert wire.line() == b"HTTP/1.1 100 Continue"
        assert wire.send(body).answer().status in (200, 401), path


# --- Slow ones, and those who go away


@pytest.mark.parametrize("piece", ["nothing", "half a head", "a head", "half a body", "empty lines"])
@pytest.mark.parametrize("before", ["at first", "after a question"])
def test_who_does_not_finish_a_request_is_cut_off_and_nobody_waits_for_it(
    server: Serving, piece: str, before: str
) -> None:
    head, _, body = server.question().partition(b"\r\n\r\n")
    pieces = {
        "nothing": b"",
        "half a head": head[:30],
        "a head": head + b"\r\n\r\n",
        "half a body": head + b"\r\n\r\n" + body[:10],
        "empty lines": b"\r\n\r\n",
    }
    wire = server.wire()
    if before == "after a question":
        wire.send(server.question()).answer()
        if piece == "nothing":
            return  # a connection that is kept
    wire.send(pieces[piece])
    assert server.is_answering()
    assert wire.is_closed()


def test_who_reads_no_answers_is_not_read_from_and_is_cut_off(server: Serving) -> None:
    """As much as the buffers of the two systems hold; then our side takes no more in, and ends it."""
    wire = server.wire()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    page = server.request("GET", "/accounts/login/", "Accept: text/html")
    with pytest.raises(OSError):
        for _ in range(20_000):
            wire.send(page * 20)
    assert server.is_answering()


def test_who_goes_away_while_the_question_waits_leaves_nothing_behind(server: Serving) -> None:
    with server.holding() as asker:
        for wire in (server.wire().send(server.question()), server.wire().send(server.question()[:80])):
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.socket.close()  # a reset, at once
        other = server.wire().send(server.question())
    assert asker.answer().status == 200
    assert other.answer().json()["active"] is True
    assert "Traceback" not in server.log


# --- Too much, and things that fail


def test_beyond_a_number_of_waiting_questions_the_answer_is_to_come_back(server: Serving) -> None:
    with server.holding() as asker:
        waiting = [server.wire().send(server.question()) for _ in range(WAITING + 5)]
        refused = [wire.answer() for wire in waiting[-6:]]
    for answer in refused:
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["error"] == "temporarily_unavailable"
    assert [wire.answer().status for wire in (asker, *waiting[:-6])] == [200] * WAITING
    assert server.is_answering()


def test_one_that_fails_in_a_shared_statement_costs_the_others_nothing(server: Serving) -> None:
    with server.holding():
        good = [server.wire().send(server.question()) for _ in range(4)]
        bad = server.wire().send(server.question("fail"))
        good += [server.wire().send(server.question()) for _ in range(4)]
    assert [wire.answer().json()["active"] for wire in good] == [True] * 8
    answer = bad.answer()
    assert answer.status == 500
    assert answer.json()["error"] == "server_error"
    assert server.token not in server.log


# --- What is no request, or could be two

HOST = b"Host: 127.0.0.1\r\n"
JUNK = {
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "text": b"hello\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a wrong version": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "a method of nobody": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "a path of other bytes": "GET /größe HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "a query of other bytes": b"GET /?x=\xff HTTP/1.1\r\n" + HOST + b"\r\n",
}
SMUGGLED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 0\r\n",
    "two lengths in one": b"Content-Length: 5, 0\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "chunks, but not at last": b"Transfer-Encoding: chunked, identity\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "other chunks": b"Transfer-Encoding: xchunked\r\n",
    "a space before the colon": b"Content-Length : 5\r\n",
    "a space before chunks' colon": b"Transfer-Encoding : chunked\r\n",
    "a signed length": b"Content-Length: +5\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "an endless length": b"Content-Length: 99999999999999999999999999\r\n",
    "a bare line feed": b"X: y\nContent-Length: 5\r\n",
    "a bare carriage return": b"X: y\rContent-Length: 5\r\n",
}


@pytest.mark.parametrize("name", JUNK)
def test_what_is_no_request_is_refused_and_closed(server: Serving, name: str) -> None:
    wire = server.wire().send(JUNK[name])
    assert wire.answer().status == 400
    assert wire.is_closed()
    assert server.is_answering()


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_readers_could_read_differently_is_never_two_requests(server: Serving, name: str) -> None:
    """Whatever stands behind such a head is not taken for a request of its own."""
    hidden = server.request("GET", "/livez")
    head = server.request("POST", "/oauth/introspect")[:-2] + SMUGGLED[name] + b"\r\n"
    wire = server.wire().send(head + hidden)
    assert wire.answer().status == 400
    assert wire.is_closed()


@pytest.mark.parametrize("wish", ["websocket", "h2c", "x"])
@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_a_wish_for_another_protocol_changes_nothing(server: Serving, wish: str, path: str) -> None:
    """Java's HTTP client wishes for HTTP/2 with every request, and its body follows in a packet of its own: it must
    not be taken for the next request."""
    asked = server.question("", f"Upgrade: {wish}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: x", ID)
    head, _, body = asked.replace(b"/oauth/introspect", path.encode()).partition(b"\r\n\r\n")
    wire = server.wire().send(head + b"\r\n\r\n")
    assert server.is_answering()  # by now the head has been read
    found = wire.send(body).answer()
    assert found.status == (200 if path == "/oauth/introspect" else 401)
    again = (head + b"\r\n\r\n" + body) * 3
    assert [wire.send(again).answer().body for _ in range(3)] == [found.body] * 3


def test_a_wish_does_not_smuggle(server: Serving) -> None:
    hidden = server.request("GET", "/livez")
    lines = ("Upgrade: x", "Connection: Upgrade", f"Content-Length: {len(hidden)}")
    wire = server.wire().send(server.request("POST", "/oauth/introspect", *lines))
    assert server.is_answering()
    assert wire.send(hidden).answer().status == 401
    assert wire.send(server.question()).answer().json()["active"] is True


@pytest.mark.parametrize("where", ["the path", "a header", "a name", "headers", "after the chunks"])
def test_a_head_without_end_is_not_kept(server: Serving, where: str) -> None:
    begin = server.request("POST", "/oauth/introspect", CHUNKED.decode())[:-2]
    heaps = {
        "the path": b"GET /" + b"a" * HEAD_BYTES,
        "a header": begin + b"X: " + b"a" * HEAD_BYTES,
        "a name": begin + b"X" * HEAD_BYTES,
        "headers": begin + b"X: aaaaaaaaaa\r\n" * (HEAD_BYTES // 15),
        "after the chunks": begin + b"\r\n0\r\nX: " + b"a" * (10 * HEAD_BYTES),
    }
    wire = server.wire()
    try:
        wire.send(heaps[where])
        assert wire.answer().status in (400, 413, 431)
        assert wire.is_closed()
    except (Gone, OSError):  # closed while it was still coming
        pass
    assert server.is_answering()


@pytest.mark.parametrize("size", [policy.HEAD_BYTES_MAX + 1, 2 * policy.HEAD_BYTES_MAX])
def test_a_head_that_is_too_large_is_refused_though_it_ends(server: Serving, size: int) -> None:
    for path, cut in (("/livez", 0), ("/oauth/introspect", 100), ("/livez", -2)):
        head = server.request("GET", path, "X: " + "a" * size)
        wire = server.wire()
        assert wire.send(server.question()).answer().status == 200
        assert wire.send(head[:cut]).send(head[cut:]).answer().status == 431
        assert wire.is_closed()
    assert server.wire().send(server.request("GET", "/livez", "X: " + "a" * 60_000)).answer().status == 200


# --- Django behind the door


def test_names_with_underscores_are_not_taken_for_headers(server: Serving) -> None:
    """In WSGI `X_Request_Id` and `X-Request-Id` would be one."""
    answer = server.wire().send(server.request("GET", "/readyz", f"X_Request_Id: {'a' * 32}")).answer()
    assert answer.status == 200
    assert answer.headers["x-request-id"] != "a" * 32


@pytest.mark.parametrize("path", ["/gr%C3%B6%C3%9Fe", "/%ff%fe", "/%00", "/%F0%9F%98%80", "/%0d%0aX:%20y"])
def test_a_path_of_any_bytes_is_not_found(server: Serving, path: str) -> None:
    assert server.wire().send(server.request("GET", path)).answer().status == 404


@pytest.mark.parametrize("query", ["x=%ff%fe", "x=%00", "x=%F0%9F%98%80", "%", "=&=", "\"'<>{}|`"])
def test_a_query_of_any_bytes_is_read(server: Serving, query: str) -> None:
    for path in ("/", "/oauth/introspect"):
        answer = server.wire().send(server.request("GET", f"{path}?{query}")).answer()
        assert answer.status == (200 if path == "/" else 405)


@pytest.mark.parametrize("path", ["/oauth/register", "/oauth/introspect", "/accounts/login/"])
def test_a_large_upload_is_refused_and_does_not_hang(server: Serving, path: str) -> None:
    lines = (f"Authorization: {server.basic}", f"Content-Type: {FORM}", f"Content-Length: {PAGE_BYTES}")
    answer = server.wire().send(server.request("POST", path, *lines) + b"a" * PAGE_BYTES).answer()
    assert answer.status in (400, 403, 413)
    assert server.is_answering()
    assert "Traceback" not in server.log  # anybody may send it, as often as they like


def test_an_upload_without_end_is_cut_off(server: Serving) -> None:
    wire = server.wire()
    with pytest.raises((OSError, Gone)):
        wire.send(server.request("POST", "/accounts/login/", CHUNKED.decode()) + b"fffffff\r\n")
        for _ in range(100):
            wire.send(b"a" * 1_000_000)
        while wire.answer().status == 413:
            pass
    assert server.is_answering()


@pytest.mark.covers("M-sizes")
@pytest.mark.parametrize("name", HEAVY)
def test_what_is_heavy_is_answered_and_never_with_a_fault(server: Serving, name: str) -> None:
    method, path, body, lines, status = HEAVY[name]
    lines = [f"Authorization: {server.basic}" if line == "basic" else line for line in lines]
    asked = server.request(method, path, "Accept: text/html", f"Content-Length: {len(body)}", *lines) + body.encode()
    assert server.wire().send(asked).answer().status == status


def test_bodies_that_never_end_take_no_place_and_large_ones_no_more_than_a_share(server: Serving) -> None:
    slow = server.request("POST", "/accounts/login/", "Content-Length: 10") + b"a"
    large = server.request("POST", "/accounts/login/", "Content-Length: 100000") + b"a" * 70_000
    page = server.request("GET", "/accounts/login/", "Accept: text/html")
    wires = [server.wire(address="127.0.0.2").send(slow) for _ in range(PAGES_OF_CALLER)]
    assert server.wire(address="127.0.0.2").send(page).answer().status == 200
    wires += [server.wire(address="127.0.0.2").send(large) for _ in range(policy.PAGE_LARGE_BODIES_OF_CALLER)]
    answer = server.wire(address="127.0.0.2").send(large).answer()
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"] == "too_many_requests"
    assert {server.wire(address=f"127.0.0.{end}").send(page).answer().status for end in (2, 3)} == {200}
    assert all(wire.is_closed() for wire in wires)
    whole = server.request("POST", "/accounts/login/", "Content-Length: 70000") + b"a" * 70_000
    assert server.wire(address="127.0.0.2").send(whole).answer().status in (400, 403)


def test_whoever_guesses_is_told_no_and_the_good_one_of_the_same_name_is_answered(server: Serving) -> None:
    """Far beyond settings.GUESSES_PER_MINUTE."""
    wrong = server.question().replace(
        server.basic.encode(), b"Basic " + b64encode(f"{server.world['asker'][0]}:x".encode())
    )
    wire = server.wire()
    assert {wire.send(wrong).answer().status for _ in range(100)} == {401}
    assert all(server.is_answering() for _ in range(10))
    # Django's view counts the same guesses: it has no other line, so it says so. Whoever proves itself is not counted.
    at_view = wrong.replace(b" HTTP/1.1", b"?view HTTP/1.1", 1)
    told = [server.wire().send(at_view).answer() for _ in range(2)][-1]
    assert (told.status, told.json()["error"]) == (429, "too_many_requests")
    assert "retry-after" in told.headers
    good = server.question().replace(b" HTTP/1.1", b"?view HTTP/1.1", 1)
    assert server.wire().send(good).answer().json()["active"] is True


def test_a_redirect_and_a_page_come_through(server: Serving) -> None:
    wire = server.wire().send(server.request("GET", "/connections", "Accept: text/html"))
    assert wire.answer().headers["location"].startswith("/accounts/login/")
    answer = wire.send(server.request("HEAD", "/accounts/login/", "Accept: text/html")).answer(has_body=False)
    assert answer.status == 200
    told = wire.send(server.request("GET", "/.well-known/oauth-authorization-server")).answer()
    assert json.loads(told.body)["issuer"].endswith(str(server.port))
