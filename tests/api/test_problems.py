"""Every no is a problem (RFC 9457): no page, no trace, nothing of what was sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client as Http

from authserver import policy
from authserver.protocol.control.problems import Kind
from handles import access
from tests.api.conftest import ACME, API, Caller, ok, problem
from tests.people import World

MEMBERS = f"{ACME}/members"
GOOD = {"email": "carol@example.com", "role": "member"}


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/nosuch", "/api/v1/me/"]
)
def test_other_addresses_are_not_there(alice: Caller, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        problem(alice.send(method, path), 404, "not-found")
        problem(Caller(Http()).send(method, path), 404, "not-found")


@pytest.mark.parametrize("tail", ["x%0Ay", "%00", "%ff", "handles/a/b/c/d", "handles//members"])
def test_odd_addresses_are_not_there(alice: Caller, tail: str) -> None:
    problem(alice.get(f"{API}/{tail}"), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_known_is_told_which_are(alice: Caller, method: str) -> None:
    told = alice.send(method, MEMBERS)
    problem(told, 405, "bad-method")
    assert told["Allow"] == "GET, POST, HEAD"


def test_head_answers_as_get_without_a_body(alice: Caller) -> None:
    told = alice.send("HEAD", ACME)
    assert (told.status_code, told.content) == (200, b"")


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""])
def test_only_json_is_read(alice: Caller, media: str) -> None:
    told = alice.http.generic("POST", MEMBERS, b'{"email": 1}', content_type=media, headers=alice.headers)
    problem(told, 415, "bad-media-type")


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "nul", "{'a': 1}", '{"a": NaN}', '{"a": Infinity}', '{"role": "member", "role": "owner"}', "[" * 9000,
        '{"a":' * 9000, '{"email": ' + "9" * 5000 + "}", b"\xff", b"\x00", '{"a": 1} x', b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(alice: Caller, body: Any) -> None:
    told = alice.http.generic("POST", MEMBERS, body, content_type="application/json", headers=alice.headers)
    problem(told, 400, "invalid" if body == "" else "malformed")


@pytest.mark.parametrize("body", [None, [], "text", 1, True, 1.5, [GOOD]])
def test_a_body_that_is_no_object_is_refused(alice: Caller, body: object) -> None:

    problem(alice.post(MEMBERS, json.dumps(body)), 400, "invalid")


@pytest.mark.parametrize(
    "value",
    [None, 1, 1.5, True, [], {}, "x", "\u0000@example.com", "a\ud800@example.com", "a@b", "x" * 300 + "@example.com",
     10**300, "carol@example.com\u0000"],
)  # fmt: skip
def test_a_member_of_another_type_or_text_is_refused(alice: Caller, value: object) -> None:
    body = problem(alice.post(MEMBERS, GOOD | {"email": value}), 400, "invalid")
    assert {each["field"] for each in body["errors"]} == {"email"}


def test_a_missing_member_is_named(alice: Caller) -> None:
    body = problem(alice.post(MEMBERS, {}), 400, "invalid")
    assert sorted(each["field"] for each in body["errors"]) == ["email", "role"]


@pytest.mark.parametrize("name", ["is_staff", "handle", "", "a\u0000b", "\ud800", "\u202e" * 9, "<script>", "x" * 999])
def test_an_unknown_member_is_refused_by_name(alice: Caller, name: str) -> None:
    told = alice.post(MEMBERS, GOOD | {name: 1})
    (error,) = problem(told, 400, "invalid")["errors"]
    assert error["detail"] == "This member is not known here."
    assert error["field"].isascii()
    assert len(error["field"]) <= 40


def test_a_body_that_is_too_large_is_refused(alice: Caller) -> None:
    problem(alice.post(MEMBERS, GOOD | {"email": "x" * policy.API_BODY_BYTES_MAX}), 413, "too-large")


def test_what_nobody_expected_is_told_without_its_cause(
    alice: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise DatabaseError("the password is swordfish")

    monkeypatch.setattr(access, "find", fail)
    alice.http.raise_request_exception = False
    told = alice.get(ACME)
    assert "swordfish" not in str(problem(told, 500, "server-error"))
    assert "Traceback" not in told.content.decode()


def test_whatever_is_accepted_the_answer_is_json(alice: Caller) -> None:
    for accept in ("text/html", "image/png", "*/*", "application/json;q=0", "x"):
        assert alice.get(ACME, Accept=accept)["Content-Type"] == "application/json"
        problem(alice.get(f"{API}/nosuch", Accept=accept), 404, "not-found")


def test_every_kind_of_problem_stands_where_its_type_points(world: World) -> None:
    told = ok(Caller(Http()).get(f"{API}/problems"))
    assert [each["type"].partition("#")[2] for each in told] == [kind.slug for kind in Kind]
    assert {each["type"].partition("#")[0] for each in told} == {"http://127.0.0.1:8000/api/v1/problems"}
    assert all(re.fullmatch(r"[a-z-]+", kind.slug) for kind in Kind)


def test_the_request_id_of_the_proxy_is_the_instance(alice: Caller) -> None:
    told = alice.send("GET", f"{API}/nosuch", **{"X-Request-Id": "from-the-proxy-1"})
    assert problem(told, 404, "not-found")["instance"] == "from-the-proxy-1"
