"""What people do on their way through a sign-in, over HTTP."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail

from tests.people import PASSWORD, Person

STEPS_MAX = 8


def code_by_mail() -> str:
    """The code that a person would copy out of the newest message."""
    found = re.search(r"^([A-Z0-9]+(?:-[A-Z0-9]+)*)$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)


def shown_by_app(secret: str) -> str:
    """The code that an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def follow(person: Person, answer: Any) -> Any:
    """Follow redirects on our host to a page."""
    for _ in range(STEPS_MAX):
        if answer.status_code not in (301, 302, 303) or not answer["Location"].startswith("/"):
            return answer
        answer = person.http.get(answer["Location"])
    raise AssertionError(f"redirected in circles, lastly to {answer['Location']}")


def submit(person: Person, page: Any, action: str, /, **fields: str) -> Any:
    """Fill in the form on this page that posts to `action`, its hidden fields as they are; return the next page."""
    html = page.content.decode()
    form = next((each for each in re.findall(r"<form.*?</form>", html, re.S) if f'action="{action}' in each), None)
    assert form, f"no form to {action} on {html}"
    hidden = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', form)
    told = {name: unescape(value) for name, value in hidden if name != "csrfmiddlewaretoken"}
    target = unescape(re.search(r'action="([^"]*)"', form)[1])  # type: ignore[index]
    return follow(person, person.http.post(target, told | fields))


def link(page: Any, text: str) -> str:
    """The address behind a link of this page."""
    found = re.search(rf'<a [^>]*href="([^"]+)"[^>]*>(?:<[^>]+>)*{re.escape(text)}', page.content.decode())
    assert found, f"no link {text} on the page"
    return unescape(found.group(1))


def click(person: Person, page: Any, text: str) -> Any:
    return follow(person, person.http.get(link(page, text)))


def set_up_app(person: Person) -> str:
    """Add an authenticator app on the real page; return its secret."""
    page = follow(person, person.http.get("/accounts/2fa/totp/activate/"))
    secret = re.search(r'id="totp-key">([A-Z2-7]+)<', page.content.decode())
    assert secret, page.content.decode()
    answer = person.http.post("/accounts/2fa/totp/activate/", {"code": shown_by_app(secret[1])})
    assert answer.status_code == 302, answer.content.decode()
    return secret[1]


def give_password(person: Person, page: Any) -> Any:
    return submit(person, page, "/accounts/login/", login=person.email, password=PASSWORD)


def is_consent(page: Any, client: str = "ChatGPT") -> bool:
    return page.status_code == 200 and f"{client}</bdi> wants to connect" in page.content.decode()
