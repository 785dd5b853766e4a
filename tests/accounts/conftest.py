"""People who can sign in, and a browser-like client."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"
AUTHORIZE = "/oauth/authorize?client_id=c1&state=a%26b&scope=links.read"


@pytest.fixture
def alice(db: None) -> User:
    """A person with a confirmed address."""
    user = User.objects.create_user("alice@example.com", PASSWORD, name="Alice")
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str):
    return client.post("/accounts/login/", {"login": email, "password": password} | more)


def begin_flow(client: Client, *, client_name: str = "ChatGPT", redirect_origin: str | None = "https://chatgpt.com"):
    """Do what the authorize door does before it sends a person to the sign-in page."""
    session = client.session
    session["flow"] = {"client_name": client_name, "redirect_origin": redirect_origin}
    session.save()
    client.cookies["session"] = session.session_key


def code_in_last_mail() -> str:
    """The code that a person would copy out of the newest message."""
    found = re.search(r"^([A-Z0-9]+(?:-[A-Z0-9]+)*)$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)
