"""The endpoints for security events: who may come in, what they take, what they answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import EventStream, ResourceServer
from tests.authserver.views.test_introspect import stranger_headers
from tests.people import Asker, World
from tests.receivers import CHANGED, POLL, PUSH, REVOKED, VERIFICATION, Stream, claims_of, receiving, send

UNKNOWN = "8f6f6a2e-0000-4000-8000-000000000000"
DOORS = {
    "make": ("POST", "/oauth/events/stream"),
    "read": ("GET", f"/oauth/events/stream?stream_id={UNKNOWN}"),
    "list": ("GET", "/oauth/events/stream"),
    "end": ("DELETE", f"/oauth/events/stream?stream_id={UNKNOWN}"),
    "verify": ("POST", "/oauth/events/verify"),
    "poll": ("POST", f"/oauth/events/poll/{UNKNOWN}"),
}
WRITING = [name for name, (method, _) in DOORS.items() if method == "POST"]


@pytest.mark.parametrize("who", list(stranger_headers(World(*[None] * 4, Asker("", ""), Asker("", "")))))  # type: ignore[arg-type]
@pytest.mark.parametrize("door", DOORS)
def test_a_stranger_gets_401_before_anything_is_read(world: World, door: str, who: str) -> None:
    method, path = DOORS[door]
    answer = Http().generic(method, path, "not even JSON", headers=stranger_headers(world)[who])
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer["WWW-Authenticate"] == 'Basic realm="resource servers"'
    assert answer["Cache-Control"] == "no-store"
    assert EventStream.objects.count() == 0


def test_a_resource_server_that_was_switched_off_is_a_stranger(world: World) -> None:
    ResourceServer.objects.update(is_active=False)
    assert send(world.asker, *DOORS["list"]).status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/oauth/events/verify", f"/oauth/events/poll/{UNKNOWN}"])
def test_other_methods_are_refused(world: World, path: str, method: str) -> None:
    answer = send(world.asker, method, path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"\xff\xfe", b'{"a":1,"a":1}', b"[" * 50_000])
@pytest.mark.parametrize("door", WRITING)
def test_a_body_that_is_no_object_is_refused(world: World, door: str, body: bytes) -> None:
    answer = send(world.asker, *DOORS[door], body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("size", [policy.EVENT_BODY_BYTES_MAX + 1, 3_000_000])
@pytest.mark.parametrize("door", WRITING)
def test_a_body_that_is_too_large_is_refused(world: World, door: str, size: int) -> None:
    answer = send(world.asker, *DOORS[door], b'{"a":"' + b"a" * size + b'"}')
    assert (answer.status_code, answer.json()["error_description"]) == (400, "The body is too large.")


@pytest.mark.parametrize("stream_id", ["", "x", UNKNOWN, "a" * 3_000, "%00", "..%2f..", "é"])
def test_an_unknown_stream_is_not_found_anywhere(world: World, stream_id: str) -> None:
    found = [
        send(world.asker, "GET", f"/oauth/events/stream?stream_id={stream_id}"),
        send(world.asker, "DELETE", f"/oauth/events/stream?stream_id={stream_id}"),
        send(world.asker, "POST", "/oauth/events/verify", {"stream_id": stream_id, "state": "s"}),
        send(world.asker, "POST", f"/oauth/events/poll/{stream_id}", {}),
    ]
    assert [answer.status_code for answer in found] == [404] * 4
    assert send(world.asker, "DELETE", "/oauth/events/stream").status_code == 404


def test_a_stream_that_polls_is_told_where(world: World) -> None:
    answer = send(world.asker, "POST", "/oauth/events/stream", {"delivery": {"method": POLL}, "unknown": 1})
    body = answer.json()
    assert answer.status_code == 201
    assert body == {
        "stream_id": body["stream_id"],
        "iss": "http://127.0.0.1:8000",
        "aud": world.asker.id,
        "delivery": {
            "method": POLL,
            "endpoint_url": f"http://127.0.0.1:8000/oauth/events/poll/{body['stream_id']}",
        },
        "events_delivered": [REVOKED, CHANGED, VERIFICATION],
        "status": "enabled",
    }
    assert send(world.asker, "GET", f"/oauth/events/stream?stream_id={body['stream_id']}").json() == body
    assert send(world.asker, "GET", "/oauth/events/stream").json() == [body]
    gone = send(world.asker, "DELETE", f"/oauth/events/stream?stream_id={body['stream_id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert send(world.asker, "GET", "/oauth/events/stream").json() == []


def test_a_stream_that_is_pushed_to_keeps_its_address_and_cannot_be_polled(world: World) -> None:
    pushed = {"delivery": {"method": PUSH, "endpoint_url": "http://127.0.0.1:8001/events"}}
    answer = send(world.asker, "POST", "/oauth/events/stream", pushed)
    assert (answer.status_code, answer.json()["delivery"]) == (201, pushed["delivery"])
    assert send(world.asker, "POST", f"/oauth/events/poll/{answer.json()['stream_id']}", {}).status_code == 404


def test_a_poll_answers_at_once_with_what_waits(world: World) -> None:
    stream = Stream.open(world.asker, verified=False)
    assert stream.poll() == {"sets": {}, "moreAvailable": False}
    stream.verify("the state")
    answer = stream.ask()
    assert answer["Cache-Control"] == "no-store"
    ((jti, token),) = answer.json()["sets"].items()
    claims = claims_of(token)
    assert claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": world.asker.id,
        "iat": claims["iat"],
        "jti": jti,
        "sub_id": {"format": "opaque", "id": stream.id},
        "events": {VERIFICATION: {"state": "the state"}},
    }
    assert stream.acknowledge(jti) == {"sets": {}, "moreAvailable": False}


def test_a_verification_is_pushed_at_once(world: World, django_capture_on_commit_callbacks: Any) -> None:
    with receiving() as receiver:
        ResourceServer.objects.filter(pk=world.asker.id).update(event_origins=f"http://127.0.0.1:{receiver.port}")
        asked = {"delivery": {"method": PUSH, "endpoint_url": receiver.url}}
        made = send(world.asker, "POST", "/oauth/events/stream", asked).json()
        with django_capture_on_commit_callbacks(execute=True):
            send(world.asker, "POST", "/oauth/events/verify", {"stream_id": made["stream_id"], "state": "now"})
        (token,) = receiver.tokens
    assert claims_of(token)["events"] == {VERIFICATION: {"state": "now"}}
    assert EventStream.objects.get().verified_at is not None


# --- What everybody may read


@pytest.mark.parametrize("path", ["/.well-known/ssf-configuration", "/oauth/jwks"])
def test_the_public_documents_are_for_scripts_of_any_origin_and_for_five_minutes(db: None, path: str) -> None:
    answer = Http().get(path)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert Http().post(path).status_code == 405
    assert Http().options(path).status_code == 204


def test_the_configuration_says_where_everything_is(db: None) -> None:
    assert Http().get("/.well-known/ssf-configuration").json() == {
        "spec_version": "1_0",
        "issuer": "http://127.0.0.1:8000",
        "jwks_uri": "http://127.0.0.1:8000/oauth/jwks",
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": "http://127.0.0.1:8000/oauth/events/stream",
        "verification_endpoint": "http://127.0.0.1:8000/oauth/events/verify",
        "default_subjects": "ALL",
    }


def test_the_key_set_holds_public_keys_only(db: None) -> None:
    keys = Http().get("/oauth/jwks").json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]
    metadata = Http().get("/.well-known/oauth-authorization-server").json()
    assert metadata["jwks_uri"] == "http://127.0.0.1:8000/oauth/jwks"
    assert Http().get("/.well-known/openid-configuration").status_code == 404
    assert json.dumps(keys).count('"d"') == 0
