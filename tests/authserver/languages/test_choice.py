"""Which language a list of tags asks for, and the address that asks for another."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote

import pytest
from django.conf import settings

from authserver import policy
from authserver.languages import choice


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("pt", "pt-br"),
        ("pt-PT", "pt-br"),
        ("zh", "zh-hans"),
        ("zh-CN", "zh-hans"),
        ("zh-Hans-SG", "zh-hans"),
        ("zh-TW", None),
        ("zh-Hant-HK fr", "fr"),
        ("tlh x-junk ja", "ja"),
        ("en-GB de", "en"),
        ("* de", "de"),
        ("", None),
        ("- -- _ \x00 %s <script> ../../de", None),
    ],
)
def test_the_first_tag_that_we_speak_counts(tags: str, found: str | None) -> None:
    assert choice.best(tags.split()) == found


def test_every_language_is_found_by_the_tag_it_is_advertised_with() -> None:
    assert [choice.best([choice.tag_of(code)]) for code, _ in settings.LANGUAGES] == [c for c, _ in settings.LANGUAGES]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/oauth/authorize?client_id=x&ui_locales=fr-CA%20en", "fr"),
        ("/oauth/authorize?client_id=x&ui_locales=fr+en", "fr"),
        ("/accounts/login/?next=" + quote("/oauth/authorize?ui_locales=ar&x=1", safe=""), "ar"),
        ("/accounts/login/?next=/connections%3Fui_locales%3Dar", None),
        ("/connections?ui_locales=ar", None),
        ("/accounts/login/?next=" + quote("//evil.example/oauth/authorize?ui_locales=ar"), None),
        ("/oauth/authorize?ui_locales=" + "+".join(["xx"] * policy.UI_LOCALES_MAX) + "+de", None),
        ("/oauth/authorize?ui_locales=de&x=" + "x" * 3 * policy.QUERY_LENGTH_MAX, None),
        ("/oauth/authorize", None),
    ],
)
def test_an_address_asks_only_as_an_authorization_request_or_the_way_to_one(address: str, found: str | None) -> None:
    assert choice.asked_by(address) == found


def test_another_language_changes_nothing_else_of_a_request() -> None:
    request = "/oauth/authorize?state=a%2Fb+c&ui_locales=ar%20en&x=%C3%A9&flag"
    assert choice.speaking(request, "de") == "/oauth/authorize?state=a%2Fb+c&ui_locales=de&x=%C3%A9&flag"
    waiting = f"/accounts/login/?a=b&next={quote(request, safe='')}"
    spoken = choice.speaking(waiting, "pt-br")
    assert dict(parse_qsl(spoken.partition("?")[2]))["next"] == choice.speaking(request, "pt-br")
    assert choice.asked_by(spoken) == "pt-br"


@pytest.mark.parametrize(
    "address", ["/oauth/authorize?state=1", "/accounts/login/?next=%2Fconnections", "/", "/x?ui_locales=ar"]
)
def test_an_address_that_asked_for_none_stays_as_it_is(address: str) -> None:
    assert choice.speaking(address, "de") == address
