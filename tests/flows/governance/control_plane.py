"""The pages on which admins of a handle decide about clients, as a person with a browser uses them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from authserver.models import Client, ClientPolicy, Event
from tests.people import App, Person, World


def words_of(page: Any) -> str:
    """The text of a page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.content.decode())).split())


def post(person: Person, path: str, **form: str) -> Any:
    return person.http.post(f"/handles/acme/clients{path}", form, follow=True)


def set_policy(world: World, mode: str) -> None:
    world.alice.sign_in()
    assert post(world.alice, "/policy", mode=mode).status_code == 200
    assert ClientPolicy.objects.get(handle__slug="acme").mode == mode


def press(person: Person, name: str) -> Any:
    """Press the button of this accessible name on the page of acme's clients."""
    html = person.http.get("/handles/acme/clients").content.decode()
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        if f'aria-label="{name}"' in unescape(form):
            fields = {key: unescape(value) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}
            return person.http.post(re.findall(r'action="([^"]*)"', form)[0], fields, follow=True)
    raise AssertionError(f"no button {name!r}")


def has_button(person: Person, name: str) -> bool:
    return f'aria-label="{name}"' in unescape(person.http.get("/handles/acme/clients").content.decode())


def verify(app: App) -> None:
    Client.objects.filter(client_id=app.client_id).update(is_verified=True)


def tags() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("tag", flat=True))
