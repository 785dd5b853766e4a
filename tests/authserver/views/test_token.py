"""The token endpoint as a door: what it reads, how it refuses, its headers. The stories are in flows/."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Http

from authserver import policy
from authserver.models import AccessToken, Connection
from tests.flows.changes import ask_for_code
from tests.people import GATEWAY, App, World, hosted, post_form, tokens_of

PATH = "/oauth/token"
FORM = "application/x-www-form-urlencoded"
UNKNOWN = "8f6f6a2e-0000-4000-8000-000000000000"


@pytest.fixture
def code(world: World, chatgpt: App) -> str:
    return ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")


def refused(answer: Any, error: str, status: int = 400) -> bool:
    """Tell whether this is the RFC's error body, in the RFC's headers; it never repeats what was sent."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Pragma"] == "no-cache"
    assert answer["Access-Control-Allow-Origin"] == "*"
    body = answer.json()
    assert set(body) == {"error", "error_description", "error_uri"}
    assert body["error_description"].isascii()
    assert not set('"\\') & set(body["error_description"])
    return body["error"] == error


# --- What cannot be read


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_anything_but_a_post_is_refused(db: None, method: str) -> None:
    answer = getattr(Http(enforce_csrf_checks=True), method)(f"{PATH}?grant_type=refresh_token")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "nonsense"])
def test_a_body_of_another_kind_is_refused(chatgpt: App, kind: str) -> None:
    answer = Http().post(PATH, f"grant_type=refresh_token&client_id={chatgpt.client_id}", content_type=kind)
    assert refused(answer, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=%zz",
        b"grant_type=%",
        b"grant_type=\xff",
        "grant_type=\u00e9".encode(),
        b"grant_type=%ff%fe",
        b"grant_type=refresh_token%00",
        b"grant_type=refresh_token&refresh_token=a%0bb",
        b"&".join([b"a=1"] * (policy.PARAMETER_COUNT_MAX + 1)),
        b"code=" + b"x" * (policy.PARAMETER_LENGTH_MAX + 1),
        b"code=" + b"x" * policy.FORM_BODY_BYTES_MAX,
        b"x" * 2_000_000,
        b"",
        b"nonsense",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_cannot_be_read_is_refused(chatgpt: App, body: bytes) -> None:
    assert refused(Http().post(PATH, body, content_type=FORM), "invalid_request")


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "client_id", "code_verifier", "redirect_uri", "scope", "client_secret"]
)
def test_a_parameter_given_twice_is_refused_and_uses_nothing_up(chatgpt: App, code: str, name: str) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": chatgpt.verifier,
        "redirect_uri": chatgpt.redirect_uri,
        "client_id": chatgpt.client_id,
    }
    twice = form | {name: [form.get(name, "x")] * 2}
    assert refused(post_form(chatgpt.http, PATH, twice), "invalid_request")
    assert post_form(chatgpt.http, PATH, form).status_code == 200


def test_parameters_in_the_address_are_not_read(chatgpt: App, code: str) -> None:
    query = f"grant_type=authorization_code&code={code}&code_verifier={chatgpt.verifier}&client_id={chatgpt.client_id}"
    assert refused(Http().post(f"{PATH}?{query}", "", content_type=FORM), "invalid_request")
    assert chatgpt.exchange(code).status_code == 200


# --- Which grants


@pytest.mark.parametrize(
    "grant",
    [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "AUTHORIZATION_CODE",
        "authorization_code refresh_token",
        "nonsense",
    ],
)
def test_no_other_grant_exists(world: World, chatgpt: App, grant: str) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    for each in (chatgpt, app):
        answer = each.token(grant_type=grant, username="alice@example.com", password="x", scope="links.read")
        assert refused(answer, "unsupported_grant_type")
    assert not AccessToken.objects.exists()


def test_a_request_without_a_grant_type_is_refused(chatgpt: App, code: str) -> None:
    assert refused(chatgpt.token(code=code, code_verifier=chatgpt.verifier), "invalid_request")


# --- Which clients


@pytest.mark.parametrize("client_id", [UNKNOWN, "", "x" * 4_000, "https://unknown.example/client.json"])
def test_an_unknown_client_is_told_so_with_401(chatgpt: App, code: str, client_id: str) -> None:
    assert refused(chatgpt.exchange(code, client_id=client_id), "invalid_client", 401)


def test_without_an_authorization_header_there_is_no_challenge(chatgpt: App) -> None:
    answer = chatgpt.refresh("x", client_id=UNKNOWN)
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer


def test_a_failed_basic_is_challenged_with_basic(db: None) -> None:
    answer = App(UNKNOWN, "secret").token(basic=True, grant_type="refresh_token", refresh_token="x")
    assert refused(answer, "invalid_client", 401)
    assert answer["WWW-Authenticate"] == 'Basic realm="gatehouse"'


