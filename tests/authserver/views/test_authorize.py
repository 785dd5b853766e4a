"""The authorization endpoint as a door: what is refused where, methods, headers, no side effects. The stories are in
flows/; the words of the page are in test_consent_page.py."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import AuthorizationCode, Connection, Event
from tests.flows.changes import set_client
from tests.people import CALLBACK, App, World, answer_of, field_value

JSON = {"accept": "application/json"}
HTML = {"accept": "text/html"}
PAGE_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def policy_of(answer: Any) -> dict[str, str]:
    """Return the Content-Security-Policy of an answer, by directive."""
    parts = [part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


def error_of(answer: Any) -> dict[str, str]:
    """Return what a redirect tells the client, which is an error with its `iss`."""
    assert answer["Location"].startswith(f"{CALLBACK}?")
    told = answer_of(answer)
    assert told["iss"] == "http://127.0.0.1:8000"
    assert "code" not in told
    return told


# --- No, on a page of ours: client or redirect URI are not to be trusted

UNTRUSTED: dict[str, tuple[dict[str, str | None], str]] = {
    "unknown client": ({"client_id": "8f6f6a2e-0000-4000-8000-000000000000"}, "invalid_client"),
    "no client": ({"client_id": None}, "invalid_request"),
    "client that is no text for a database": ({"client_id": "a\x00b"}, "invalid_request"),
    "client of endless length": ({"client_id": "x" * 4_000}, "invalid_client"),
    "other callback": ({"redirect_uri": "https://evil.example/"}, "invalid_redirect_uri"),
    "callback with more path": ({"redirect_uri": f"{CALLBACK}/x"}, "invalid_redirect_uri"),
    "callback with a query": ({"redirect_uri": f"{CALLBACK}?x=1"}, "invalid_redirect_uri"),
    "callback in other case": (
        {"redirect_uri": CALLBACK.replace("chatgpt.com", "CHATGPT.com")},
        "invalid_redirect_uri",
    ),
    "callback with a port": ({"redirect_uri": CALLBACK.replace(".com", ".com:443")}, "invalid_redirect_uri"),
    "callback with a user": ({"redirect_uri": CALLBACK.replace("https://", "https://x@")}, "invalid_redirect_uri"),
    "callback without tls": ({"redirect_uri": CALLBACK.replace("https", "http")}, "invalid_redirect_uri"),
    "callback that is no address": ({"redirect_uri": "nonsense"}, "invalid_request"),
    "control character": ({"state": "a\x07b"}, "invalid_request"),
    "value without end": ({"state": "x" * (policy.PARAMETER_LENGTH_MAX + 1)}, "invalid_request"),
}


@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_request_that_is_not_to_be_trusted_never_redirects(world: World, chatgpt: App, name: str) -> None:
    parameters, code = UNTRUSTED[name]
    page = Http(headers=HTML).get(chatgpt.authorize_url(**parameters))
    assert page.status_code == 400
    assert page["Content-Type"].startswith("text/html")
    assert "Location" not in page
    assert page["X-Request-Id"] in page.content.decode()
    assert "evil.example" not in page.content.decode()
    told = Http(headers=JSON).get(chatgpt.authorize_url(**parameters))
    assert (told.status_code, told.json()["error"]) == (400, code)


def test_the_same_as_json_for_a_program(chatgpt: App) -> None:
    answer = Http(headers=JSON).get(chatgpt.authorize_url(client_id="unknown"))
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description", "error_uri", "request_id"}
    assert answer.json()["request_id"] == answer["X-Request-Id"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("application/json, text/plain", "application/json"),
        ("text/html,application/xhtml+xml,application/json", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
    ],
)
def test_programs_get_json_and_browsers_a_page(chatgpt: App, accept: str, kind: str) -> None:
    answer = Http().get(chatgpt.authorize_url(client_id="unknown"), headers={"accept": accept})
    assert answer["Content-Type"].startswith(kind)


@pytest.mark.parametrize(
    "query", ["", "%", "client_id=%zz", "client_id=a&client_id=b", "\u00e9", "&" * 60, "a=1&" * 60]
)
def test_a_query_that_cannot_be_read_is_refused(db: None, query: str) -> None:
    answer = Http(headers=JSON).get(f"/oauth/authorize?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "scope", "code_challenge", "response_type"])
def test_a_parameter_given_twice_is_refused(chatgpt: App, name: str) -> None:
    value = parse_qs(urlsplit(chatgpt.authorize_url(scope="links.read")).query)[name][0]
    answer = Http(headers=JSON).get(f"{chatgpt.authorize_url(scope='links.read')}&{name}={value}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_blocked_client_is_told_so_and_not_to_register_again(chatgpt: App) -> None:
    set_client(chatgpt, is_active=False)
    answer = Http(headers=JSON).get(chatgpt.authorize_url())
    assert (answer.status_code, answer.json()["error"]) == (403, "client_blocked")


# --- No, told to the client

TOLD: dict[str, tuple[dict[str, str | None], str]] = {
    "no response type": ({"response_type": None}, "invalid_request"),
    "token": ({"response_type": "token"}, "unsupported_response_type"),
    "code token": ({"response_type": "code token"}, "unsupported_response_type"),
    "id_token": ({"response_type": "id_token"}, "unsupported_response_type"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "no method, which means plain": ({"code_challenge_method": None}, "invalid_request"),
    "unknown method": ({"code_challenge_method": "S512"}, "invalid_request"),
    "short challenge": ({"code_challenge": "a"}, "invalid_request"),
    "challenge with padding": ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
    "unknown resource": ({"resource": "https://evil.example/mcp"}, "invalid_target"),
    "resource with a slash more": ({"resource": "http://127.0.0.1:8001/mcp/"}, "invalid_target"),
    "resource with a fragment": ({"resource": "http://127.0.0.1:8001/mcp#x"}, "invalid_target"),
    "resource with a query": ({"resource": "http://127.0.0.1:8001/mcp?x"}, "invalid_target"),
    "resource that is none": ({"resource": "mcp"}, "invalid_target"),
    "fragment mode": ({"response_mode": "fragment"}, "invalid_request"),
    "form mode": ({"response_mode": "form_post"}, "invalid_request"),
    "request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "request address": ({"request_uri": "https://x.example/r"}, "request_uri_not_supported"),
    "no known scope": ({"scope": "openid profile"}, "invalid_scope"),
    "nobody there, and none may be asked": ({"prompt": "none"}, "login_required"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_with_the_rest_is_told_the_client_before_anybody_signs_in(
    world: World, chatgpt: App, name: str
) -> None:
    parameters, code = TOLD[name]
    answer = Http(headers=HTML).get(chatgpt.authorize_url(**parameters))
    told = error_of(answer)
    assert (told["error"], told["state"]) == (code, "state-1")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"


def test_an_error_without_a_state_brings_none(world: World, chatgpt: App) -> None:
    told = error_of(Http().get(chatgpt.authorize_url(state=None, response_type="token")))
    assert set(told) == {"error", "error_description", "error_uri", "iss"}


def test_two_resources_are_refused_and_one_named_twice_is_one(world: World, chatgpt: App) -> None:
    twice = Http().get(f"{chatgpt.authorize_url()}&resource=HTTP://127.0.0.1:8001/mcp")
    assert twice["Location"].startswith("/accounts/login/")
    two = Http().get(f"{chatgpt.authorize_url()}&resource=http://127.0.0.1:8001/other/mcp")
    assert error_of(two)["error"] == "invalid_target"


def test_an_error_description_is_plain_text_that_repeats_nothing(world: World, chatgpt: App) -> None:
    for parameters, _ in TOLD.values():
        told = error_of(Http().get(chatgpt.authorize_url(**parameters)))
        assert told["error_description"].isascii()
        assert not set('"\\<') & set(told["error_description"])
        assert "evil" not in told["error_description"]


# --- Methods


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused(chatgpt: App, method: str) -> None:
    answer = getattr(Http(), method)(chatgpt.authorize_url())
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST"


@pytest.mark.parametrize("method", ["get", "options", "post"])
def test_no_script_of_another_origin_may_read_it(world: World, chatgpt: App, method: str) -> None:
    origin = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    answer = getattr(world.alice.sign_in().http, method)(chatgpt.authorize_url(), headers=origin)
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


def test_a_form_from_another_site_is_refused(world: World, chatgpt: App) -> None:
    signed = field_value(world.alice.open(chatgpt.authorize_url()).content.decode(), "request")
    strict = Http(enforce_csrf_checks=True, headers=HTML)
    strict.cookies = world.alice.http.cookies
    form = {"request": signed, "decision": "allow", "handle": "acme"}
    answer = strict.post("/oauth/authorize", form, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer["X-Request-Id"] in answer.content.decode()
    assert not Connection.objects.exists()


def test_parameters_in_a_posted_body_are_no_request(world: World, chatgpt: App) -> None:
    query = {name: values[0] for name, values in parse_qs(urlsplit(chatgpt.authorize_url()).query).items()}
    assert world.alice.sign_in().http.post("/oauth/authorize", query).status_code == 400


def test_parameters_beside_the_form_are_not_believed(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    wrong = {"client_id": "x", "redirect_uri": "https://evil.example/", "state": "evil", "code_challenge": "x" * 43}
    answer = world.alice.decide(page, handle="acme", **wrong)
    assert answer["Location"].startswith(f"{CALLBACK}?")
    assert answer_of(answer)["state"] == "state-1"
    assert AuthorizationCode.objects.get().code_challenge == chatgpt.challenge


# --- No side effects


def test_looking_leaves_nothing_behind(world: World, chatgpt: App) -> None:
    world.alice.sign_in()
    before = Event.objects.count()
    for _ in range(3):
        for browser in (world.alice.http, Http(), Http(headers=JSON)):
            assert browser.get(chatgpt.authorize_url()).status_code in (200, 302)
            assert browser.head(chatgpt.authorize_url()).status_code in (200, 302)
    assert Event.objects.count() == before
    assert not Connection.objects.exists()
    assert not AuthorizationCode.objects.exists()


def test_a_hundred_looks_a_minute_are_not_too_many(chatgpt: App) -> None:
    assert {Http().get(chatgpt.authorize_url()).status_code for _ in range(100)} == {302}


def test_somebody_who_has_not_signed_in_is_sent_to_do_so_with_the_whole_request(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url(state="a&b=c%20+d", scope="links.read")
    login = Http().get(url)["Location"]
    assert urlsplit(login).path == "/accounts/login/"
    assert parse_qs(urlsplit(login).query)["next"] == [url]


# --- Headers


def test_the_page_has_the_headers_of_the_flow(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    found = policy_of(page)
    assert found.pop("form-action") == "'self' https://chatgpt.com"
    assert {name: found.get(name) for name in PAGE_POLICY} == PAGE_POLICY
    assert "unsafe" not in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"
    assert page["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert page["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert page["Cache-Control"] == "no-store"
    assert page["X-Robots-Tag"] == "noindex"
    assert page["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("callback", "allowed"),
    [
        ("https://claude.ai/api/mcp/auth_callback", "https://claude.ai"),
        ("https://a.example:8443/cb", "https://a.example:8443"),
        ("http://127.0.0.1:33418/callback", "http://127.0.0.1:33418"),
        ("http://localhost:8080/callback", "http://localhost:8080"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor:"),
        ("vscode://vscode.github-authentication/did-authenticate", "vscode:"),
    ],
)
def test_the_form_may_be_answered_where_the_client_is(world: World, callback: str, allowed: str) -> None:
    app = App.register("X", callback)
    assert policy_of(world.alice.open(app.authorize_url()))["form-action"] == f"'self' {allowed}"
    again = world.alice.decide(world.alice.open(app.authorize_url()))
    assert policy_of(again)["form-action"] == f"'self' {allowed}"


@pytest.mark.parametrize(
    "callback", ["http://[::1]:33418/callback", "http://[::1]/callback", "https://[2001:db8::7]/cb"]
)
def test_an_answer_to_an_address_that_a_policy_cannot_name_is_let_through_all_the_same(
    world: World, callback: str
) -> None:
    allowed = policy_of(world.alice.open(App.register("X", callback).authorize_url()))["form-action"]
    assert "[" not in allowed
    assert allowed != "'self'"


def test_an_error_page_lets_no_form_out(chatgpt: App) -> None:
    page = Http(headers=HTML).get(chatgpt.authorize_url(redirect_uri="https://evil.example/"))
    assert policy_of(page)["form-action"] == "'self'"
    assert page["Cache-Control"] == "no-store"
    assert page["X-Frame-Options"] == "DENY"


def test_the_answer_is_a_302_that_nobody_keeps(world: World, chatgpt: App) -> None:
    answer = world.alice.decide(world.alice.open(chatgpt.authorize_url()), handle="acme")
    assert answer.status_code == 302
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert set(answer_of(answer)) == {"code", "state", "iss"}
    assert answer_of(answer)["iss"] == "http://127.0.0.1:8000"
