"""Who plays one name of the server against another: every answer is in the name of the host that was asked, hosts that
nobody configured get nothing, and there is one memory of what was used."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client as Http

from tests.document_host import DocumentHost
from tests.flows.moving.names import NEW, OLD, app_at, asker_at, http_at, live_at, move, person_at
from tests.people import App, World, answer_of, tokens_of
from tests.signing import Signer

METADATA = "/.well-known/oauth-authorization-server"
OTHERS = [
    "evil.example", "old.example.com.evil.example", "evil-old.example.com", "old.example.com@evil.example",
    "evil.example/old.example.com", "old.example.com evil.example", ".old.example.com",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _moved(settings: Any) -> None:
    live_at(settings, OLD)
    move(settings)


@pytest.mark.covers("ask:20")
@pytest.mark.parametrize("host", OTHERS)
def test_a_host_that_is_not_configured_gets_nothing(world: World, host: str) -> None:
    stranger = Http(headers={"host": host})
    app = App.register()
    asker = world.asker
    asker.http = app.http = stranger
    answers = [stranger.get(METADATA), stranger.get(app.authorize_url()), app.refresh("mcprt_x"), asker.ask("x")]
    answers += [stranger.get("/.well-known/ssf-configuration"), stranger.get("/.well-known/webauthn")]
    for answer in answers:
        assert answer.status_code == 400
        assert b"old.example.com" not in answer.content.replace(host.encode(), b"")
        assert not answer.headers.get("Location")


@pytest.mark.parametrize(
    ("headers", "issuer"),
    [
        ({"host": "old.example.com"}, OLD),
        ({"host": "OLD.Example.COM"}, OLD),
        ({"host": "old.example.com:80"}, OLD),
        ({"host": "new.example.org", "x-forwarded-host": "old.example.com"}, NEW),
        ({"host": "old.example.com", "x-forwarded-host": "new.example.org", "forwarded": "host=new.example.org"}, OLD),
        ({"host": "testserver"}, NEW),  # let in, as an inner address is, and no issuer's
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_every_answer_is_in_the_name_of_the_host_that_was_asked(
    world: World, settings: Any, proxies: int, headers: dict[str, str], issuer: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    http = Http(headers=headers)
    told = http.get(METADATA).json()
    endpoints = {name: url for name, url in told.items() if name.endswith("_endpoint") or name == "jwks_uri"}
    assert told["issuer"] == issuer
    assert all(url.startswith(f"{issuer}/oauth/") for url in endpoints.values())
    app = App.register()
    refused = answer_of(http.get(app.authorize_url(response_type="token", resource=f"{OLD}/mcp")))
    assert (refused["iss"], refused["error"]) == (issuer, "unsupported_response_type")
    held = world.connect(world.alice, app, resource=f"{OLD}/mcp", handle="acme")
    world.asker.http = http
    assert {name: world.asker.knows(held.access)[name] for name in ("iss", "aud")} == {
        "iss": issuer, "aud": f"{OLD}/mcp"
    }  # fmt: skip
    assert http.get("/.well-known/ssf-configuration").json()["issuer"] == issuer
    assert http.get("/.well-known/webauthn").json() == {"origins": [NEW, OLD]}


def test_a_code_of_one_name_is_good_once_by_any_name(world: World) -> None:
    app, person = App.register(), person_at(world.alice, OLD)
    answer = answer_of(person.decide(person.open(app.authorize_url(f"{OLD}/mcp")), handle="acme"))
    held = tokens_of(app_at(app, NEW).exchange(answer["code"]))
    for place in (OLD, NEW):
        assert app_at(app, place).exchange(answer["code"]).json()["error"] == "invalid_grant"
    assert not asker_at(world.asker, OLD).is_active(held.access)
    assert not asker_at(world.asker, NEW).is_active(held.access)


def test_a_consent_page_of_one_name_sent_to_the_other_answers_in_the_name_that_it_was_sent_to(world: World) -> None:
    app, there, here = App.register(), person_at(world.alice, OLD), person_at(world.alice, NEW).sign_in()
    page = there.open(app.authorize_url(f"{OLD}/mcp"))
    first = answer_of(here.decide(page, handle="acme"))
    second = answer_of(there.decide(page, handle="globex"))
    assert (first["iss"], second["iss"]) == (NEW, OLD)
    assert app.exchange(first["code"]).json()["error"] == "invalid_grant"  # one page, one code
    assert app_at(app, NEW).exchange(second["code"]).status_code == 200


def test_an_assertion_for_any_name_is_good_once_and_for_a_strangers_name_never(
    world: World, documents: DocumentHost
) -> None:
    signer = Signer(documents.url())
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    app = App(signer.client_id, redirect_uri="https://app.example/callback")
    page = world.alice.open(app.authorize_url(f"{OLD}/mcp"))
    code = answer_of(world.alice.decide(page, handle="acme"))["code"]
    held = tokens_of(app.exchange(code, **signer.form(aud=NEW)))
    for audience in (OLD, f"{OLD}/oauth/token", f"{NEW}/oauth/token"):
        form = signer.form(aud=audience)
        held = tokens_of(app_at(app, OLD).refresh(held.refresh, **form))
        assert app_at(app, NEW).refresh(held.refresh, **form).json()["error"] == "invalid_client"
    for audience in (f"{OLD}/", "http://evil.example", "http://testserver/oauth/token", f"{OLD}:8443/oauth/token"):
        assert app.refresh(held.refresh, **signer.form(aud=audience)).json()["error"] == "invalid_client"


def test_a_stream_of_security_events_keeps_the_name_that_it_was_made_under(world: World) -> None:
    pair = base64.b64encode(f"{world.asker.id}:{world.asker.secret}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    streams = {}
    for place in (OLD, NEW):
        sent = json.dumps({"delivery": {"method": "urn:ietf:rfc:8936"}})
        answer = http_at(place).post("/oauth/events/stream", sent, content_type="application/json", headers=headers)
        told = streams[place] = answer.json()
        assert told["iss"] == place
        assert told["delivery"]["endpoint_url"] == f"{place}/oauth/events/poll/{told['stream_id']}"
        read = http_at(NEW).get(f"/oauth/events/stream?stream_id={told['stream_id']}", headers=headers)
        assert read.json() == told
    app = App.register()
    app.revoke(world.connect(world.alice, app, resource=f"{OLD}/mcp", handle="acme").access)
    for place, told in streams.items():
        path = f"/oauth/events/poll/{told['stream_id']}"
        body = json.dumps({"returnImmediately": True})
        polled = http_at(NEW).post(path, body, content_type="application/json", headers=headers).json()
        claims = [json.loads(base64.urlsafe_b64decode(each.split(".")[1] + "==")) for each in polled["sets"].values()]
        assert claims and {each["iss"] for each in claims} == {place}


@pytest.mark.parametrize("place", [OLD, NEW])
def test_a_registration_is_managed_where_it_was_made(db: None, place: str) -> None:
    body = json.dumps({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_post"})
    told = http_at(place).post("/oauth/register", body, content_type="application/json").json()
    assert told["registration_client_uri"] == f"{place}/oauth/register/{told['client_id']}"
