"""The bodies of the endpoints for security events: what is read, what refuses the request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol.errors import Refusal
from authserver.protocol.receipts import requests
from authserver.protocol.receipts.requests import PollRequest, StreamRequest, VerificationRequest

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "raw",
    [b"", b"x", b"[]", b'"a"', b"null", b"1", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 20_000, b'{"a":1}x'],
)
def test_a_body_that_is_no_plain_object_is_refused(raw: bytes) -> None:
    assert isinstance(requests.body_of(raw), Refusal)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"delivery": None},
        {"delivery": "urn:ietf:rfc:8936"},
        {"delivery": {}},
        {"delivery": {"method": None}},
        {"delivery": {"method": ["urn:ietf:rfc:8936"]}},
        {"delivery": {"method": "urn:ietf:rfc:8937"}},
        {"delivery": {"method": "urn:ietf:rfc:8935"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": 1}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": ""}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "/events"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "file:///etc/passwd"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "gopher://a.example/"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/e?x=1"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://u:p@a.example/e"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/e#f"}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/" + "e" * 500}},
        {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/e\r\nHost: b"}},
    ],
)
def test_a_stream_that_cannot_be_made_is_refused(body: dict[str, Any]) -> None:
    assert isinstance(requests.stream(body), Refusal)


def test_a_stream_says_how_it_is_told_and_other_members_are_passed_over() -> None:
    assert requests.stream({"delivery": {"method": requests.POLL, "endpoint_url": 1}, "x": 1}) == StreamRequest(
        requests.POLL
    )
    pushed = {"delivery": {"method": requests.PUSH, "endpoint_url": "HTTPS://A.example:443/Events"}}
    assert requests.stream(pushed) == StreamRequest(requests.PUSH, "https://a.example/Events")


@pytest.mark.parametrize(
    "body",
    [{}, {"stream_id": 1}, {"stream_id": "a", "state": 1}, {"stream_id": "a", "state": "s" * 201}]
    + [{"stream_id": "a", "state": "a\x00b"}],
)
def test_a_verification_without_stream_or_with_a_strange_state_is_refused(body: dict[str, Any]) -> None:
    assert isinstance(requests.verification(body), Refusal)


def test_a_verification_may_have_no_state() -> None:
    assert requests.verification({"stream_id": "a"}) == VerificationRequest("a", None)
    assert requests.verification({"stream_id": "a", "state": "s"}) == VerificationRequest("a", "s")


@pytest.mark.parametrize(
    "body",
    [
        {"maxEvents": "1"},
        {"maxEvents": -1},
        {"maxEvents": 1.5},
        {"maxEvents": True},
        {"maxEvents": None},
        {"returnImmediately": "true"},
        {"ack": "jti"},
        {"ack": [1]},
        {"ack": [None]},
        {"ack": {"a": 1}},
        {"ack": ["x" * 65]},
        {"ack": ["a\x00"]},
        {"ack": ["a"] * (policy.EVENT_ACKNOWLEDGEMENTS_MAX + 1)},
        {"setErrs": []},
        {"setErrs": {"a": "b"}},
        {"setErrs": {str(number): {} for number in range(policy.EVENT_ACKNOWLEDGEMENTS_MAX + 1)}},
    ],
)
def test_a_poll_with_a_member_of_the_wrong_type_or_size_is_refused(body: dict[str, Any]) -> None:
    refusal = requests.poll(body)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_request"


def test_a_poll_says_what_was_heard_and_how_many_more_are_wanted() -> None:
    assert requests.poll({}) == PollRequest()
    assert requests.poll({"maxEvents": 10**9, "x": 1}).events_max == policy.EVENTS_PER_POLL_MAX  # type: ignore[union-attr]
    told = {"maxEvents": 0, "ack": ["a"], "setErrs": {"b": {"err": "invalid_key", "description": "…"}}}
    assert requests.poll(told) == PollRequest(0, ("a",), (("b", "invalid_key"),))


@pytest.mark.parametrize("err", ["<script>", "mcpv1_secret", 5, None, {}])
def test_what_a_receiver_writes_as_an_error_is_not_kept(err: object) -> None:
    assert requests.error_code(err) == "other"


@given(ANYTHING)
def test_whatever_comes_is_read_or_refused(content: object) -> None:
    body = requests.body_of(json.dumps(content).encode())
    if not isinstance(body, Refusal):
        for read in (requests.stream, requests.verification, requests.poll):
            read(body)
            read({"delivery": content, "stream_id": content, "state": content, "ack": content, "setErrs": content})
