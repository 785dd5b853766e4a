"""CPU time and statements of each operation, through the WSGI callable of one process. Prints JSON."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "authserver.settings"
django.setup()

from django.core.management import call_command  # noqa: E402  (models cannot be imported before the set-up)
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection as database  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402

from authserver import policy  # noqa: E402
from authserver.models import Client  # noqa: E402
from authserver.protocol import credentials  # noqa: E402
from authserver.services import catalog, connections  # noqa: E402
from handles import access  # noqa: E402
from tests.people import GATEWAY, READS, App, World, make_world  # noqa: E402

application = get_wsgi_application()  # not authserver.wsgi, which does chores beside it
CALLS = 200
WARM_UP_CALLS = 20
FORM = "application/x-www-form-urlencoded"

Environ = dict[str, Any]
requests = RequestFactory()
last_body = b""


def main() -> None:
    """Build a world in an empty database, then measure."""
    call_command("migrate", verbosity=0)
    world, app = make_world(), App.register()
    json.dump({name: measure(made) for name, made in operations(world, app).items()}, sys.stdout)


def measure(made: Iterator[Environ]) -> list[float]:
    """Return CPU milliseconds and statements per request: of this process, without the database server's own."""
    statements, seconds = 0, 0.0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*arguments)

    for _ in range(WARM_UP_CALLS):
        call(next(made))
    for _ in range(CALLS):
        environ = next(made)
        with database.execute_wrapper(count):
            before = time.process_time()
            call(environ)
            seconds += time.process_time() - before
    return [seconds / CALLS * 1000, statements / CALLS]


def call(environ: Environ) -> None:
    """Call the application as a server would; keep the body for whoever makes the next request."""
    global last_body
    told: list[str] = []
    answer = application(environ, lambda status, headers: told.append(status))
    last_body = b"".join(answer)
    answer.close()
    if not told[0].startswith("200"):
        sys.exit(f"{environ['PATH_INFO']} answered {told[0]}")


def operations(world: World, app: App) -> dict[str, Iterator[Environ]]:
    """Every operation: an endless iterator of requests, made outside of what is measured."""
    held = world.connect(world.alice.sign_in(), app, handle="acme")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in world.alice.http.cookies.items())
    page = {"Cookie": cookies, "Accept": "text/html"}

    def asking(token: str) -> Environ:
        pair = base64.b64encode(f"{world.asker.id}:{world.asker.secret}".encode()).decode()
        return post("/oauth/introspect", {"token": token}, Authorization=f"Basic {pair}")

    return {
        "authorize page, signed in": endless(lambda: get(app.authorize_url(), **page)),
        "token, code": endless(lambda: exchanging(app, new_code(world, app))),
        "token, refresh": refreshing(app, held.refresh or ""),
        "introspection, live": endless(lambda: asking(held.access)),
        "introspection, unknown": endless(lambda: asking(credentials.generate(policy.ACCESS_TOKEN_PREFIX))),
        "introspection, malformed": endless(lambda: asking("mcpv1_nonsense")),
        "metadata": endless(lambda: get("/.well-known/oauth-authorization-server")),
    }


def endless(make: Callable[[], Environ]) -> Iterator[Environ]:
    """Yield what `make` makes, anew each time: a WSGI environment serves once."""
    while True:
        yield make()


def get(path: str, **headers: str) -> Environ:
    return requests.get(path, headers=headers).environ


def post(path: str, form: dict[str, str], **headers: str) -> Environ:
    return requests.post(path, urlencode(form), content_type=FORM, headers=headers).environ


def exchanging(app: App, code: str) -> Environ:
    """A token request with a code."""
    form = {"grant_type": "authorization_code", "code": code, "client_id": app.client_id}
    return post("/oauth/token", form | {"code_verifier": app.verifier, "redirect_uri": app.redirect_uri})


def refreshing(app: App, token: str) -> Iterator[Environ]:
    """Token requests, each with the refresh token that the last one answered."""
    while True:
        yield post("/oauth/token", {"grant_type": "refresh_token", "client_id": app.client_id, "refresh_token": token})
        token = json.loads(last_body)["refresh_token"]


def new_code(world: World, app: App) -> str:
    """An authorization code of alice's for acme, as an Allow would make it."""
    target, handle = catalog.target_of(GATEWAY), access.find("acme")
    if target is None or handle is None:
        sys.exit("the world is not as it should be")
    approval = connections.Approval(
        user=world.alice.user,
        client=Client.objects.get(client_id=app.client_id),
        handle=handle,
        target=target,
        wanted=tuple(READS.split()),
        granted=tuple(READS.split()),
        redirect_uri=app.redirect_uri,
        code_challenge=app.challenge,
        consent_id=uuid.uuid4(),
    )
    approved = connections.approve(approval, now=timezone.now())
    return approved.code if isinstance(approved, connections.Approved) else sys.exit(approved.description)


if __name__ == "__main__":
    main()
