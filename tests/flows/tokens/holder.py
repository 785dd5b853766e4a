"""A person with a personal access token, made on the page as people do; and an API outside MCP that takes them."""

from __future__ import annotations

import re
from typing import Any

from authserver.models import ProtectedResource
from authserver.services import resource_servers
from tests.people import Asker, Person, field_value

SECRET = re.compile(r"pat_[0-9A-Za-z]{49}")
API = "https://api.example.com/v1"


def post_form(person: Person, handle: str = "acme", **changes: Any) -> Any:
    """Open the page of tokens, fill in the form and send it."""
    path = f"/handles/{handle}/tokens"
    hidden = field_value(person.http.get(path).content.decode(), "form")
    form = {"form": hidden, "name": "Nightly export", "scope": ["links.read", "pages.read"], "days": "30"}
    return person.http.post(path, form | changes)


def make_token(person: Person, handle: str = "acme", **changes: Any) -> str:
    """Return the secret of a token just made."""
    answer = post_form(person, handle, **changes)
    assert answer.status_code == 200, answer.content.decode()
    (secret,) = set(SECRET.findall(answer.content.decode()))
    return secret


def api_server() -> Asker:
    """Return the server of an API outside MCP, registered for it."""
    api = ProtectedResource.objects.create(name="API", address=API, takes_personal_tokens=True)
    row, secret = resource_servers.create("api", [api])
    return Asker(str(row.pk), secret)
