"""Nobody is sent anywhere but to an address the client registered, and every answer says who gave it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.test import Client as Http

from authserver.models import Client
from tests.people import CALLBACK, GATEWAY, App, World, answer_of, hosted

ISSUER = "http://127.0.0.1:8000"
ASTRAY = [
    "https://evil.example/cb",
    CALLBACK + "/",
    CALLBACK + "/../abc",
    CALLBACK + "?x=1",
    CALLBACK + "?",
    CALLBACK + "#x",
    CALLBACK + "#",
    CALLBACK + "%20",
    CALLBACK + ";p",
    CALLBACK + "\n",
    CALLBACK.upper(),
    CALLBACK.replace("https", "HTTPS"),
    CALLBACK.replace("chatgpt.com", "ChatGPT.com"),
    CALLBACK.replace("chatgpt.com", "chatgpt.com."),
    CALLBACK.replace("chatgpt.com", "chatgpt.com:443"),
    CALLBACK.replace("chatgpt.com", "chatgpt.com.evil.example"),
    CALLBACK.replace("chatgpt.com", "chatgpt.com@evil.example"),
    CALLBACK.replace("chatgpt.com", "evil.example@chatgpt.com"),
    CALLBACK.replace("chatgpt.com", "evil.example\\@chatgpt.com"),
    CALLBACK.replace("chatgpt.com", "\u0441hatgpt.com"),
    CALLBACK.replace("https", "http"),
    CALLBACK.replace("https:", ""),
    CALLBACK[:-1],
    "javascript:alert(1)",
    "data:text/html,x",
    "/connections",
    "//evil.example",
    "x",
]


def assert_shown_here(answer: Any) -> None:
    assert answer.status_code == 400
    assert "Location" not in answer
    assert "evil.example" not in answer.content.decode()


@pytest.mark.covers("AS-11", "AS-12", "AS-64", "RF-14", "req:C2", "T14")
@pytest.mark.parametrize("signed_in", [True, False])
def test_an_address_that_was_not_registered_is_never_used(world: World, chatgpt: App, signed_in: bool) -> None:
    http = world.alice.sign_in().http if signed_in else Http(headers={"accept": "text/html"})
    for uri in ASTRAY:
        assert_shown_here(http.get(chatgpt.authorize_url(redirect_uri=uri)))
        assert_shown_here(http.get(chatgpt.authorize_url(redirect_uri=uri, prompt="none")))
        assert_shown_here(http.get(chatgpt.authorize_url(redirect_uri=uri, response_type="token", scope="nope")))


@pytest.mark.covers("RF-14", "T14", "Q7")
@pytest.mark.parametrize("client_id", [None, "", "unknown", "x" * 4000, "https://127.0.0.1/client.json", "a b", "0"])
def test_an_unknown_client_is_never_answered_elsewhere(world: World, chatgpt: App, client_id: str | None) -> None:
    assert_shown_here(Http().get(chatgpt.authorize_url(client_id=client_id, redirect_uri="https://evil.example/cb")))
    assert Http().get(chatgpt.authorize_url(client_id=client_id)).status_code == 400


@pytest.mark.covers("RF-14", "C5")
def test_a_blocked_client_is_not_answered_at_all(world: World, chatgpt: App) -> None:
    Client.objects.update(is_active=False)
    answer = world.alice.sign_in().http.get(chatgpt.authorize_url())
    assert (answer.status_code, "Location" in answer) == (403, False)


@pytest.mark.covers("AS-11", "RF-14")
def test_a_client_with_two_addresses_has_to_name_one(world: World) -> None:
    app = App.register(redirect_uris=["https://a.example/cb", "https://b.example/cb"])
    assert_shown_here(world.alice.sign_in().http.get(app.authorize_url(redirect_uri=None)))


@pytest.mark.covers("AS-11", "AS-12", "req:C3")
def test_an_address_taken_out_of_the_registration_is_no_longer_used(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    Client.objects.update(redirect_uris="https://new.example/cb")
    answer = world.alice.decide(page, handle="acme")
    assert (answer.status_code, "Location" in answer) == (400, False)
    assert (world.alice.http.get(chatgpt.authorize_url())).status_code == 400


@pytest.mark.covers("AS-12", "H8")
@pytest.mark.parametrize("sent", ["http://evil.example/cb", None])
def test_a_rule_that_was_tightened_after_registration_holds_at_once(
    world: World, chatgpt: App, sent: str | None
) -> None:
    Client.objects.update(redirect_uris="http://evil.example/cb")
    assert_shown_here(world.alice.sign_in().http.get(chatgpt.authorize_url(redirect_uri=sent)))


# --- Loopback


@pytest.mark.covers("T10", "Q13", "RF-11")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("registered", ["", ":33418"])
@pytest.mark.parametrize("port", ["", ":1", ":33418", ":65535"])
def test_a_loopback_address_matches_on_any_port(world: World, host: str, registered: str, port: str) -> None:
    app = App.register(redirect_uri=f"http://{host}{registered}/callback?a=b")
    app.redirect_uri = f"http://{host}{port}/callback?a=b"
    answer = world.alice.decide(world.alice.open(app.authorize_url()), handle="acme")
    assert answer["Location"].startswith(app.redirect_uri + "&code=")
    assert app.exchange(answer_of(answer)["code"]).status_code == 200


@pytest.mark.covers("T10", "RF-11", "Q13")
@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost/callback",
        "http://[::1]/callback",
        "http://127.0.0.2/callback",
        "http://127.1/callback",
        "https://127.0.0.1/callback",
        "http://127.0.0.1/other",
        "http://127.0.0.1/callback/",
        "http://127.0.0.1/callback?x=1",
        "http://127.0.0.1:x/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:1@evil.example/callback",
        "http://127.0.0.1:1.evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://evil.example:33418/callback",
        "http://127.0.0.1:1:2/callback",
    ],
)
def test_only_the_port_of_a_loopback_address_is_free(world: World, uri: str) -> None:
    app = App.register(redirect_uri="http://127.0.0.1:33418/callback")
    assert_shown_here(world.alice.sign_in().http.get(app.authorize_url(redirect_uri=uri)))


@pytest.mark.covers("AS-64", "H8")
def test_the_port_of_any_other_address_is_not_free(world: World) -> None:
    app = App.register(redirect_uri="https://a.example:8443/cb")
    for uri in ("https://a.example/cb", "https://a.example:443/cb", "https://a.example:8444/cb"):
        assert_shown_here(world.alice.sign_in().http.get(app.authorize_url(redirect_uri=uri)))


# --- iss and state on every answer


@pytest.mark.covers("H6", "AS-20", "AS-22", "Q4", "RF-14", "T24")
@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nope"}, "invalid_scope"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "a"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "consent_required"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
    ],
)
def test_every_error_at_the_client_carries_iss_and_state(
    world: World, chatgpt: App, parameters: dict[str, str | None], error: str
) -> None:
    answer = world.alice.sign_in().http.get(chatgpt.authorize_url(state='s "<&=%?#+', **parameters))
    told = answer_of(answer)
    assert (told["error"], told["iss"], told["state"]) == (error, ISSUER, 's "<&=%?#+')
    assert set(told) == {"error", "error_description", "error_uri", "iss", "state"}
    assert answer["Cache-Control"] == "no-store"
    assert "Content-Security-Policy" in answer


@pytest.mark.covers("H6", "AS-20", "Q4")
@pytest.mark.parametrize("decision", ["allow", "cancel"])
def test_a_persons_answer_carries_iss_and_state(world: World, chatgpt: App, decision: str) -> None:
    told = answer_of(world.alice.decide(world.alice.open(chatgpt.authorize_url()), decision, handle="acme"))
    assert (told["iss"], told["state"]) == (ISSUER, "state-1")


@pytest.mark.covers("AS-24")
def test_iss_is_ours_whatever_host_the_request_named(world: World, chatgpt: App) -> None:
    world.alice.sign_in()
    answer = world.alice.http.get(chatgpt.authorize_url(prompt="none"), headers={"host": "localhost:9999"})
    assert answer_of(answer)["iss"] == ISSUER
    assert Http().get("/.well-known/oauth-authorization-server", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.covers("AS-11")
def test_the_answer_is_added_to_the_query_that_was_registered(world: World) -> None:
    app = App.register(redirect_uri="https://a.example/cb?code=mine&state=mine")
    location = world.alice.decide(world.alice.open(app.authorize_url()), handle="acme")["Location"]
    assert location.startswith("https://a.example/cb?code=mine&state=mine&code=")
    assert len(parse_qs(urlsplit(location).query)["code"]) == 2


# --- The sign-in page and the links on dead ends


@pytest.mark.covers("AS-12", "req:P1")
@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/%09/evil.example/",
        "/\t/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http://127.0.0.1:8000@evil.example/",
        " //evil.example",
        "\x01//evil.example",
    ],
)
def test_sign_in_leads_nowhere_else(world: World, following: str) -> None:
    form = {"login": "alice@example.com", "password": "correct horse battery staple", "next": following}
    answer = world.alice.http.post(f"/accounts/login/?next={quote(following)}", form)
    where = urlsplit(answer["Location"])
    assert (answer.status_code, where.scheme, where.netloc) == (302, "", "")
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith(("//", "/\\", "/\t"))


@pytest.mark.covers("AS-12")
def test_switching_the_account_leads_nowhere_else(world: World) -> None:
    answer = world.alice.sign_in().http.post("/accounts/switch-account", {"next": "https://evil.example/"})
    assert answer["Location"] == "/accounts/login/"


@pytest.mark.covers("RF-14")
@pytest.mark.parametrize("resource", [hosted("globex"), hosted("nowhere"), GATEWAY])
def test_the_way_back_from_a_dead_end_is_the_registered_address(world: World, chatgpt: App, resource: str) -> None:
    person = world.carol if resource == GATEWAY else world.bob
    page = person.open(chatgpt.authorize_url(resource))
    assert page.status_code in (403, 404)
    html = page.content.decode()
    assert "code=" not in html
    assert f'href="{CALLBACK}?error=access_denied' in html or resource == GATEWAY


@pytest.mark.covers("RF-15")
def test_a_posted_form_is_answered_with_a_redirect_that_drops_the_body(world: World, chatgpt: App) -> None:
    answer = world.alice.decide(world.alice.open(chatgpt.authorize_url()), handle="acme")
    assert answer.status_code == 302
    assert answer["Referrer-Policy"] == "no-referrer"


@pytest.mark.covers("T06", "AS-12")
def test_a_long_state_survives_the_way_over_the_sign_in_page(world: World, chatgpt: App) -> None:
    chatgpt.state = "s" * 4000
    page = world.alice.open(chatgpt.authorize_url())
    assert answer_of(world.alice.decide(page, handle="acme"))["state"] == chatgpt.state
