"""Finding out who has an account, and guessing the way into one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client as Http

from authserver import policy
from tests.people import PASSWORD, World

DOORS = {
    "sign-in": ("/accounts/login/", {"password": "wrong password"}, "login"),
    "sign-up": ("/accounts/signup/", {"password1": PASSWORD}, "email"),
    "sign-up by passkey": ("/accounts/signup/passkey/", {}, "email"),
    "reset": ("/accounts/password/reset/", {}, "email"),
    "code": ("/accounts/login/code/", {}, "email"),
}
KNOWN, UNKNOWN = "alice@example.com", "elias@example.com"


def seen(path: str, form: dict[str, str], name: str, address: str) -> list[Any]:
    """What a browser sees that sends this form, and goes where it is sent, with a wrong code too."""
    http = Http(headers={"accept": "text/html"})
    told = []
    answer = http.post(path, form | {name: address})
    for _ in range(3):
        told.append((answer.status_code, answer.headers.get("Location"), sorted(answer.cookies), text_of(answer)))
        if answer.status_code != 302:
            break
        place = answer["Location"]
        answer = http.get(place)
    if len(told) > 1:
        answer = http.post(place, {"code": "AAAAAA"})
        told.append((answer.status_code, answer.headers.get("Location"), text_of(answer)))
    return told


def text_of(answer: Any) -> str:
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
    return page.replace(KNOWN, "ADDRESS").replace(UNKNOWN, "ADDRESS")


@pytest.mark.parametrize("door", DOORS)
def test_no_door_tells_a_known_address_from_an_unknown_one(world: World, door: str) -> None:
    path, form, name = DOORS[door]
    assert seen(path, form, name, KNOWN) == seen(path, form, name, UNKNOWN)
    assert [sent.to for sent in mail.outbox] == ([] if door == "sign-in" else [[KNOWN], [UNKNOWN]])


@pytest.mark.parametrize("door", ["reset", "code"])
def test_many_browsers_together_get_few_codes_for_one_address(world: World, door: str, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {
        "request_login_code": settings.ACCOUNT_RATE_LIMITS["request_login_code"].replace("3/m/key,", ""),
        "reset_password": settings.ACCOUNT_RATE_LIMITS["reset_password"].replace("3/m/key,", ""),
    }  # so that the hour's limit shows within a test
    path, form, name = DOORS[door]
    answers = [
        Http(REMOTE_ADDR=f"203.0.113.{number}").post(path, form | {name: KNOWN})
        for number in range(policy.CODES_PER_ADDRESS_AND_HOUR + 1)
    ]
    assert [answer.status_code for answer in answers] == [302] * policy.CODES_PER_ADDRESS_AND_HOUR + [429]
    assert Http().post(path, form | {name: UNKNOWN}).status_code == 302


@pytest.mark.parametrize("door", ["reset", "code"])
def test_a_code_has_three_tries_and_is_void_then(world: World, door: str) -> None:
    path, form, name = DOORS[door]
    http = Http()
    place = http.post(path, form | {name: KNOWN})["Location"]
    code = re.search(r"^([A-Z0-9]+-[A-Z0-9]+)$", mail.outbox[-1].body, re.MULTILINE)
    assert code
    for _ in range(policy.CODE_BY_MAIL_ATTEMPTS_MAX):
        answer = http.post(place, {"code": "AAAAAA"})
    assert answer.status_code == 302
    http.post(place, {"code": code[1]})
    assert "_auth_user_id" not in http.session
    assert http.get("/accounts/password/reset/complete/").status_code == 302
