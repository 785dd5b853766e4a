"""What a deployment shows as its own: in one stylesheet, from us, for ever under one name; and links on every page."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client as Http
from django.utils.html import escape

from authserver.views import context
from authserver.views.brand import files
from tests.people import App, World

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>'
HTML = {"accept": "text/html"}


@pytest.fixture
def branded(settings: Any, tmp_path: Path) -> Any:
    (tmp_path / "logo.svg").write_bytes(LOGO)
    settings.BRAND_NAME, settings.BRAND_COLOR, settings.BRAND_LOGO = "Ada & Co", "#b3005e", str(tmp_path / "logo.svg")
    settings.SUPPORT_URL, settings.SUPPORT_EMAIL = "https://help.example.com/x", "help@example.com"
    settings.PRIVACY_URL, settings.TERMS_URL = "https://example.com/privacy", "https://example.com/terms"
    return settings


def test_every_page_has_one_stylesheet_the_name_and_the_links(world: World, chatgpt: App, branded: Any) -> None:
    pages = {
        "start": Http(headers=HTML).get("/"),
        "sign-in": Http(headers=HTML).get("/accounts/login/"),
        "consent": world.alice.open(chatgpt.authorize_url()),
        "dead end": Http(headers=HTML).get(chatgpt.authorize_url(client_id="unknown")),
        "list": world.alice.http.get("/connections"),
    }
    for name, page in pages.items():
        html = page.content.decode()
        assert html.count('rel="stylesheet"') == 1, name
        assert f'href="{files.stylesheet_url()}"' in html, name
        assert f'src="{files.logo_url()}" alt=""' in html, name
        assert f"<strong>{escape('Ada & Co')}</strong>" in html, name
        for href in ("https://help.example.com/x", "mailto:help@example.com", "https://example.com/privacy"):
            assert f'href="{href}"' in html, name
        assert 'target="_blank" rel="noopener noreferrer">Terms <bdi class="wrap">example.com</bdi>' in html, name


def test_even_the_page_of_a_fault_says_where_help_is(branded: Any) -> None:
    html = render_to_string("500.html", {"site": context.about()})
    assert "Ada &amp; Co" in html
    assert 'href="mailto:help@example.com"' in html


def test_mails_of_an_account_end_with_the_same_links(branded: Any) -> None:
    text = render_to_string("account/email/base_message.txt", {"site": context.about()})
    assert "Ada & Co, " in text
    assert "Need help? https://help.example.com/x\nWrite to us help@example.com\n" in text


def test_without_settings_nothing_is_shown_and_the_stylesheet_is_the_file(db: None) -> None:
    html = Http(headers=HTML).get("/").content.decode()
    assert 'href="/static/gatehouse.css"' in html
    assert "site-links" not in html
    assert "brand-logo" not in html
    assert Http().get("/static/brand.0123456789ab.css").status_code == 404
    assert Http().get("/static/brand.0123456789ab.svg").status_code == 404


def test_the_stylesheet_in_the_colour_is_sent_packed_and_kept_for_ever(db: None, branded: Any) -> None:
    answer = Http().get(files.stylesheet_url(), headers={"accept-encoding": "gzip, br"})
    text = gzip.decompress(answer.content).decode()
    assert answer["Content-Type"] == "text/css; charset=utf-8"
    assert answer["Cache-Control"] == "max-age=31536000, public, immutable"
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")
    assert text.startswith((Path("templates/static/gatehouse.css").read_text())[:200])
    assert "--accent:light-dark(#b3005e," in text
    assert Http().get(files.stylesheet_url()).content.decode() == text
    assert not answer.cookies


def test_the_name_of_another_version_gets_the_present_file_and_is_not_kept(db: None, branded: Any) -> None:
    answer = Http().get("/static/brand.0123456789ab.css")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-cache")


def test_a_logo_is_a_picture_and_nothing_in_it_runs(db: None, branded: Any) -> None:
    answer = Http().get(files.logo_url())
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Http().get(files.logo_url().replace(".svg", ".png")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"<!doctype html><svg>", b"GIF89a", b"<svg>" + b" " * 32_768])
def test_what_is_no_small_picture_is_not_shown(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "logo").write_bytes(body)
    assert files.logo(str(tmp_path / "logo")) is None


def test_a_client_may_not_call_itself_like_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    from authserver.protocol import names

    monkeypatch.setattr(names, "_reserved", set(names._reserved))
    assert names.problem_with("Example AI helper") is None
    names.reserve("Example AI")
    names.reserve("Ada")
    assert names.problem_with("Exаmple Al helper")  # with a Cyrillic letter, and an l for the I
    assert names.problem_with("ADA")
    assert names.problem_with("Adam's tool") is None
    assert names.problem_with("The Gatehouse")
