"""When nobody is asked again, by the rule alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authserver.protocol import redirects
from authserver.protocol.connections import remembered
from authserver.protocol.connections.remembered import Allowed, Answer, Asked

CALLBACK = "https://chatgpt.com/connector/oauth/abc"
BEFORE = Allowed(
    scopes=frozenset({"mcp.connect", "links.read"}),
    redirect_origin="https://chatgpt.com",
    client_name="ChatGPT",
    client_digest="d1",
    is_paused=False,
)
NOW = Asked(
    wanted=frozenset({"mcp.connect", "links.read"}),
    destination=redirects.destination(CALLBACK),
    client_name="ChatGPT",
    client_digest="d1",
    is_verified=True,
    prompts=frozenset(),
    expects_another_person=False,
    is_from_client=True,
)
CLICK = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
    "Referer": "https://chatgpt.com/",
}


def sent_to(uri: str) -> Asked:
    return replace(NOW, destination=redirects.destination(uri))


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (replace(BEFORE, is_paused=True), NOW, "connection:paused"),
        (replace(BEFORE, scopes=frozenset({"mcp.connect"})), NOW, "scopes:wider"),
        (BEFORE, replace(NOW, wanted=NOW.wanted | {"links.write"}), "scopes:wider"),
        (BEFORE, replace(NOW, wanted=frozenset()), "scopes:wider"),
        (replace(BEFORE, client_digest="d0"), NOW, "client:changed"),
        (replace(BEFORE, client_digest=""), NOW, "client:changed"),
        (replace(BEFORE, client_name="ChatGPT 4"), NOW, "client:renamed"),
        (replace(BEFORE, redirect_origin=""), NOW, "redirect:other_origin"),
        (BEFORE, sent_to("https://chatgpt.com:8443/cb"), "redirect:other_origin"),
        (BEFORE, sent_to("https://evil.example/cb"), "redirect:other_origin"),
        (BEFORE, sent_to("https://chatgpt.com.evil.example/cb"), "redirect:other_origin"),
        (BEFORE, sent_to("http://127.0.0.1:33418/callback"), "redirect:other_origin"),
        (BEFORE, sent_to("cursor://x/y"), "redirect:other_origin"),
        (replace(BEFORE, redirect_origin="https://*"), sent_to("https://[2001:db8::1]/cb"), "redirect:other_origin"),
        (BEFORE, replace(NOW, expects_another_person=True), "request:another_person"),
        *[
            (BEFORE, replace(NOW, prompts=frozenset({prompt})), "request:prompt")
            for prompt in ("consent", "login", "select_account", "create", "x")
        ],
    ],
)
def test_what_is_in_doubt_is_asked(before: Allowed, now: Asked, reason: str) -> None:
    judgement = remembered.judge(before, now)
    assert judgement.answer == Answer.ASK
    assert reason in judgement.reasons


def test_what_was_never_allowed_is_asked() -> None:
    assert remembered.judge(None, NOW).reasons == ("connection:none",)
    assert remembered.judge(None, NOW).answer == Answer.ASK


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (BEFORE, replace(NOW, is_verified=False), "client:unverified"),
        (BEFORE, replace(NOW, is_from_client=False), "browser:elsewhere"),
        (replace(BEFORE, client_digest=""), replace(NOW, client_digest=""), "client:undigested"),
        (
            replace(BEFORE, redirect_origin="http://127.0.0.1:33418"),
            sent_to("http://127.0.0.1:33418/callback"),
            "redirect:not_https",
        ),
        (
            replace(BEFORE, redirect_origin="http://localhost:1111"),
            sent_to("http://localhost:2222/callback"),
            "redirect:not_https",
        ),
        (replace(BEFORE, redirect_origin="cursor:"), sent_to("cursor://x/y"), "redirect:not_https"),
    ],
)
def test_what_is_not_assured_takes_one_button(before: Allowed, now: Asked, reason: str) -> None:
    judgement = remembered.judge(before, now)
    assert judgement.answer == Answer.SHORT
    assert reason in judgement.reasons


@pytest.mark.parametrize("wanted", [NOW.wanted, frozenset({"links.read"})])
def test_the_same_or_less_of_a_verified_client_goes_on(wanted: frozenset[str]) -> None:
    assert remembered.judge(BEFORE, replace(NOW, wanted=wanted)).answer == Answer.SILENT


@pytest.mark.parametrize(
    "changed",
    [
        {"Referer": ""},
        {"Referer": "https://evil.example/"},
        {"Referer": "https://chatgpt.com.evil.example/"},
        {"Referer": "https://chatgpt.com@evil.example/"},
        {"Referer": "http://chatgpt.com/"},
        {"Referer": "https://["},
        {"Sec-Fetch-Site": "none", "Referer": ""},
        {"Sec-Fetch-Site": "same-site", "Referer": ""},
        {"Sec-Fetch-User": ""},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_a_browser_that_was_led_here_by_others_is_not_from_the_client(changed: dict[str, str]) -> None:
    assert not remembered.is_from("https://chatgpt.com", CLICK | changed)


@pytest.mark.parametrize("headers", [CLICK, CLICK | {"Sec-Fetch-Site": "same-origin", "Referer": ""}, {}])
def test_a_click_on_the_clients_pages_or_ours_is(headers: dict[str, str]) -> None:
    assert remembered.is_from("https://chatgpt.com", headers)
