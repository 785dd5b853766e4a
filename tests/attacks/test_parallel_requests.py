"""The same request many times at the same moment: clients refresh once per call that got a 401, browsers send a form
twice, and a stolen code is redeemed beside its owner."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections, transaction
from django.test import Client as Http
from django.utils import timezone

from authserver.models import (
    AccessToken,
    AuthorizationCode,
    Client,
    Connection,
    Event,
    ProtectedResource,
    RefreshToken,
    ResourceServer,
)
from authserver.protocol.connections.token_requests import CodeRequest, Proof
from authserver.services import connections as acts
from authserver.services.connections import Arrived, Issued
from authserver.services.events import NO_REQUEST
from authserver.services.tools import manifests
from tests.attacks.conftest import at_once, somebody_waits_for_a_lock, wait_until
from tests.people import CALLBACK, GATEWAY, READS, App, World, answer_of

ROUNDS = 4


@pytest.fixture
def app(crowd: World) -> App:
    return App.register()


def statuses(answers: list[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


@pytest.mark.covers("H2", "T18", "Q1")
def test_eight_refreshes_of_one_token_at_once_all_get_the_same_pair(crowd: World, app: App) -> None:
    held = crowd.connect(crowd.alice, app, handle="acme")
    answers = at_once(*[lambda: app.refresh(held.refresh)] * 8)
    assert statuses(answers) == [200] * 8
    assert len({(each.json()["access_token"], each.json()["refresh_token"]) for each in answers}) == 1
    assert (AccessToken.objects.count(), RefreshToken.objects.count()) == (2, 2)
    assert crowd.asker.is_active(answers[0].json()["access_token"])
    assert app.refresh(answers[0].json()["refresh_token"]).status_code == 200


@pytest.mark.covers("H3", "H1", "RF-09")
def test_of_parallel_redemptions_of_a_code_one_wins_and_nothing_is_left_alive(crowd: World) -> None:
    for number in range(ROUNDS):
        app = App.register(f"App {number}")
        code = answer_of(crowd.alice.decide(crowd.alice.open(app.authorize_url()), handle="acme"))["code"]
        answers = at_once(*[lambda app=app, code=code: app.exchange(code)] * 6)
        assert statuses(answers) == [200] + [400] * 5
        assert {each.json()["error"] for each in answers if each.status_code == 400} == {"invalid_grant"}
        (won,) = [each.json() for each in answers if each.status_code == 200]
        # The second redemption voids what the first one brought, the third ends the connection.
        assert not AccessToken.objects.filter(connection__client__client_id=app.client_id).exists()
        assert not RefreshToken.objects.filter(connection__client__client_id=app.client_id).exists()
        assert not Connection.objects.filter(client__client_id=app.client_id, ended_at=None).exists()
        assert not crowd.asker.is_active(won["access_token"])  # the second redemption may have been the owner's
        assert app.refresh(won["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.covers("M-form-replay", "req:C6")
def test_a_double_click_on_allow_makes_one_connection_and_one_usable_code(crowd: World, app: App) -> None:
    for number in range(ROUNDS):
        page = crowd.alice.open(app.authorize_url(scope=READS, prompt="consent"))
        answers = at_once(*[lambda page=page: crowd.alice.decide(page, handle="acme")] * 3)
        assert statuses(answers) == [302] * 3
        assert Connection.objects.filter(ended_at=None).count() == 1
        assert AuthorizationCode.objects.count() == number + 1
        redeemed = [app.exchange(answer_of(each)["code"]) for each in answers]
        assert statuses(redeemed) == [200, 400, 400]


@pytest.mark.covers("M-form-replay")
def test_one_page_answered_for_two_handles_at_once_ends_up_with_one(crowd: World, app: App) -> None:
    for _ in range(ROUNDS):
        page = crowd.alice.open(app.authorize_url(scope=READS, prompt="consent"))
        answers = at_once(*[lambda page=page, to=to: crowd.alice.decide(page, handle=to) for to in ("acme", "globex")])
        assert {answer.status_code for answer in answers} <= {302, 400}
        codes = [answer_of(answer)["code"] for answer in answers if answer.status_code == 302]
        assert [app.exchange(code).status_code for code in codes].count(200) == 1


@pytest.mark.covers("M-form-replay", "H3")
@pytest.mark.skipif(
    database.vendor != "postgresql", reason="SQLite has one writer at a time: there is no row to wait for"
)
def test_a_page_answered_again_while_its_code_is_redeemed_waits_and_is_refused(crowd: World, app: App) -> None:
    page = crowd.alice.open(app.authorize_url(scope=READS))
    code = answer_of(crowd.alice.decide(page, handle="acme"))["code"]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            asked = CodeRequest(Proof(app.client_id), code, app.verifier, app.redirect_uri, ())
            pair = acts.exchange(Arrived(asked, NO_REQUEST), now=timezone.now())
            assert isinstance(pair, Issued)
            late = pool.submit(lambda: (crowd.alice.decide(page, handle="globex"), connections.close_all())[0])
            wait_until(somebody_waits_for_a_lock)
        assert late.result(30).status_code == 400
    assert crowd.asker.knows(pair.access_token)["handle"] == "acme"
    assert list(Connection.objects.values_list("handle__slug", flat=True)) == ["acme"]


@pytest.mark.covers("H3")
def test_two_tabs_that_allow_at_once_share_one_connection(crowd: World, app: App) -> None:
    pages = [crowd.alice.open(app.authorize_url(scope=READS)) for _ in range(4)]
    answers = at_once(*[lambda page=page: crowd.alice.decide(page, handle="acme") for page in pages])
    assert statuses(answers) == [302] * 4
    assert Connection.objects.count() == 1
    assert statuses([app.exchange(answer_of(each)["code"]) for each in answers]) == [200] * 4


@pytest.mark.covers("H3")
def test_introspection_beside_a_refresh_never_fails_and_never_sees_a_dead_connection(crowd: World, app: App) -> None:
    held = crowd.connect(crowd.alice, app, handle="acme")
    refreshed, *seen = at_once(lambda: app.refresh(held.refresh), *[lambda: crowd.asker.ask(held.access)] * 5)
    assert refreshed.status_code == 200
    assert [each.json()["active"] for each in seen] == [True] * 5
    assert crowd.asker.knows(held.access)["aud"] == GATEWAY


@pytest.mark.covers("DC-09")
def test_equal_registrations_at_once_are_one_client_that_none_of_them_may_change(crowd: World) -> None:
    answers = at_once(*[lambda: Http().post("/oauth/register", METADATA, content_type="application/json")] * 6)
    assert statuses(answers) == [201] * 6
    (client,) = Client.objects.all()
    for answer in answers:
        assert answer.json()["client_id"] == client.client_id
        token = answer.json().get("registration_access_token", "mcr_none")
        assert change(client.client_id, token).status_code == 401


@pytest.mark.covers("DC-11")
@pytest.mark.skipif(
    database.vendor != "postgresql", reason="SQLite has one writer at a time: there is no row to wait for"
)
def test_a_change_under_way_is_refused_once_another_registration_joined(crowd: World) -> None:
    first = Http().post("/oauth/register", METADATA, content_type="application/json").json()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            joined = Http().post("/oauth/register", METADATA, content_type="application/json").json()
            args = (first["client_id"], first["registration_access_token"])
            late = pool.submit(lambda: (change(*args), connections.close_all())[0])
            wait_until(somebody_waits_for_a_lock)
        assert late.result(30).status_code == 401
    assert joined["client_id"] == first["client_id"]
    assert Client.objects.get().redirect_uri_list == [CALLBACK]


METADATA = json.dumps({"client_name": "Shared", "redirect_uris": [CALLBACK]})


def change(client_id: str, token: str) -> Any:
    """Add a callback to a client, as its registration access token allows."""
    body = json.dumps({"client_id": client_id, "redirect_uris": [CALLBACK, "https://evil.example/cb"]})
    headers = {"Authorization": f"Bearer {token}"}
    return Http().put(f"/oauth/register/{client_id}", body, content_type="application/json", headers=headers)


@pytest.mark.covers("ask:7")
def test_of_publications_at_once_each_that_changes_something_is_a_version_of_its_own(crowd: World) -> None:
    gateway = ProtectedResource.objects.get(kind="gateway")
    ResourceServer.objects.get(pk=crowd.other_asker.id).resources.add(gateway)
    servers = [crowd.asker, crowd.other_asker] * 3
    sent = [[{"name": f"tool_{number}", "scopes": []}] for number in range(6)]
    acts = [lambda each=each, tools=tools: each.publish(*tools) for each, tools in zip(servers, sent, strict=True)]
    assert statuses(at_once(*acts)) == [200] * 6
    gateway.refresh_from_db()
    versions = Event.objects.filter(tag="tools:published", detail__resource=str(gateway.pk))
    assert sorted(event.detail["version"] for event in versions) == [1, 2, 3, 4, 5, 6]
    assert gateway.tools_version == 6
    tools = manifests.manifest_of(gateway.pk).tools
    assert len(tools) == 2  # the last of each server
    assert statuses(at_once(*[lambda: crowd.asker.publish({"name": "same", "scopes": []})] * 4)) == [200] * 4
    gateway.refresh_from_db()
    assert gateway.tools_version == 7
