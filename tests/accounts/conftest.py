"""What these tests do to an account page."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.people import PASSWORD, App, make_person


@pytest.fixture
def alice(db: None) -> User:
    """A person with a confirmed address and the password that everybody has."""
    return make_person("alice@example.com", name="Alice").user


@pytest.fixture
def way(chatgpt: App) -> str:
    """The address that `next` carries on the way to connecting ChatGPT."""
    return chatgpt.authorize_url(state="a&b")


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password} | more)


def with_next(path: str, following: str) -> str:
    return f"{path}?next={quote(following, safe='')}"


def code_in_last_mail() -> str:
    """The code that a person would copy out of the newest message."""
    found = re.search(r"^([A-Z0-9]+(?:-[A-Z0-9]+)*)$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)
