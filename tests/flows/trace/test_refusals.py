"""Every refusal leaves a step with its private reason, and its answer names where to read of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import Client, TraceStep
from authserver.services.trace import notes
from tests.document_host import DocumentHost
from tests.people import CALLBACK, GATEWAY, App, World, answer_of, compat, hosted, post_form, tokens_of

JSON = {"accept": "application/json"}
METHOD = "authorize:unsupported_code_challenge_method"
NO_UUID = "no-id-of-ours"


class Stage:
    """Everybody, one client that may come with a code, and one that may not."""

    def __init__(self, world: World) -> None:
        self.world, self.app, self.other = world, App.register(), App.register("Other", "https://other.example/cb")
        self.secretive = App.register("Secretive", token_endpoint_auth_method="client_secret_post")
        self.alice = Http(headers=JSON)
        self.alice.force_login(world.alice.user)
        self.carol = Http(headers=JSON)
        self.carol.force_login(world.carol.user)

    def code(self) -> str:
        """A fresh code of the first client."""
        self.app.verifier += "x"
        return answer_of(self.world.alice.decide_unseen(self.app.authorize_url(), handle="acme"))["code"]

    def asks(self, **changes: Any) -> Any:
        return self.alice.get(self.app.authorize_url(**{"resource": GATEWAY} | changes))

    def registers(self, body: bytes | dict[str, Any]) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body)
        return Http().post("/oauth/register", sent, content_type="application/json")


def late(stage: Stage) -> Any:
    code = stage.code()
    with time_machine.travel(timezone.now() + policy.AUTHORIZATION_CODE_LIFETIME + timedelta(seconds=1)):
        return stage.app.exchange(code)


def of_another(stage: Stage) -> Any:
    code = stage.code()
    stage.other.verifier = stage.app.verifier
    return stage.other.exchange(code, redirect_uri=CALLBACK)


def replaced(stage: Stage) -> Any:
    """A thief refreshes from elsewhere, long after."""
    held = tokens_of(stage.app.exchange(stage.code()))
    tokens_of(stage.app.refresh(tokens_of(stage.app.refresh(held.refresh)).refresh))
    with time_machine.travel(timezone.now() + policy.REFRESH_LEEWAY + timedelta(seconds=9)):
        thief = Http(REMOTE_ADDR="9.9.9.9", headers={"user-agent": "thief"})
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh, "client_id": stage.app.client_id}
        return post_form(thief, "/oauth/token", form)


def blocked(stage: Stage) -> Any:
    Client.objects.filter(client_id=stage.other.client_id).update(is_active=False)
    return stage.other.exchange("x" * 43)


def posted(**form: str) -> Callable[[Stage], Any]:
    return lambda stage: stage.alice.post("/oauth/authorize", form)


def manages(method: str, **more: Any) -> Callable[[Stage], Any]:
    return lambda stage: getattr(Http(), method)(f"/oauth/register/{stage.app.client_id}", **more)


REFUSALS: list[tuple[Callable[[Stage], Any], str, str]] = [
    (lambda s: Http().get("/.well-known/openid-configuration/mcp"), "server_metadata", "metadata:not_here"),
    (lambda s: s.registers(b"{"), "registration", "metadata:not_json"),
    (lambda s: s.registers({"redirect_uris": ["http://x.example/"]}), "registration", "redirect_uris:none_usable"),
    (lambda s: Http().get("/oauth/register"), "registration", "request:method"),
    (manages("get"), "registration", "registration:token"),
    (manages("delete"), "registration", "registration:token"),
    (lambda s: s.asks(client_id=None), "authorization", "authorize:missing_client_id"),
    (lambda s: s.asks(client_id=NO_UUID), "authorization", "client:unknown"),
    (lambda s: s.asks(redirect_uri="https://evil.example/"), "authorization", "redirect:mismatch"),
    (lambda s: s.asks(resource="https://elsewhere.example/mcp?secret=1"), "authorization", "resource:unknown"),
    (lambda s: s.asks(response_type="token"), "authorization", "authorize:unsupported_response_type"),
    (lambda s: s.asks(code_challenge=None), "authorization", "authorize:missing_code_challenge"),
    (lambda s: s.asks(code_challenge_method="plain"), "authorization", METHOD),
    (lambda s: s.asks(scope="unheard.of"), "authorization", "authorize:invalid_scope"),
    (lambda s: s.asks(request="x"), "authorization", "authorize:request"),
    (lambda s: s.asks(padding="x" * policy.QUERY_LENGTH_MAX), "authorization", "authorize:too_long"),
    (lambda s: s.asks(prompt="none"), "answer", "authorize:consent_required"),
    (lambda s: Http().get(s.app.authorize_url(prompt="none")), "answer", "authorize:login_required"),
    (lambda s: s.asks(resource=hosted("nobody")), "answer", "dead_end:handle_not_found"),
    (lambda s: s.carol.get(s.app.authorize_url(compat("acme"))), "answer", "dead_end:not_a_member"),
    (lambda s: s.carol.get(s.app.authorize_url()), "consent", "consent:no_handle"),
    (posted(request="forged", decision="allow"), "answer", "consent:unsigned"),
    (lambda s: s.world.alice.decide_unseen(s.app.authorize_url(), decision="cancel"), "answer", "consent:cancelled"),
    (lambda s: Http().get("/oauth/token"), "token", "request:method"),
    (lambda s: Http().post("/oauth/token", b"{", "application/json"), "token", "form:content_type"),
    (lambda s: s.app.token(grant_type="password"), "token", "token:grant_type"),
    (lambda s: s.app.token(grant_type="authorization_code", code="x"), "token", "token:no_code_verifier"),
    (lambda s: s.app.exchange("x" * 43), "token", "code:unknown"),
    (lambda s: s.app.exchange(s.code(), code_verifier="y" * 50), "token", "code:verifier"),
    (lambda s: s.app.exchange(s.code(), redirect_uri="https://evil.example/"), "token", "code:redirect_mismatch"),
    (lambda s: s.app.exchange(s.code(), resource=hosted("acme")), "token", "resource:not_the_authorized_one"),
    (of_another, "token", "code:foreign_client"),
    (late, "token", "code:expired"),
    (lambda s: s.app.token(grant_type="refresh_token"), "refresh", "token:no_refresh_token"),
    (lambda s: s.app.refresh("mcprt_junk"), "refresh", "refresh:malformed"),
    (lambda s: App("6f9619ff-8b86-4d01-b42d-00cf4fc964ff").refresh("x"), "refresh", "client:unknown"),
    (lambda s: App(s.secretive.client_id).refresh("x"), "refresh", "client:secret_missing"),
    (lambda s: App(s.secretive.client_id, "mcs_wrong").refresh("x"), "refresh", "client:secret_wrong"),
    (replaced, "refresh", "refresh:replayed"),
    (blocked, "token", "client:blocked"),
]


@pytest.mark.covers("ask:1")
def test_each_refusal_leaves_its_reason_and_names_where_to_read_of_it(world: World) -> None:
    stage = Stage(world)
    found = []
    for act, *_ in REFUSALS:
        answer = act(stage)
        notes.flush()
        step = TraceStep.objects.latest("id")
        found.append((step.kind, step.code))
        assert step.ok == (step.kind == "server_metadata")  # from there a client goes on
        assert step.request_id == answer["X-Request-Id"], step.code
        assert where_to_read(answer) == f"{settings.ISSUER}/attempts/{step.request_id}", step.code
        notes.forget()  # nobody is held to a limit here
    assert found == [(kind, code) for _, kind, code in REFUSALS]
    rows = json.dumps(list(TraceStep.objects.values()), default=str)
    assert not [
        word for word in (NO_UUID, "unheard", "secret=1", "evil.example", "forged", "mcprt_junk") if word in rows
    ]
    of_connections = TraceStep.objects.filter(ok=False, kind="token").exclude(connection_id=None)
    assert of_connections.count() == 5  # the wrong verifier, callback, resource and client, and the late one
    assert not of_connections.filter(flow="").exists()
    assert TraceStep.objects.get(code="refresh:replayed").detail["seconds"] >= policy.REFRESH_LEEWAY.total_seconds()


def where_to_read(answer: Any) -> str:
    if answer.status_code == 302:
        return answer_of(answer)["error_uri"]
    if answer["Content-Type"].startswith("text/html"):  # no error: the page that says how to get a handle
        return f"{settings.ISSUER}/attempts/{answer['X-Request-Id']}"
    return str(answer.json()["error_uri"])


def test_pages_of_the_flow_lead_to_their_steps_and_other_pages_do_not(world: World) -> None:
    carol, chatgpt = world.carol.sign_in().http, App.register()
    page = carol.get(chatgpt.authorize_url(hosted("acme")))
    assert f'href="/attempts/{page["X-Request-Id"]}"' in page.content.decode()
    strict = Http(enforce_csrf_checks=True, headers={"accept": "text/html"})
    query = chatgpt.authorize_url(hosted("acme"))
    for path, form in (("/oauth/authorize", {}), ("/accounts/login/", {"next": query})):
        page = strict.post(path, form)
        assert (page.status_code, f'href="/attempts/{page["X-Request-Id"]}"' in page.content.decode()) == (403, True)
    notes.flush()
    assert [step.code for step in TraceStep.objects.order_by("id")][-2:] == ["csrf:failed", "csrf:failed"]
    assert TraceStep.objects.latest("id").client_id == chatgpt.client_id
    assert "/attempts/" not in carol.get("/nowhere").content.decode()
    assert "/attempts/" not in strict.post("/accounts/login/", {"next": "/handles"}).content.decode()


@pytest.mark.covers("ask:1")
def test_a_description_is_a_step_once_and_says_why_there_is_none(world: World, documents: DocumentHost) -> None:
    app = App(documents.publish(), redirect_uri="https://app.example/callback")
    for _ in range(2):
        Http().get(app.authorize_url())
    Http().get(App(documents.url("/nothing.json")).authorize_url())
    notes.flush()
    found = TraceStep.objects.filter(kind="document").order_by("id")
    assert [(step.ok, step.code, step.client_id) for step in found] == [
        (True, "document:fetched", app.client_id),
        (False, "fetch:status_404", documents.url("/nothing.json")),
    ]
    assert found[1].detail == {"status": 404}