def words(answer: Any) -> dict[str, str]:
    """Return what a refusal says, without the id of its request."""
    told: dict[str, str] = answer.json()
    assert told.pop("error_uri").endswith(f"/attempts/{answer['X-Request-Id']}")
    return told


def test_unknown_blocked_and_wrong_secret_look_the_same(world: World) -> None:
    app = App.register(token_endpoint_auth_method="client_secret_post")
    app.secret = "wrong"
    assert words(app.refresh("x")) == words(App(UNKNOWN, "wrong").refresh("x"))


# --- Which codes


@pytest.mark.parametrize("code", ["x", "A" * 49, "a" * 4_000, "mcpv1_" + "0" * 49, "%", "\u00e9"])
def test_an_unknown_code_is_refused(world: World, chatgpt: App, code: str) -> None:
    assert refused(chatgpt.exchange(code), "invalid_grant")


def test_a_missing_code_is_refused(world: World, chatgpt: App) -> None:
    assert refused(chatgpt.token(grant_type="authorization_code", code_verifier="x" * 43), "invalid_request")


@pytest.mark.parametrize("verifier", ["x" * 43, "x" * 42, "x" * 129, "\u00e9" * 43, " " * 43])
def test_a_wrong_verifier_is_refused_and_the_right_one_still_works(
    world: World, chatgpt: App, code: str, verifier: str
) -> None:
    answer = chatgpt.exchange(code, code_verifier=verifier)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_grant", "invalid_request")
    assert chatgpt.exchange(code).status_code == 200


def test_a_missing_verifier_is_refused(world: World, chatgpt: App, code: str) -> None:
    answer = chatgpt.exchange(code, code_verifier="")
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_grant", "invalid_request")


@pytest.mark.parametrize("uri", ["https://evil.example/", "https://chatgpt.com/connector/oauth/abc/", "x"])
def test_another_redirect_uri_is_refused_and_the_right_one_still_works(chatgpt: App, code: str, uri: str) -> None:
    assert refused(chatgpt.exchange(code, redirect_uri=uri), "invalid_grant")
    assert chatgpt.exchange(code).status_code == 200


@pytest.mark.parametrize("resource", [hosted("acme"), "https://evil.example/mcp", f"{GATEWAY}/", "x"])
def test_another_resource_is_refused_and_the_right_one_still_works(chatgpt: App, code: str, resource: str) -> None:
    assert refused(chatgpt.exchange(code, resource=resource), "invalid_target")
    assert chatgpt.exchange(code, resource=GATEWAY).status_code == 200


def test_every_dead_code_is_refused_in_the_same_words(world: World, chatgpt: App, code: str) -> None:
    foreign = App.register("Other")
    foreign.verifier = chatgpt.verifier
    said = [words(foreign.exchange(code)), words(chatgpt.exchange("unknown"))]
    chatgpt.exchange(code)
    said.append(words(chatgpt.exchange(code)))
    assert said[0] == said[1] == said[2]


def test_a_code_used_twice_ends_what_it_brought(world: World, chatgpt: App, code: str) -> None:
    held = tokens_of(chatgpt.exchange(code))
    assert world.asker.is_active(held.access)
    assert refused(chatgpt.exchange(code), "invalid_grant")
    assert not world.asker.is_active(held.access)
    assert Connection.objects.get().end_reason == "code_replay"


# --- Yes


def test_the_answer_is_exactly_this(world: World, chatgpt: App, code: str) -> None:
    answer = chatgpt.exchange(code)
    body = answer.json()
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Set-Cookie" not in answer
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "mcp.connect links.read")
    assert body["access_token"].startswith("mcpv1_")
    assert body["refresh_token"].startswith("mcprt_")


def test_a_person_s_session_plays_no_part(world: World, chatgpt: App, code: str) -> None:
    chatgpt.http = world.bob.sign_in().http
    held = tokens_of(chatgpt.exchange(code))
    assert world.asker.knows(held.access)["username"] == "alice@example.com"


def test_no_csrf_token_is_needed(chatgpt: App, code: str) -> None:
    chatgpt.http = Http(enforce_csrf_checks=True)
    assert chatgpt.exchange(code).status_code == 200


def test_a_verifier_of_the_greatest_length_works(world: World, chatgpt: App) -> None:
    chatgpt.verifier = ("aZ0-._~" * 19)[:128]
    code = ask_for_code(world.alice, chatgpt, GATEWAY, handle="acme")
    assert chatgpt.exchange(code).status_code == 200


@pytest.mark.parametrize("path", [PATH, "/oauth/revoke"])
def test_a_preflight_is_answered_for_any_origin(db: None, path: str) -> None:
    asked = {
        "origin": "http://localhost:6274",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,mcp-protocol-version",
    }
    answer = Http().options(path, headers=asked)
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    allowed = {name.strip().lower() for name in answer["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "mcp-protocol-version"} <= allowed
    assert "Access-Control-Allow-Credentials" not in answer
