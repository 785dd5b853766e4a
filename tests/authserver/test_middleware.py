"""What every request gets: an id, and the address it came from."""

from __future__ import annotations

import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as Http
from django.test import RequestFactory

from authserver.middleware import RequestIdMiddleware, client_address
from authserver.services.events import NO_REQUEST, RequestFacts, current_request

GIVEN = "X-Request-Id"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 37, "with space", "a\tb-cdefgh", "<script>", "ümläut-id", "id,another", "../../etc"]
)
def test_an_id_of_another_form_is_replaced(db: None, given: str) -> None:
    answered = Http().get("/livez", headers={GIVEN: given})[GIVEN]
    assert answered != given
    assert re.fullmatch("[0-9a-f]{32}", answered)


@pytest.mark.parametrize("given", ["8f6f6a2e-0000-4000-8000-000000000000", "abcdef12", "A-1-B-2-C-3"])
def test_the_proxy_s_id_is_kept(db: None, given: str) -> None:
    assert Http().get("/livez", headers={GIVEN: given})[GIVEN] == given


def test_without_one_each_request_gets_its_own(db: None) -> None:
    first, second = (Http().get("/livez")[GIVEN] for _ in range(2))
    assert first != second


def test_the_facts_of_a_request_are_gone_after_it() -> None:
    seen: list[RequestFacts] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current_request.get())
        return HttpResponse()

    RequestIdMiddleware(view)(RequestFactory().get("/", headers={GIVEN: "the-request"}))
    assert seen == [RequestFacts(address="127.0.0.1", request_id="the-request", issuer="http://127.0.0.1:8000")]
    assert current_request.get() == NO_REQUEST


def test_the_facts_are_gone_after_a_request_that_broke() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        RequestIdMiddleware(view)(RequestFactory().get("/"))
    assert current_request.get() == NO_REQUEST


# --- The address


def address(settings, *, proxies: int, forwarded: str | None = None, direct: str = "10.0.0.9") -> str | None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=direct))


def test_without_proxies_a_forwarding_header_is_not_believed(settings) -> None:
    assert address(settings, proxies=0, forwarded="203.0.113.7") == "10.0.0.9"


def test_behind_one_proxy_the_last_address_counts_and_what_the_caller_wrote_does_not(settings) -> None:
    assert address(settings, proxies=1, forwarded="203.0.113.7") == "203.0.113.7"
    assert address(settings, proxies=1, forwarded="8.8.8.8, 203.0.113.7") == "203.0.113.7"


def test_behind_two_proxies_the_last_but_one_counts(settings) -> None:
    assert address(settings, proxies=2, forwarded="8.8.8.8, 203.0.113.7, 10.0.0.1") == "203.0.113.7"


@pytest.mark.parametrize("forwarded", [None, "", "nonsense", "203.0.113.7"])
def test_a_request_that_went_around_the_proxies_counts_as_where_it_came_from(settings, forwarded: str | None) -> None:
    assert address(settings, proxies=2, forwarded=forwarded) == "10.0.0.9"


def test_an_address_of_the_sixth_version_is_kept_in_its_canonical_form(settings) -> None:
    assert address(settings, proxies=1, forwarded="2001:DB8:0:0:0:0:0:7") == "2001:db8::7"


@pytest.mark.parametrize("direct", ["", "nonsense", "unix:"])
def test_an_address_that_is_none_is_none(settings, direct: str) -> None:
    assert address(settings, proxies=0, direct=direct) is None
