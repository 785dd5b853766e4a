"""Clients as they are: public and confidential, with one callback or several, old and new."""

from __future__ import annotations

import base64
from urllib.parse import quote, urlsplit

import pytest

from tests.people import CALLBACK, GATEWAY, READS, App, World, answer_of, hosted, post_form, tokens_of

METHODS = ["client_secret_basic", "client_secret_post"]


def basic(name: str, secret: str, *, encode: bool) -> dict[str, str]:
    pair = ":".join(quote(part, safe="") if encode else part for part in (name, secret))
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def percent_encode_all(text: str) -> str:
    """Percent-encode every character, as a client is free to."""
    return "".join(f"%{ord(each):02x}" for each in text)


def code_for(world: World, app: App, **parameters: str | None) -> str:
    page = world.alice.open(app.authorize_url(**{"resource": hosted("acme"), "scope": READS} | parameters))
    return answer_of(world.alice.decide(page))["code"]


def exchange_form(app: App, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": app.verifier,
        "redirect_uri": app.redirect_uri,
    }


# --- Confidential clients: no


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("secret", [None, "", "wrong", "mcs_" + "0" * 49])
def test_a_confidential_client_without_its_secret_is_refused(world: World, method: str, secret: str | None) -> None:
    app = App.register(token_endpoint_auth_method=method)
    code, right = code_for(world, app), app.secret
    app.secret = secret
    answer = app.exchange(code)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    app.secret = right
    assert world.asker.is_active(tokens_of(app.exchange(code)).access)


def test_a_wrong_secret_in_the_header_is_challenged_with_the_scheme_that_was_used(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    headers = basic(app.client_id, "wrong", encode=False)
    answer = post_form(app.http, "/oauth/token", exchange_form(app, code_for(world, app)), headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic ")


def test_two_secrets_that_differ_are_refused(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    form = exchange_form(app, code_for(world, app)) | {"client_secret": "another"}
    headers = basic(app.client_id, app.secret or "", encode=False)
    assert post_form(app.http, "/oauth/token", form, headers=headers).status_code == 401


def test_a_header_of_one_client_and_a_body_of_another_are_refused(world: World, chatgpt: App) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    form = exchange_form(app, code_for(world, app)) | {"client_id": chatgpt.client_id}
    headers = basic(app.client_id, app.secret or "", encode=False)
    assert post_form(app.http, "/oauth/token", form, headers=headers).status_code == 401


def test_a_public_client_that_presents_a_secret_is_refused(world: World, chatgpt: App) -> None:
    code = code_for(world, chatgpt)
    answer = chatgpt.exchange(code, client_secret="mcs_" + "0" * 49)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_one_confidential_client_cannot_use_the_code_of_another(world: World) -> None:
    mine, other = (App.register(token_endpoint_auth_method="client_secret_post") for _ in range(2))
    code = code_for(world, mine)
    other.verifier = mine.verifier
    assert other.exchange(code).json()["error"] == "invalid_grant"
    assert world.asker.is_active(tokens_of(mine.exchange(code)).access)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Bearer x", "Basic Og=="]
)
def test_a_header_that_says_nothing_is_refused(world: World, header: str) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    form = exchange_form(app, code_for(world, app))
    answer = post_form(app.http, "/oauth/token", form, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# --- Confidential clients: yes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", ["header", "header percent-encoded", "form", "header and client_id in the form"])
def test_a_secret_is_taken_from_header_or_form_whichever_was_registered(world: World, method: str, way: str) -> None:
    app = App.register(token_endpoint_auth_method=method)
    form = exchange_form(app, code_for(world, app))
    headers = basic(app.client_id, app.secret or "", encode="encoded" in way) if "header" in way else {}
    if way == "form":
        form |= {"client_id": app.client_id, "client_secret": app.secret or ""}
    if "client_id" in way:
        form |= {"client_id": app.client_id}
    assert tokens_of(post_form(app.http, "/oauth/token", form, headers=headers)).scope == READS


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_every_character_of_a_header_may_be_percent_encoded(world: World, scheme: str) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    pair = f"{percent_encode_all(app.client_id)}:{percent_encode_all(app.secret or '')}"
    headers = {"Authorization": f"{scheme} {base64.b64encode(pair.encode()).decode()}"}
    answer = post_form(app.http, "/oauth/token", exchange_form(app, code_for(world, app)), headers=headers)
    assert tokens_of(answer).scope == READS


@pytest.mark.parametrize("method", METHODS)
def test_a_confidential_client_refreshes_and_disconnects(world: World, method: str) -> None:
    app = App.register(token_endpoint_auth_method=method)
    held = tokens_of(app.exchange(code_for(world, app)))
    by_header = tokens_of(app.token(basic=True, grant_type="refresh_token", refresh_token=held.refresh or ""))
    by_form = tokens_of(app.refresh(by_header.refresh))
    headers = basic(app.client_id, app.secret or "", encode=False)
    assert post_form(app.http, "/oauth/revoke", {"token": by_form.access}, headers=headers).status_code == 200
    assert not world.asker.is_active(held.access)


def test_a_public_client_may_name_itself_in_a_header_with_an_empty_secret(world: World, chatgpt: App) -> None:
    headers = basic(chatgpt.client_id, "", encode=False)
    form = exchange_form(chatgpt, code_for(world, chatgpt))
    assert tokens_of(post_form(chatgpt.http, "/oauth/token", form, headers=headers)).scope == READS


# --- Callbacks

CURSOR = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
]


def with_callbacks(*uris: str) -> App:
    return App.register("Cursor", uris[0], redirect_uris=list(uris))


@pytest.mark.parametrize("callback", CURSOR)
def test_each_of_cursor_s_mixed_callbacks_works(world: World, callback: str) -> None:
    app = with_callbacks(*CURSOR)
    assert app.registration["redirect_uris"] == CURSOR
    app.redirect_uri = callback
    page = world.alice.open(app.authorize_url(hosted("acme"), scope=READS))
    answer = world.alice.decide(page)
    assert answer["Location"].partition("?")[0] == callback
    assert tokens_of(app.exchange(answer_of(answer)["code"])).scope == READS


def test_a_client_with_several_callbacks_has_to_name_one(world: World) -> None:
    page = world.alice.open(with_callbacks(*CURSOR).authorize_url(redirect_uri=None))
    assert page.status_code == 400


def test_a_client_with_one_callback_need_not_name_it(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), redirect_uri=None))
    answer = world.alice.decide(page)
    assert answer["Location"].startswith(f"{CALLBACK}?")
    assert chatgpt.exchange(answer_of(answer)["code"]).status_code == 200


