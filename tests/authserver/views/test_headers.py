"""The headers of each kind of answer (screens, section 7): pages of a flow, other pages, machine endpoints, metadata,
cookies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Http

from tests.people import PASSWORD, App, World, field_value, post_form

HTML = {"accept": "text/html"}
Door = Callable[[World, App], Any]

FLOW: dict[str, Door] = {
    "consent": lambda world, app: world.alice.open(app.authorize_url()),
    "consent, asked again": lambda world, app: world.alice.decide(world.alice.open(app.authorize_url())),
    "no handle": lambda world, app: world.carol.open(app.authorize_url()),
    "sign-in": lambda world, app: Http(headers=HTML).get(world.alice.http.get(app.authorize_url())["Location"]),
    "dead end": lambda world, app: world.alice.open(app.authorize_url(client_id="unknown")),
}
PAGES: dict[str, Door] = {
    "start page": lambda world, app: Http(headers=HTML).get("/"),
    "sign-in": lambda world, app: Http(headers=HTML).get("/accounts/login/"),
    "connected apps": lambda world, app: world.alice.sign_in().http.get("/connections"),
    "handles": lambda world, app: world.alice.sign_in().http.get("/handles"),
    "handle": lambda world, app: world.alice.sign_in().http.get("/handles/acme/clients"),
    "account": lambda world, app: world.alice.sign_in().http.get("/accounts/password/change/"),
    "question": lambda world, app: world.alice.sign_in().http.post("/connections/all/disconnect"),
}
MACHINES: dict[str, Door] = {
    "registered": lambda world, app: Http().post(
        "/oauth/register", '{"redirect_uris": ["https://a.example/cb"]}', content_type="application/json"
    ),
    "not registered": lambda world, app: Http().post("/oauth/register", "x", content_type="application/json"),
    "not managed": lambda world, app: Http().get(f"/oauth/register/{app.client_id}"),
    "token": lambda world, app: app.refresh("x"),
    "no token": lambda world, app: Http().get("/oauth/token"),
    "revoked": lambda world, app: app.revoke("x"),
    "introspected": lambda world, app: world.asker.ask("x"),
    "not introspected": lambda world, app: post_form(Http(), "/oauth/introspect", {"token": "x"}),
    "refused as JSON": lambda world, app: Http(headers={"accept": "application/json"}).get("/oauth/authorize"),
}
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)")
STRICT = {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"}


def policy(answer: Any) -> set[str]:
    return {part.strip() for part in answer["Content-Security-Policy"].split(";")}


@pytest.mark.parametrize("name", FLOW)
def test_a_page_of_a_flow_cannot_be_framed_kept_indexed_or_cut_from_its_opener(
    world: World, chatgpt: App, name: str
) -> None:
    answer = FLOW[name](world, chatgpt)
    assert answer["Content-Type"].startswith("text/html")
    assert policy(answer) >= STRICT | {"script-src 'self'", "style-src 'self'"}
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert answer["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", PAGES)
def test_another_page_cannot_be_framed_and_stays_apart_from_its_opener(world: World, chatgpt: App, name: str) -> None:
    answer = PAGES[name](world, chatgpt)
    assert answer.status_code == 200
    assert policy(answer) >= STRICT | {"form-action 'self'"}
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("name", [*FLOW, *PAGES])
def test_no_page_runs_or_loads_what_is_not_ours(world: World, chatgpt: App, name: str) -> None:
    answer = (FLOW | PAGES)[name](world, chatgpt)
    html = answer.content.decode()
    assert "unsafe-" not in answer["Content-Security-Policy"]
    assert "javascript:" not in html
    assert not INLINE.search(html)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_endpoint_answers_json_that_nobody_keeps_or_runs(world: World, chatgpt: App, name: str) -> None:
    answer = MACHINES[name](world, chatgpt)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in policy(answer)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


def test_metadata_may_be_read_anywhere_and_kept_for_a_while(db: None) -> None:
    answer = Http().get("/.well-known/oauth-authorization-server")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "max-age" in answer["Cache-Control"]


# --- Cookies


def test_looking_sets_no_session(world: World, chatgpt: App) -> None:
    for path in ("/", "/livez", "/.well-known/oauth-authorization-server", chatgpt.authorize_url()):
        assert "session" not in Http(headers=HTML).get(path).cookies, path


def test_cookies_are_hidden_from_scripts_and_from_other_sites(world: World) -> None:
    browser = Http(headers=HTML)
    page = browser.get("/accounts/login/")
    form = {"login": "alice@example.com", "password": PASSWORD}
    answer = browser.post("/accounts/login/", form)
    assert field_value(page.content.decode(), "csrfmiddlewaretoken")
    cookies = {name: morsel for each in (page, answer) for name, morsel in each.cookies.items() if morsel.value}
    assert {"csrf", "session"} <= set(cookies)
    for name, morsel in cookies.items():
        assert morsel["httponly"], name
        assert morsel["samesite"] == "Lax", name
        assert morsel["path"] == "/", name
        assert not morsel["domain"], name
