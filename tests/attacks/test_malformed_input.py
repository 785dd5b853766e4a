"""Input that is none: a clear refusal, never a 500, at every place that takes text. (Thousands more are made up in
test_random_requests.py; those here each broke some server.)"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client as Http

from authserver.models import Connection
from tests.people import CALLBACK, App, World, field_value

FORM = "application/x-www-form-urlencoded"
BROKEN = ["%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80", "%", "%2", "%zz", "%u0041", "%0c", "%7f", "%1b[31m"]
ODD = ["\u2028", "\ufffe", "\U0010ffff", "\u0301", "\u202e", "İ", "ß", "💥"]


def named(values: dict[str, str], name: str, raw: str) -> str:
    """Return an urlencoded query in which one parameter is spelled exactly so."""
    return "&".join(f"{key}={raw if key == name else quote(value, safe='')}" for key, value in values.items())


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize("raw", BROKEN)
def test_broken_text_in_an_authorization_request_is_a_page_of_ours(world: World, chatgpt: App, raw: str) -> None:
    good = {
        "client_id": chatgpt.client_id,
        "redirect_uri": CALLBACK,
        "state": "s",
        "scope": "mcp.connect",
        "resource": "x",
        "code_challenge": chatgpt.challenge,
        "response_type": "code",
        "prompt": "none",
        "x": "y",
    }
    for name in good:
        answer = Http().get("/oauth/authorize", QUERY_STRING=named(good, name, raw))
        assert (answer.status_code, "Location" in answer) == (400, False), name


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize("raw", BROKEN)
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_broken_text_in_a_form_is_refused(db: None, path: str, raw: str) -> None:
    good = dict.fromkeys(("client_id", "client_secret", "code", "refresh_token", "scope", "token"), "x")
    good["grant_type"] = "refresh_token"
    for name in good:
        body = named(good, name, raw)
        answer = Http().post(path, body, content_type=FORM, headers={"Authorization": "Basic Og=="})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), name


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize("text", ODD)
def test_odd_but_whole_characters_are_compared_like_any_other(world: World, chatgpt: App, text: str) -> None:
    for name in ("client_id", "redirect_uri"):
        assert Http().get(chatgpt.authorize_url(**{name: text})).status_code == 400
    for name in ("scope", "resource"):
        assert Http().get(chatgpt.authorize_url(**{name: text})).status_code == 302
    assert Http().get(chatgpt.authorize_url(state=text, login_hint=text, prompt=text)).status_code == 302
    for name, error in (("code", "invalid_grant"), ("code_verifier", "invalid_grant"), ("client_id", "invalid_client")):
        form = {"grant_type": "authorization_code", "code": "x", "code_verifier": chatgpt.verifier, name: text}
        assert chatgpt.token(**form).json()["error"] == error
    assert chatgpt.refresh(text).json()["error"] == "invalid_grant"
    assert chatgpt.revoke(text).status_code == 200
    assert world.asker.knows(text) == {"active": False}


@pytest.mark.covers("M-nul", "DC-08")
@pytest.mark.parametrize(
    "value",
    ["null", "1", "true", "{}", "[]", "[[]]", '"\\u0000"', '"\\ud800"', '"\\udc00x"', '"\\uffff"', "1e999", "NaN"],
)
def test_members_of_another_type_or_text_are_refused_or_left_out(db: None, value: str) -> None:
    for member in ("client_name", "scope", "client_uri", "software_id", "token_endpoint_auth_method", "contacts"):
        body = f'{{"redirect_uris": ["{CALLBACK}"], "{member}": {value}}}'
        answer = Http().post("/oauth/register", body, content_type="application/json")
        assert answer.status_code in (201, 400)
        if answer.status_code == 400:
            assert answer.json()["error"] == "invalid_client_metadata"
        else:
            assert answer.json()["client_name"]


@pytest.mark.covers("M-nul", "DC-04")
def test_a_body_with_every_member_broken_names_one_cause(db: None) -> None:
    body = json.dumps({"redirect_uris": [CALLBACK], "client_name": {}, "scope": [], "grant_types": 5})
    answer = Http().post("/oauth/register", body, content_type="application/json")
    assert set(answer.json()) == {"error", "error_description", "error_uri"}
    assert answer.json()["error_description"].isascii()


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * 10_000, "💥", "", "../../etc/passwd", "%00"])
def test_broken_text_on_the_sign_in_page_is_a_page(world: World, value: str) -> None:
    body = urlencode({"login": value, "password": value, "next": value}, errors="surrogatepass")
    answer = world.alice.http.post("/accounts/login/", body, content_type=FORM)
    assert answer.status_code == 200
    answer = world.alice.http.post("/accounts/switch-account", body, content_type=FORM)
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * 10_000, "💥"])
def test_broken_text_on_the_consent_page_grants_nothing(world: World, chatgpt: App, value: str) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    request = field_value(page.content.decode(), "request")
    for form in (
        {"request": value, "decision": "allow", "handle": "acme"},
        {"request": request, "decision": value, "handle": "acme"},
        {"request": request, "decision": "allow", "handle": value},
        {"request": request, "decision": "allow", "handle": "acme", value: value, "scope": [value, "mcp.connect"]},
    ):
        answer = world.alice.http.post("/oauth/authorize", urlencode(form, doseq=True, errors="surrogatepass"), FORM)
        granted = form.get("scope") is not None
        assert answer.status_code == (302 if granted else 400 if form["request"] == value else 200)
    assert Connection.objects.get().scopes == "mcp.connect"


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize(
    "session",
    [
        '"aaaaaaaaaaaa\\000"',
        '"aaaaaaaaaaaa\\355\\240\\200"',
        "x" * 4000,
        '"',
        "\xff" * 40,
    ],
)
def test_a_broken_session_cookie_is_no_session(chatgpt: App, session: str) -> None:
    http = Http(headers={"accept": "text/html"})
    for path in (chatgpt.authorize_url(), "/connections", "/accounts/login/"):
        answer = http.get(path, HTTP_COOKIE=f"session={session}; csrf={session}; messages={session}")
        assert answer.status_code in (200, 302)


@pytest.mark.covers("M-nul")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "evil.example"),
        ("Host", "a b"),
        ("Host", "127.0.0.1:x"),
        ("X-Forwarded-For", "not an address, \x01"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Request-Id", "a\r\nSet-Cookie: x=1"),
        ("X-Request-Id", "x" * 5000),
        ("Accept", "\x00"),
        ("Accept-Language", "x" * 5000),
        ("Content-Length", "x"),
        ("Content-Length", "-1"),
        ("Cookie", "=;;\x00"),
        ("Origin", "null"),
        ("Authorization", "Basic"),
        ("Authorization", "Bearer \xff"),
        ("Script-Name", "/evil"),
    ],
)
def test_a_broken_header_is_no_fault_and_leaves_no_trace(db: None, name: str, value: str) -> None:
    paths = ("/oauth/token", "/oauth/register", "/oauth/authorize", "/connections", "/")
    for method, path in [(method, path) for method in ("GET", "POST") for path in paths]:
        answer = Http().generic(method, path, headers={name: value})
        assert answer.status_code < 500
        assert "evil" not in answer.headers.get("Location", "") + answer.content.decode()
        assert len(answer["X-Request-Id"]) <= 36 if answer.has_header("X-Request-Id") else True


@pytest.mark.covers("T13", "M-paths")
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/",
        "/.well-known/oauth-authorization-server/x",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/../admin",
        "/.well-known/%00",
        "/.well-known/%ff",
        "/.well-known/a%0ab",
        "/.well-known/" + "x" * 5000,
    ],
)
def test_every_other_well_known_document_is_a_small_404(db: None, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        answer = Http(enforce_csrf_checks=True).generic(method, path, headers={"accept": "text/html"})
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
        assert len(answer.content) < 200
        assert "Location" not in answer


@pytest.mark.covers("M-paths")
@pytest.mark.parametrize(
    "path", ["/oauth/token/", "/oauth/authorize/", "/oauth/x", "/oauth", "/o/token", "/nothing", "/%00"]
)
def test_a_path_that_does_not_exist_is_not_redirected(db: None, path: str) -> None:
    for accept in ("text/html", "application/json"):
        answer: Any = Http(headers={"accept": accept}).get(path)
        assert answer.status_code == 404
        assert accept in answer["Content-Type"]