def test_the_callback_at_the_exchange_has_to_be_the_one_of_the_request(world: World) -> None:
    app = with_callbacks(CALLBACK, f"{CALLBACK}/other")
    code = code_for(world, app)
    assert app.exchange(code, redirect_uri=f"{CALLBACK}/other").json()["error"] == "invalid_grant"


def test_the_callback_may_be_left_out_at_the_exchange(world: World) -> None:
    app = with_callbacks(CALLBACK, f"{CALLBACK}/other")
    assert tokens_of(app.exchange(code_for(world, app), redirect_uri="")).scope == READS


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_callback_on_this_computer_works_at_any_port(world: World, host: str) -> None:
    app = App.register("Claude Code", f"http://{host}/callback")
    app.redirect_uri = f"http://{host}:53211/callback"
    page = world.alice.open(app.authorize_url(hosted("acme"), scope=READS))
    answer = world.alice.decide(page)
    assert urlsplit(answer["Location"]).netloc == f"{host}:53211"
    assert tokens_of(app.exchange(answer_of(answer)["code"])).scope == READS


def test_a_callback_with_a_query_of_its_own_keeps_it(world: World) -> None:
    app = App.register("Zapier", "https://zapier.example/cb?team=7")
    page = world.alice.open(app.authorize_url(hosted("acme")))
    answer = world.alice.decide(page)
    assert answer["Location"].startswith("https://zapier.example/cb?team=7&code=")
    assert answer_of(answer)["team"] == "7"


# --- Clients of other years


def test_a_client_of_2025_03_26_that_names_no_resource_is_taken_to_the_gateway(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, resource=None, handle="acme")
    known = world.asker.knows(held.access)
    assert (known["aud"], known["handle"]) == (GATEWAY, "acme")
    assert world.asker.knows(tokens_of(chatgpt.refresh(held.refresh)).access)["aud"] == GATEWAY


def test_a_client_that_names_a_resource_only_at_the_exchange_gets_the_gateway_or_nothing(
    world: World, chatgpt: App
) -> None:
    page = world.alice.open(chatgpt.authorize_url(None))
    code = answer_of(world.alice.decide(page, handle="acme"))["code"]
    answer = chatgpt.exchange(code, resource=hosted("acme"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert chatgpt.exchange(code, resource=GATEWAY).status_code == 200


@pytest.mark.parametrize("scope", [None, ""])
def test_a_client_that_names_no_scope_asks_for_all_and_gets_what_a_person_leaves_ticked(
    world: World, chatgpt: App, scope: str | None
) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=scope))
    assert "The app did not say what it needs." in page.content.decode()
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page))["code"]))
    assert "links.write" in held.scope
    assert "webhooks.write" not in held.scope
    assert "offline_access" not in held.scope


def test_scopes_that_do_not_exist_are_passed_over_while_one_does(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"), scope="openid email links.read links:all")
    assert held.scope == "mcp.connect links.read"


def test_a_request_for_nothing_that_exists_is_refused_at_the_callback(world: World, chatgpt: App) -> None:
    answer = answer_of(world.alice.http.get(chatgpt.authorize_url(scope="openid email")))
    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_scope", "state-1", "http://127.0.0.1:8000")


def test_a_client_that_names_its_method_nowhere_is_public_and_told_so(world: World) -> None:
    app = App.register(token_endpoint_auth_method=None)
    assert app.registration["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in app.registration
    assert tokens_of(app.exchange(code_for(world, app))).scope == READS
