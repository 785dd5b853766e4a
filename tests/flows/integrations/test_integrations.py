"""The page of a handle's addresses, as its admins use it, and the link that they give to others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client as Http

from authserver.models import ProtectedResource, Scope
from handles.models import Handle, Membership
from tests.authserver.views.test_consent_page import words
from tests.flows.integrations import endpoint_host
from tests.flows.integrations.endpoint_host import EndpointHost, Reply
from tests.people import PASSWORD, World, compat, field_value, hosted

PAGE, CHECK, SHARED = "/handles/acme/integrations", "/handles/acme/integrations/check", "/connect/acme"
pytestmark = pytest.mark.covers("req:T8")


@pytest.fixture
def host() -> Iterator[EndpointHost]:
    with endpoint_host.running() as running:
        yield running


def shown(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return words(answer)


def snippets(answer: Any) -> list[str]:
    """What the page has to copy, in its order."""
    return [unescape(each) for each in re.findall(r'<code id="[^"]*"[^>]*>([^<]*)</code>', answer.content.decode())]


@pytest.mark.covers("req:T1", "req:T9", "req:S2")
def test_an_admin_finds_every_address_the_link_and_the_way_to_connect(world: World) -> None:
    acme = Handle.objects.get(slug="acme")
    draft = ProtectedResource.objects.create(
        name="Draft", address="https://draft.example.com/{handle}/mcp", handle=acme, stage="draft"
    )
    ProtectedResource.objects.create(
        name="Globex only", address="https://globex.example.com/mcp", handle=Handle.objects.get(slug="globex")
    )
    page = world.alice.sign_in().http.get(PAGE)
    text = shown(page)
    assert snippets(page)[:5] == [
        hosted("acme"),
        compat("acme"),
        "http://127.0.0.1:8001/mcp",
        "https://draft.example.com/acme/mcp",
        "http://127.0.0.1:8000/connect/acme",
    ]
    assert text.index("Canonical: use this one") < text.index("Compatibility path") < text.index("Draft addresses")
    assert text.count("Canonical: use this one") == 1
    assert text.count("Not checked yet.") == 4
    assert "globex" not in text.lower()
    # A name that is taken gets a number: no two addresses are one in a link or a command.
    ProtectedResource.objects.create(name="Hosted", address="https://second.example.com/mcp", handle=acme)
    second = world.alice.http.get(f"{PAGE}?client=codex&address=hosted-3")
    assert "codex mcp add acme-hosted-3 --url https://second.example.com/mcp" in snippets(second)
    # Another app and the draft address are chosen by links, which can be passed on.
    codex = world.alice.http.get(f"{PAGE}?client=codex&address=draft")
    assert "codex mcp add acme-draft --url https://draft.example.com/acme/mcp" in snippets(codex)
    assert "This is a draft address." in shown(codex)
    # A use case says what it may do and what to type; a scope that was turned off is in none.
    assert "mcp.connect links.read links.write" in snippets(page)
    assert "Create and edit links" in text
    Scope.objects.filter(pk="links.write").update(is_active=False)
    # What is turned off stays on the admins' page and cannot be connected to.
    ProtectedResource.objects.filter(kind="hosted").update(is_active=False)
    ProtectedResource.objects.filter(pk=draft.pk).update(is_active=False)
    after = world.alice.http.get(f"{PAGE}?client=cursor&address=hosted")
    assert "mcp.connect links.read" in snippets(after)
    assert shown(after).count("Turned off") == 2
    (link,) = re.findall(r'href="(cursor:[^"]*)"', after.content.decode())
    assert link.startswith("cursor://anysphere.cursor-deeplink/mcp/install?name=acme&amp;config=")
    (link,) = re.findall(r'href="(vscode:[^"]*)"', world.alice.http.get(f"{PAGE}?client=vscode").content.decode())
    assert compat("acme") in unquote(link)


@pytest.mark.parametrize("query", ["client=<script>", "client=&address=", "address=%00", "client=x&address=../../etc"])
def test_what_nobody_can_choose_is_the_first_app_and_the_canonical_address(world: World, query: str) -> None:
    page = world.alice.sign_in().http.get(f"{PAGE}?{query}")
    assert 'aria-current="true">ChatGPT</a>' in page.content.decode()
    assert "<script>" not in page.content.decode()
    assert "connects from the Internet, and this address leads only to this computer" in shown(page)


def test_checking_tells_what_is_wrong_where_and_leaves_time_between(
    world: World, host: EndpointHost, settings: Any
) -> None:
    settings.GATEWAY_URL = host.publish("/mcp")
    settings.COMPAT_URL = host.publish("/mcp/acme/mcp", document=Reply({}, 404)).replace("/acme/", "/{handle}/")
    settings.HOSTED_URL = f"http://{{handle}}.localhost:{host.server_port}/hosted/mcp"
    host.publish("/hosted/mcp", host="acme.localhost", metadata={"authorization_servers": ["https://old.example"]})
    alice = world.alice.sign_in().http
    assert alice.get(CHECK)["Location"] == f"{PAGE}#addresses"  # reading changes nothing
    assert host.requests == []
    page = shown(alice.post(CHECK, follow=True))
    assert page.count("Does not answer as apps need it") == 2
    assert "sends apps to https://old.example to sign in, not to http://127.0.0.1:8000." in page
    assert "answers with status 404 instead of the metadata" in page
    assert page.count("A request without a credential is asked to sign in.") == 1
    told = alice.get("/api/v1/handles/acme/resources").json()["endpoints"]
    assert [each["last_check"] and each["last_check"]["answers"] for each in told] == [False, False, True]
    # A second press comes too early; what was found stays, for the other admins of the handle too.
    asked = len(host.requests)
    assert "The addresses were checked a moment ago." in shown(alice.post(CHECK, follow=True))
    assert len(host.requests) == asked
    Membership.objects.filter(user=world.bob.user, handle__slug="acme").update(role="admin")
    assert "https://old.example" in shown(world.bob.sign_in().http.get(PAGE))
    warned = "When it was last checked, this address did not answer as apps need it."
    assert [warned in shown(alice.get(f"{SHARED}?address={each}")) for each in ("hosted", "gateway")] == [True, False]
    assert shown(alice.get("/handles/globex/integrations")).count("Not checked yet.") == 2  # the gateway is everybody's


@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_for_everybody_else_the_page_and_the_check_are_not_there(world: World, who: str) -> None:
    http = getattr(world, who).sign_in().http
    assert [http.get(PAGE).status_code, http.post(CHECK).status_code] == [404, 404]


def test_a_suspended_handle_has_no_page_and_its_members_read_why(world: World) -> None:
    Handle.objects.filter(slug="acme").update(status="suspended")
    assert world.alice.sign_in().http.get(PAGE).status_code == 404
    shared = world.alice.http.get(SHARED)
    assert (shared.status_code, "@acme is suspended" in words(shared)) == (403, True)
    assert "suspended" not in words(world.carol.sign_in().http.get(SHARED))


def test_a_member_follows_the_link_through_sign_in_and_sees_only_what_is_theirs(world: World) -> None:
    http = world.bob.http
    login = http.get(f"{SHARED}?client=claude-code")["Location"]
    following = field_value(http.get(login).content.decode(), "next")
    assert following == f"{SHARED}?client=claude-code"
    arrived = http.post(login, {"login": world.bob.email, "password": PASSWORD, "next": following}, follow=True)
    text = shown(arrived)
    assert f"claude mcp add --transport http acme {hosted('acme')}" in snippets(arrived)
    assert "Needs the role Admin." in text  # of the use cases' scopes
    for admins_only in ("Check now", "Link for members", "Not checked yet"):
        assert admins_only not in text
    assert arrived["Cache-Control"] == "no-store"


def test_whoever_may_not_enter_learns_nothing_about_the_handle(world: World) -> None:
    login = Http(headers={"accept": "text/html"}).get("/connect/no-such-handle")
    assert login["Location"] == "/accounts/login/?next=/connect/no-such-handle"
    http = world.carol.sign_in().http
    pages = []
    for slug in ("acme", "globex", "no-such-handle", "ACME", "%2e%2e", "x" * 300):
        answer = http.get(f"/connect/{slug}")
        assert (answer.status_code, answer["Cache-Control"]) == (404, "no-store")
        pages.append(words(answer).replace(answer["X-Request-Id"], "").replace(slug, ""))
    assert len(set(pages)) == 1, pages
    assert "for an invitation" in pages[0]
    assert "Acme Inc." not in pages[0]


def test_a_guest_of_a_public_handle_sees_the_steps(world: World) -> None:
    Handle.objects.filter(slug="acme").update(visibility="public")
    text = shown(world.carol.sign_in().http.get(SHARED))
    assert "Acme Inc." in text
    assert "Guest" in text
    assert world.carol.http.get(PAGE).status_code == 404
