"""Somebody names an address and hopes that we connect to it: to our own network, to a host that keeps us busy, or to
one that answers what it should not.

Sockets, TLS and hosts are real. Only names are told by the test, since it cannot own any.
"""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import Client
from authserver.protocol import addresses
from authserver.services import fetcher
from authserver.services.fetcher import Fetched, FetchFailed
from tests import document_host
from tests.authserver.protocol.test_addresses import TRAPS, edges
from tests.document_host import DocumentHost, drip, endless, raw
from tests.people import App

pytestmark = pytest.mark.covers("CM-06", "CM-07", "CM-22", "CM-24")
PUBLIC = "93.184.215.14"
REDIRECT = "https://app.example/callback"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that this process tries to connect to; nothing gets through."""
    seen: list[Any] = []

    def connect(_socket: socket.socket, address: Any) -> None:
        seen.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect, raising=False)
    return seen


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Decide what names resolve to, one list of addresses after the other; returns the names that were asked for."""

    def decide(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        waiting = list(answers)

        def getaddrinfo(host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
            if addresses.parse(host):
                return real(host, port, *args, **kwargs)
            asked.append(host)
            found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return decide


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "FETCH_DEADLINE_SECONDS", 1.0)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Set when the test ends, so that no host goes on after it."""
    event = threading.Event()
    yield event
    event.set()


def fetch(url: str) -> Fetched | FetchFailed:
    """Fetch, and hold it to its time whatever comes of it."""
    started = time.monotonic()
    answer = fetcher.fetch(url, bytes_max=policy.DOCUMENT_BYTES_MAX)
    assert time.monotonic() - started < policy.FETCH_DEADLINE_SECONDS + 10  # those that hang, hang for twenty or more
    return answer


def reason(url: str) -> str:
    answer = fetch(url)
    assert isinstance(answer, FetchFailed), answer
    return answer.reason


def test_the_deadline_leaves_a_client_its_patience() -> None:
    assert policy.FETCH_DEADLINE_SECONDS <= 5  # clients wait ten seconds
    assert policy.DOCUMENT_BYTES_MAX == 5 * 1024


# --- Addresses


LITERALS = [address for address in edges() + TRAPS if addresses.parse(address) and "%" not in address]


@pytest.mark.parametrize("address", LITERALS)
def test_no_connection_is_made_to_a_special_address(connected: list[Any], address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert reason(f"https://{host}/client.json") == "fetch:address_not_public"
    assert connected == []


@pytest.mark.parametrize("address", LITERALS)
def test_no_connection_is_made_where_a_name_leads_to_a_special_address(
    connected: list[Any], name: Any, address: str
) -> None:
    name([address])
    assert reason("https://client.example/client.json") == "fetch:address_not_public"
    assert connected == []


@pytest.mark.parametrize(
    "spelling", ["127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "0", "127.0.0.1.", "localhost."]
)
def test_an_address_in_another_spelling_is_still_that_address(connected: list[Any], spelling: str) -> None:
    assert reason(f"https://{spelling}/client.json").startswith(("fetch:address_not_public", "fetch:name"))
    assert connected == []


def test_a_host_with_a_public_and_an_inner_address_is_refused_as_a_whole(connected: list[Any], name: Any) -> None:
    name([PUBLIC, "10.0.0.1"])
    assert reason("https://client.example/client.json") == "fetch:address_not_public"
    assert connected == []


def test_a_name_that_changes_its_mind_is_asked_once_and_taken_by_its_word(connected: list[Any], name: Any) -> None:
    asked = name([PUBLIC], ["127.0.0.1"])
    assert reason("https://client.example/client.json").startswith("fetch:unreachable")
    assert asked == ["client.example"]
    assert connected == [(PUBLIC, 443)]


@pytest.mark.parametrize("port", [22, 80, 8443, 5432])
def test_only_the_https_port_of_a_public_host_is_connected_to(connected: list[Any], name: Any, port: int) -> None:
    name([PUBLIC])
    assert reason(f"https://client.example:{port}/client.json") == "fetch:address_not_public"
    assert connected == []


def test_a_proxy_of_the_environment_is_not_used(
    connected: list[Any], name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    name([PUBLIC])
    reason("https://client.example/client.json")
    assert connected == [(PUBLIC, 443)]


def test_without_the_development_switch_nothing_on_this_machine_is_reached(
    documents: DocumentHost, settings: Any
) -> None:
    settings.INSECURE_CIMD_ALLOW_LOOPBACK = False
    assert reason(documents.publish()) == "fetch:address_not_public"
    assert documents.connections == 0


def test_the_development_switch_opens_this_machine_and_nothing_else(
    documents: DocumentHost, connected: list[Any]
) -> None:
    for address in ("10.0.0.1", "169.254.169.254", "192.168.0.1", "[fd00::1]", "[::ffff:127.0.0.1]"):
        assert reason(f"https://{address}/client.json") == "fetch:address_not_public"
    assert connected == []


# --- Hosts that behave badly


def test_a_good_document_is_fetched_with_one_plain_request(documents: DocumentHost) -> None:
    answer = fetch(documents.publish())
    assert isinstance(answer, Fetched)
    assert answer.max_age_seconds == 600
    request = documents.requests[0].lower()
    assert f"host: localhost:{documents.port}" in request
    for absent in ("cookie:", "authorization:", "referer:", "gzip"):
        assert absent not in request


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(documents: DocumentHost, status: str) -> None:
    documents.publish("/other.json")
    for target in (documents.url("/other.json"), "http://169.254.169.254/latest/meta-data/"):
        documents.answers["/client.json"] = raw(b"{}", status=status, headers=f"Location: {target}\r\n")
        assert reason(documents.url()) == f"fetch:status_{status[:3]}"
    assert all(request.startswith("GET /client.json ") for request in documents.requests)


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "203 Other", "206 Partial", "304 Not Modified"])
def test_only_200_counts(documents: DocumentHost, status: str) -> None:
    documents.answers["/client.json"] = raw(b"{}", status=status)
    assert reason(documents.url()) == f"fetch:status_{status[:3]}"


@pytest.mark.parametrize("kind", ["text/html", "text/json", "application/javascript", "application/xml", "json", ""])
def test_what_is_not_json_is_refused(documents: DocumentHost, kind: str) -> None:
    documents.answers["/client.json"] = raw(b"{}", kind=kind)
    assert reason(documents.url()) == "fetch:not_json"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/client+json"])
def test_every_kind_of_json_is_read(documents: DocumentHost, kind: str) -> None:
    documents.answers["/client.json"] = raw(b"{}", kind=kind)
    assert isinstance(fetch(documents.url()), Fetched)


def test_a_packed_body_is_not_unpacked(documents: DocumentHost) -> None:
    packed = gzip.compress(b" " * 10_000_000)[:4_000]
    documents.answers["/client.json"] = raw(packed, headers="Content-Encoding: gzip\r\n")
    assert reason(documents.url()) == "fetch:not_json"


@pytest.mark.usefixtures("quick")
def test_a_huge_body_is_read_no_further_than_its_bound(documents: DocumentHost) -> None:
    documents.answers["/client.json"] = endless
    assert reason(documents.url()) == "fetch:too_large"
    documents.answers["/big.json"] = raw(b" " * (policy.DOCUMENT_BYTES_MAX + 1))
    assert reason(documents.url("/big.json")) == "fetch:too_large"
    documents.answers["/just.json"] = raw(b" " * policy.DOCUMENT_BYTES_MAX)
    assert isinstance(fetch(documents.url("/just.json")), Fetched)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("in_the_headers", [True, False])
def test_a_slow_drip_is_cut_at_the_deadline(
    documents: DocumentHost, stop: threading.Event, in_the_headers: bool
) -> None:
    documents.answers["/client.json"] = drip(stop, head=in_the_headers)
    assert reason(documents.url()) == "fetch:too_slow"


def test_a_slow_drip_is_cut_at_the_deadline_of_every_day(documents: DocumentHost, stop: threading.Event) -> None:
    documents.answers["/client.json"] = drip(stop)
    assert reason(documents.url()) == "fetch:too_slow"


@pytest.mark.usefixtures("quick")
def test_a_host_that_accepts_and_says_nothing_is_left(settings: Any) -> None:
    settings.INSECURE_CIMD_ALLOW_LOOPBACK = True
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert reason(f"https://127.0.0.1:{silent.getsockname()[1]}/client.json").startswith("fetch:unreachable")


@pytest.mark.usefixtures("quick")
def test_a_name_that_takes_too_long_is_left(monkeypatch: pytest.MonkeyPatch, stop: threading.Event) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: stop.wait(20) and [])
    assert reason("https://client.example/client.json") == "fetch:name_too_slow"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
def test_an_answer_that_is_no_http_is_a_failure(documents: DocumentHost, answer: bytes) -> None:
    documents.answers["/client.json"] = lambda client: client.sendall(answer)
    assert reason(documents.url()).startswith(("fetch:broken", "fetch:not_json"))


def test_a_certificate_for_another_name_is_not_trusted(documents: DocumentHost, name: Any) -> None:
    name(["127.0.0.1"])
    documents.publish()
    assert reason(f"https://other.example:{documents.port}/client.json").startswith("fetch:unreachable")
    assert isinstance(fetch(f"https://client.example:{documents.port}/client.json"), Fetched)


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    documents: DocumentHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other, _ = document_host._certificates(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    assert reason(documents.publish()).startswith("fetch:unreachable")
    assert documents.requests == []


def test_no_more_than_so_many_are_fetched_at_once(documents: DocumentHost) -> None:
    taken = [fetcher._slots.acquire(blocking=False) for _ in range(policy.FETCHES_IN_FLIGHT_MAX)]
    try:
        assert all(taken)
        assert reason(documents.publish()) == "fetch:busy"
    finally:
        for _ in taken:
            fetcher._slots.release()
    assert isinstance(fetch(documents.url()), Fetched)


def test_every_failure_gives_its_place_back(documents: DocumentHost) -> None:
    for number in range(policy.FETCHES_IN_FLIGHT_MAX + 1):
        assert reason(documents.url(f"/{number}")) == "fetch:status_404"


# --- From outside


@pytest.mark.django_db
@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1/client.json",
        "https://localhost/client.json",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/client.json",
        "https://[::ffff:10.0.0.1]/client.json",
        "https://user@10.0.0.1/client.json",
        "https://10.0.0.1:6379/",
        "https://client.example/../client.json",
        "https://client.example/client.json#x",
    ],
)
def test_a_person_sent_with_such_an_address_sees_a_page_and_nothing_is_kept(
    connected: list[Any], client_id: str
) -> None:
    asked = App(client_id, redirect_uri=REDIRECT).authorize_url()
    answer = Http(headers={"accept": "text/html"}).get(asked)
    assert answer.status_code == 400
    assert "This app is not known here" in answer.content.decode()
    assert Http(headers={"accept": "application/json"}).get(asked).json()["error"] == "invalid_client"
    assert connected == []
    assert not Client.objects.exists()


@pytest.mark.covers("CM-23")
@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
@pytest.mark.covers("CM-23")
def test_the_address_of_keys_is_held_to_the_same_rules(documents: DocumentHost, settings: Any) -> None:
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://10.0.0.1/jwks.json")
    app = App(documents.url(), redirect_uri=REDIRECT)
    assert app.http.get(app.authorize_url()).status_code == 302
    answer = fetcher.fetch(Client.objects.get().jwks_uri, bytes_max=policy.JWKS_BYTES_MAX)
    assert isinstance(answer, FetchFailed)
    assert answer.reason == "fetch:address_not_public"
    assert not answer.is_temporary
