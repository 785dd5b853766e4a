"""Metadata at the door: the view's document, kept for a moment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.door import desks, http, metadata
from authserver.door.http import Request, Response
from authserver.models import Scope
from authserver.services import catalog

pytestmark = pytest.mark.django_db

PATH = "/.well-known/oauth-authorization-server"


def request(method: str = "GET") -> Request:
    return Request(method, PATH, {}, "127.0.0.1", "the-request", b"")


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_newest", {})


def make() -> Response:
    return metadata.act([request()])[0]


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_left_to_django(method: str) -> None:
    make()
    assert metadata.read(request(method)) is None


def test_the_document_and_its_headers_are_the_view_s() -> None:
    seen = Http().get(PATH)
    response = make()
    assert json.loads(response.body) == seen.json()
    lines = (response.headers + desks.DESKS[PATH].headers).decode().removesuffix("\r\n").split("\r\n")
    for name, _, value in (line.partition(": ") for line in lines):
        assert seen[name] == value
    assert {"content-type", "cache-control", "access-control-allow-origin"} <= {
        line.partition(":")[0] for line in lines
    }


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_comes_within_the_moment_gets_it_at_once_with_no_question_to_the_database(
    method: str, django_assert_num_queries: Any
) -> None:
    assert metadata.read(request(method)) is not None
    assert not isinstance(metadata.read(request(method)), Response)
    made = make()
    heard: list[Response] = []
    with django_assert_num_queries(0):
        assert desks.ask(request(method), lambda response, request_id: heard.append(response))
    assert heard[0].body == made.body
    assert http.CORS in heard[0].headers


def test_a_change_of_the_catalog_is_seen_once_the_moment_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    Scope.objects.filter(name="links.read").update(is_active=False)
    catalog.touch()
    assert metadata.read(request()) == first
    monkeypatch.setattr(policy, "METADATA_KEPT_SECONDS", 0.0)
    assert not isinstance(metadata.read(request()), Response)
    assert "links.read" in json.loads(first.body)["scopes_supported"]
    assert "links.read" not in json.loads(make().body)["scopes_supported"]


def test_all_who_wait_get_the_one_that_is_made(django_assert_num_queries: Any) -> None:
    make()
    with django_assert_num_queries(1):
        assert len(metadata.act([request()] * 5)) == 5
