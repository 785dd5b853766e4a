"""A person reads the flow in their language: the one the client asks for, their own choice, or their browser's."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client as Http
from django.utils import timezone, translation

from authserver.services import notices
from tests.people import PASSWORD, App, World, field_value

HTML = {"accept": "text/html"}


def root(page: Any) -> str:
    """Return how a page says which language it is in."""
    html = page.content.decode()
    return html[html.index("<html") : html.index(">", html.index("<html")) + 1]


def path_of(answer: Any) -> str:
    return answer["Location"]


def choose(person: Http, page: Any, language: str) -> Any:
    """Press a language in the footer of this page."""
    html = page.content.decode()
    form = html[html.index('class="languages"') :]
    back = {"next": field_value(form, "next")} if 'name="next"' in form else {}
    referer = f"http://testserver{page.wsgi_request.get_full_path()}"
    return person.post("/language", back | {"language": language}, headers={"referer": referer})


def test_the_language_that_the_client_asks_for_goes_through_sign_in_and_consent(world: World) -> None:
    person, app = Http(headers=HTML), App.register()
    url = app.authorize_url(ui_locales="tlh ar-EG en")
    sign_in_page = person.get(url)
    login = sign_in_page["Location"]
    page = person.get(login, headers={"accept-language": "de"})
    assert root(page) == '<html lang="ar" dir="rtl">'
    assert page["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= set(page["Vary"].split(", "))
    waiting = field_value(page.content.decode(), "next")
    wrong = person.post(login, {"login": "alice@example.com", "password": "no", "next": waiting})
    assert root(wrong) == '<html lang="ar" dir="rtl">'
    signed_in = person.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD, "next": waiting})
    consent = person.get(path_of(signed_in))
    assert root(consent) == '<html lang="ar" dir="rtl">'
    again = person.post("/oauth/authorize", {"request": field_value(consent.content.decode(), "request")})
    assert (again.status_code, root(again)) == (200, '<html lang="ar" dir="rtl">')


def test_a_person_s_own_choice_counts_more_and_loses_nothing_of_the_request(world: World) -> None:
    alice, app = world.alice.sign_in(), App.register()
    url = app.authorize_url(ui_locales="ar", state="a/b c&d")
    consent = alice.http.get(url)
    without_decision = {"request": field_value(consent.content.decode(), "request")}
    shown_again = alice.http.post("/oauth/authorize", without_decision)  # its own address has no request
    for page in (consent, shown_again):
        back = path_of(choose(alice.http, page, "de"))
        assert back == url.replace("ui_locales=ar", "ui_locales=de")
    german = alice.http.get(back)
    assert root(german) == '<html lang="de" dir="ltr">'
    answer = alice.decide(german, handle="acme")
    assert "state=a%2Fb+c%26d" in answer["Location"]
    assert (
        app.exchange(dict(p.split("=") for p in urlsplit(answer["Location"]).query.split("&"))["code"]).status_code
        == 200
    )
    assert root(alice.http.get("/connections", headers={"accept-language": "fr"})) == '<html lang="de" dir="ltr">'


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("de-CH, fr;q=0.5", "de"),
        ("tlh, ja;q=0.3", "ja"),
        ("zh-TW, zh-CN;q=0.8", "zh-Hans"),
        ("*", "en"),
        ("junk;;q=x", "en"),
    ],
)
def test_a_browser_says_what_its_person_reads(db: None, accept: str, lang: str) -> None:
    page = Http(headers=HTML).get("/", headers={"accept-language": accept})
    assert f'<html lang="{lang}"' in root(page)
    assert page["Content-Language"] == lang


def test_a_dead_end_speaks_german_and_its_code_stays(world: World) -> None:
    person, url = (
        Http(headers=HTML | {"accept-language": "de"}),
        App.register().authorize_url(redirect_uri="https://e.example/x"),
    )
    page = person.get(url)
    html = page.content.decode()
    assert (page.status_code, root(page)) == (400, '<html lang="de" dir="ltr">')
    for text in (
        "Diese App möchte ihre Antwort anderswo haben",
        "Was du tun kannst",
        '<code dir="ltr">invalid_redirect_uri</code>',
        page["X-Request-Id"],
    ):
        assert text in html
    assert "e.example" not in html
    assert path_of(choose(person, page, "en")) == url  # which the page itself does not repeat
    told = person.get(url, headers={"accept": "application/json"}).json()
    assert told["error_description"].startswith("The address to return to is not one that the app registered")


def test_an_empty_answer_of_django_s_is_a_page(db: None) -> None:
    page = Http(headers=HTML | {"accept-language": "de"}).get("/accounts/switch-account")
    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert "Diese Adresse ist keine Seite" in page.content.decode()
    told = Http(headers={"accept": "application/json"}).get("/accounts/switch-account")
    assert told.status_code == 405


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "javascript:x"])
def test_choosing_leads_nowhere_else_and_a_language_we_do_not_speak_changes_nothing(db: None, back: str) -> None:
    http = Http(headers=HTML)
    assert path_of(http.post("/language", {"language": "de", "next": back})) == "/"
    http.cookies.clear()
    for answer in (http.post("/language", {"language": "tlh", "next": back}), http.get("/language?language=de")):
        assert path_of(answer) == "/"
        assert "language" not in answer.cookies
    assert Http(enforce_csrf_checks=True, headers=HTML).post("/language", {"language": "de"}).status_code == 403


def test_letters_are_in_the_language_of_the_moment_they_tell_of(world: World) -> None:
    alice, app = world.alice.sign_in(), App.register()
    alice.http.post("/language", {"language": "de", "next": "/"})
    alice.decide(alice.http.get(app.authorize_url()), handle="acme")
    with translation.override("fr"):  # whoever sends it
        notices.send_due(now=timezone.now())
    letter = mail.outbox[-1]
    assert letter.subject == "Gatehouse: Eine App wurde mit @acme verbunden"
    for text in ("Hallo Alice,", "„ChatGPT“ darf jetzt", "- Deine Links lesen\n", "Wann: ", "/connections/"):
        assert text in letter.body
    html = str(letter.alternatives[0][0])
    assert '<html lang="de" dir="ltr">' in html


@pytest.mark.parametrize(
    "path", ["/oauth/token", "/.well-known/oauth-authorization-server", "/api/v1/me", "/livez", "/admin/login/"]
)
def test_programs_and_the_administration_hear_english(db: None, path: str) -> None:
    http = Http(headers={"accept-language": "de", "cookie": "language=de"})
    answer = http.get(path)
    assert "Content-Language" not in answer
    assert "Accept-Language" not in answer.get("Vary", "")
