"""Authorization and token requests as real clients send them: strict readers would turn some of these away."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import AuthorizationCode, Client, Connection, Event, ProtectedResource, RefreshToken
from tests.people import GATEWAY, READS, App, World, answer_of, post_form, tokens_of

FORM = "application/x-www-form-urlencoded"


def code_for(world: World, app: App, resource: str | None = GATEWAY, **parameters: str | None) -> str:
    page = world.alice.open(app.authorize_url(resource, **parameters))
    assert page.status_code == 200, page.content.decode()
    return answer_of(world.alice.decide(page, handle="acme"))["code"]


# --- resource


@pytest.mark.covers("T01", "AS-32", "AS-33")
@pytest.mark.parametrize("spelled", ["https://bare.example", "https://bare.example/", "HTTPS://BARE.example:443/"])
def test_a_resource_in_another_spelling_is_stored_in_its_canonical_one(
    world: World, chatgpt: App, spelled: str
) -> None:
    ProtectedResource.objects.create(name="Bare", address="https://bare.example")
    code = code_for(world, chatgpt, spelled)
    assert chatgpt.exchange(code, resource=spelled).status_code == 200
    assert Connection.objects.get().resource == "https://bare.example"


@pytest.mark.covers("T03", "T02", "req:T1")
@pytest.mark.parametrize("resource", [None, ""])
def test_without_a_resource_it_is_the_gateway(world: World, chatgpt: App, resource: str | None) -> None:
    held = tokens_of(chatgpt.exchange(code_for(world, chatgpt, resource)))
    assert world.asker.knows(held.access)["aud"] == GATEWAY
    assert chatgpt.refresh(held.refresh).status_code == 200


# --- scope


@pytest.mark.covers("T04", "Q15", "AS-40")
@pytest.mark.parametrize("scope", [None, "", " "])
def test_no_scope_is_the_default_ones_and_what_was_granted_is_told(
    world: World, chatgpt: App, scope: str | None
) -> None:
    held = tokens_of(chatgpt.exchange(code_for(world, chatgpt, scope=scope)))
    granted = set(held.scope.split())
    assert {"mcp.connect", "links.read", "links.write"} <= granted
    assert not {"site.deployments.write", "offline_access"} & granted  # Manage comes unticked; the other by name


@pytest.mark.covers("T05", "T06", "Q14")
def test_unknown_scopes_and_parameters_are_passed_over_and_not_told(world: World, chatgpt: App) -> None:
    code = code_for(
        world, chatgpt, scope=f"openid email {READS} made.up offline_access", prompt="consent", id_token_hint="x.y.z",
        login_hint="alice@example.com", ui_locales="de", max_age="0", nonce="n", claims="{}", audience="x",
    )  # fmt: skip
    assert set(tokens_of(chatgpt.exchange(code)).scope.split()) == {*READS.split(), "offline_access"}


@pytest.mark.covers("AS-40", "Q14")
def test_what_the_person_unticked_is_not_told_as_granted(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope=READS))
    code = answer_of(world.alice.decide(page, handle="acme", scope=["links.read"]))["code"]
    assert tokens_of(chatgpt.exchange(code)).scope == "mcp.connect links.read"


@pytest.mark.covers("Q2", "AS-44", "req:S4")
def test_a_client_steps_up_beyond_what_it_registered_and_beyond_what_it_has(world: World) -> None:
    app = App.register(scope="mcp.connect")
    before = world.connect(world.alice, app, handle="acme", scope="mcp.connect")
    after = world.connect(world.alice, app, handle="acme", scope="mcp.connect links.write offline_access")
    assert set(after.scope.split()) == {"mcp.connect", "links.write", "offline_access"}
    assert world.asker.knows(before.access)["scope"] == "mcp.connect"
    assert Connection.objects.count() == 1
    assert Event.objects.filter(tag="connection:widened").count() == 1


# --- refresh


@pytest.mark.covers("Q5", "AS-43")
def test_a_client_gets_a_refresh_token_without_asking_for_offline_access(world: World, chatgpt: App) -> None:
    assert world.connect(world.alice, chatgpt, handle="acme", scope="mcp.connect").refresh


@pytest.mark.covers("AS-43")
def test_a_client_that_did_not_register_the_grant_gets_none(world: World) -> None:
    app = App.register(grant_types=["authorization_code"])
    assert world.connect(world.alice, app, handle="acme", scope=f"{READS} offline_access").refresh is None
    assert RefreshToken.objects.count() == 0


@pytest.mark.covers("Q6", "AS-13", "T18", "req:B1")
def test_access_lasts_ten_minutes_and_refreshing_before_every_call_works(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert 599 <= held.expires_in <= 600
    moment = timezone.now()
    for _ in range(5):
        moment += timedelta(minutes=3)
        with time_machine.travel(moment, tick=False):
            held = tokens_of(chatgpt.refresh(held.refresh))
            assert held.access.startswith(policy.ACCESS_TOKEN_PREFIX)
            assert world.asker.is_active(held.access)


@pytest.mark.covers("Q9", "T02", "Q14")
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"scope": READS},
        {"scope": "mcp.connect"},
        {"scope": f"{READS} offline_access openid"},
        {"resource": GATEWAY},
        {"resource": GATEWAY.replace("http", "HTTP")},
        {"scope": "", "resource": ""},
        {"json": "", "foo": "bar", "client_assertion_type": ""},
        {"redirect_uri": "https://elsewhere.example"},
    ],
)
def test_a_refresh_may_repeat_leave_out_or_add_things(world: World, chatgpt: App, form: dict[str, str]) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    again = tokens_of(chatgpt.refresh(held.refresh, **form))
    assert set(again.scope.split()) <= set(READS.split())


@pytest.mark.covers("Q9")
@pytest.mark.parametrize("content_type", [FORM, FORM + ";charset=UTF-8", FORM + "; charset=utf-8", FORM.upper()])
def test_the_form_type_may_name_a_charset(world: World, chatgpt: App, content_type: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    body = f"grant_type=refresh_token&refresh_token={held.refresh}&client_id={chatgpt.client_id}"
    assert Http().post("/oauth/token", body, content_type=content_type).status_code == 200


# --- client authentication


def basic(app: App, *, encode: bool) -> dict[str, str]:
    parts = [quote(each, safe="") if encode else each for each in (app.client_id, app.secret or "")]
    return {"Authorization": "Basic " + base64.b64encode(":".join(parts).encode()).decode()}


@pytest.mark.covers("T09", "T26", "Q9", "Q10", "DC-15", "req:C1", "AS-01")
@pytest.mark.parametrize("registered", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("sent", ["basic", "encoded basic", "body", "basic with client_id", "basic twice", "BASIC"])
def test_a_secret_is_accepted_however_it_comes(world: World, registered: str, sent: str) -> None:
    app = App.register(token_endpoint_auth_method=registered)
    held = world.connect(world.alice, app, handle="acme")
    form: dict[str, Any] = {"grant_type": "refresh_token", "refresh_token": held.refresh}
    headers = {} if sent == "body" else basic(app, encode=sent == "encoded basic")
    if sent == "BASIC":
        headers = {"Authorization": headers["Authorization"].replace("Basic", "bASIC")}
    if sent in ("body", "basic with client_id", "basic twice"):
        form["client_id"] = app.client_id
    if sent in ("body", "basic twice"):
        form["client_secret"] = app.secret
    assert post_form(Http(), "/oauth/token", form, headers=headers).status_code == 200


@pytest.mark.covers("T26", "RF-13", "M-challenge")
def test_two_secrets_that_differ_are_refused_with_the_scheme_that_was_used(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    held = world.connect(world.alice, app, handle="acme")
    form = {"grant_type": "refresh_token", "refresh_token": held.refresh}
    for more in ({"client_id": "another"}, {"client_secret": "another"}):
        answer = post_form(Http(), "/oauth/token", form | more, headers=basic(app, encode=False))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer["WWW-Authenticate"].startswith("Basic ")
    assert app.refresh(held.refresh).status_code == 200


@pytest.mark.covers("T17", "Q8", "RF-13", "DC-12")
def test_an_unknown_client_and_a_dead_grant_are_told_apart(world: World, chatgpt: App) -> None:
    for answer in (App("no-such-client").refresh("x"), App("no-such-client").exchange("x")):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    for answer in (chatgpt.refresh("mcprt_x"), chatgpt.exchange("x")):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


# --- answers


@pytest.mark.covers("T19", "Q17", "RF-12", "M-html-errors")
def test_every_token_answer_is_json_that_nobody_keeps(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    good = chatgpt.exchange(code)
    refresh = good.json()["refresh_token"]
    answers = [
        good,
        chatgpt.refresh(refresh),
        chatgpt.refresh(refresh, resource="https://evil.example"),
        chatgpt.refresh(refresh, scope="nope"),
        chatgpt.exchange(code, resource="https://evil.example"),
        chatgpt.exchange(code),
        App("unknown").refresh(refresh),
        Http().get("/oauth/token"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 400, 400, 401, 405]
    for answer in answers:
        assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json", "no-store")
    assert set(good.json()) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}


@pytest.mark.covers("M-redirect-optional", "RF-09")
def test_the_exchange_needs_no_redirect_uri_not_even_with_several(world: World) -> None:
    app = App.register(redirect_uris=["https://a.example/cb", "https://b.example/cb"])
    app.redirect_uri = "https://b.example/cb"
    code = code_for(world, app)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": app.verifier}
    assert app.token(**form).status_code == 200


@pytest.mark.covers("RF-16", "AS-01")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_revocation_asks_for_the_clients_proof_and_is_200_for_what_it_does_not_know(world: World, method: str) -> None:
    app = App.register(token_endpoint_auth_method=method)
    held = world.connect(world.alice, app, handle="acme")
    proof = {"client_id": app.client_id} | ({"client_secret": app.secret} if app.secret else {})
    for token in ("unknown", "x" * 2000):
        assert post_form(Http(), "/oauth/revoke", proof | {"token": token}).status_code == 200
    wrong = {"client_id": app.client_id, "client_secret": "mcs_wrong", "token": held.access}
    assert post_form(Http(), "/oauth/revoke", wrong).status_code == 401
    assert world.asker.is_active(held.access)
    assert (
        post_form(
            Http(), "/oauth/revoke", proof | {"token": held.access, "token_type_hint": "refresh_token"}
        ).status_code
        == 200
    )
    assert not world.asker.is_active(held.access)


# --- the authorize URL


@pytest.mark.covers("T14", "Q7")
def test_looking_at_the_authorize_url_changes_nothing_and_may_come_first(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url()
    world.alice.open(url)
    before = (AuthorizationCode.objects.count(), Connection.objects.count(), Event.objects.count())
    for _ in range(10):
        assert Http().get(url).status_code == 302
        assert Http().head(url).status_code == 302
        assert world.alice.http.get(url).status_code == 200
    assert (AuthorizationCode.objects.count(), Connection.objects.count(), Event.objects.count()) == before


@pytest.mark.covers("Q7", "T14", "Q8")
def test_a_program_that_looks_first_learns_of_an_unknown_client_in_json(db: None) -> None:
    answer = Http().get(App("gone").authorize_url(), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.covers("M-order", "RF-14")
@pytest.mark.parametrize(
    "change", [{"client_id": "gone"}, {"redirect_uri": "https://evil.example"}, {"resource": "https://x"}]
)
def test_a_bad_request_is_answered_before_anybody_signs_in(db: None, chatgpt: App, change: dict[str, str]) -> None:
    answer = Http().get(chatgpt.authorize_url(**change))
    assert answer.status_code == 400 or "error=invalid_target" in answer["Location"]


@pytest.mark.covers("M-response-mode")
@pytest.mark.parametrize("mode", ["fragment", "form_post", "query.jwt", "web_message"])
def test_no_response_mode_but_query_is_served(world: World, chatgpt: App, mode: str) -> None:
    answer = world.alice.sign_in().http.get(chatgpt.authorize_url(response_mode=mode))
    assert answer_of(answer)["error"] == "invalid_request"
    assert world.alice.http.get(chatgpt.authorize_url(response_mode="query")).status_code == 200


@pytest.mark.covers("T15")
def test_a_whole_connection_is_a_bounded_number_of_statements(
    world: World, chatgpt: App, django_assert_max_num_queries: Any
) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    with django_assert_max_num_queries(33):
        code = answer_of(world.alice.decide(page, handle="acme"))["code"]
    with django_assert_max_num_queries(16):
        held = tokens_of(chatgpt.exchange(code))
    with django_assert_max_num_queries(20):
        chatgpt.refresh(held.refresh)
    with django_assert_max_num_queries(4):  # the first question about a credential notes that its client has it
        world.asker.ask(held.access)
    with django_assert_max_num_queries(1):
        world.asker.ask(held.access)
    assert Client.objects.get().last_used_at is not None
