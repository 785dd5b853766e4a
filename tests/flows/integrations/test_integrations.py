"""The page of a handle's addresses, as its admins use it, and the link that they give to others."""

from __future__ import annotations

import re
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Http

from authserver.models import DoctorReport, ProtectedResource, Scope
from handles.models import Handle, Membership
from tests.authserver.views.test_consent_page import words
from tests.flows.integrations import endpoint_host
from tests.gatehouse.deployment import Reply
from tests.people import PASSWORD, World, compat, field_value, hosted

PAGE, CHECK, SHARED = "/handles/acme/integrations", "/handles/acme/integrations/check", "/connect/acme"
pytestmark = pytest.mark.covers("req:T8")


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


def test_checking_tells_what_is_wrong_where_and_leaves_time_between(world: World, settings: Any) -> None:
    with endpoint_host.running(settings) as there:
        there.answers["GET /.well-known/oauth-protected-resource/mcp/acme/mcp"] = Reply(404, {})
        alice = world.alice.sign_in().http
        assert alice.get(CHECK)["Location"] == f"{PAGE}#addresses"  # reading changes nothing
        assert there.requests == []
        page = shown(alice.post(CHECK, follow=True))
        assert page.count("Does not answer as apps need it") == 2
        assert f"to the authorization server https://old.example, not to {there.origin}." in page
        assert "answered 404 where the resource metadata was expected." in page
        assert page.count("It has failed since") == 2
        assert page.count("The token endpoint answers: Good") >= 1
        assert "POST /mcp/acme/mcp" in there.asked
        told = alice.get("/api/v1/handles/acme/resources").json()["endpoints"]
        assert [each["last_check"] and each["last_check"]["answers"] for each in told] == [False, False, True]
        # A second press comes too early; what was found stays, for the other admins of the handle too.
        asked = len(there.requests)
        assert "The addresses were checked a moment ago." in shown(alice.post(CHECK, follow=True))
        assert len(there.requests) == asked
        # One app's way to one address is another thing: its result stands beside, with an address of its own.
        went = alice.post(CHECK, {"address": "gateway", "as": "inspector"})
        assert went["Location"] == f"{PAGE}?walk=gateway&as=inspector#at-gateway"
        walked = shown(alice.get(went["Location"]))
        assert "Checked as MCP Inspector" in walked
        assert "Access-Control-Allow-Origin: *" in walked
        assert "Checked as MCP Inspector" not in shown(alice.get(PAGE))
        for query in ("walk=gateway&as=<b>", "walk=<b>&as=inspector", "walk=hosted&as=inspector", "as=%00"):
            assert "Checked as MCP Inspector" not in shown(alice.get(f"{PAGE}?{query}"))
    # The last page reads what stood there, long after.
    Membership.objects.filter(user=world.bob.user, handle__slug="acme").update(role="admin")
    assert "https://old.example" in shown(world.bob.sign_in().http.get(PAGE))
    warned = "When it was last checked, this address did not answer as apps need it."
    assert [warned in shown(alice.get(f"{SHARED}?address={each}")) for each in ("hosted", "gateway")] == [True, False]
    assert shown(alice.get("/handles/globex/integrations")).count("Not checked yet.") == 2  # the gateway is everybody's


@pytest.mark.parametrize("form", [{"address": "nowhere", "as": "claude"}, {"address": "hosted", "as": "\x00"}])
def test_what_nobody_can_choose_is_checked_as_everything_is(world: World, settings: Any, form: dict[str, str]) -> None:
    with endpoint_host.running(settings) as there:
        answer = world.alice.sign_in().http.post(CHECK, form)
        assert answer["Location"] == f"{PAGE}#addresses"
        assert "POST /mcp" in there.asked


def test_an_administrator_reads_the_last_reports_and_the_command_prints_them(world: World, settings: Any) -> None:
    with endpoint_host.running(settings):
        said = StringIO()
        with pytest.raises(CommandError, match="something to mend"):
            call_command("doctor", handle="acme", profile="claude", verbose=True, stdout=said)
        assert "https://old.example" in said.getvalue()
        assert "Claude (web, desktop, mobile) gets to the sign-in page." in said.getvalue()
        for wrong in ({"handle": "nobody"}, {"profile": "claude"}):
            with pytest.raises(CommandError):
                call_command("doctor", **wrong)
        said = StringIO()
        with pytest.raises(CommandError, match="something to mend"):
            call_command("doctor", stdout=said)
        assert "7 addresses walked to" in said.getvalue()
    admin = world.admin.sign_in().http
    rows = shown(admin.get("/admin/authserver/doctorreport/?q=acme&ok__exact=0"))
    assert "wrong_authorization_server" in rows
    failing = DoctorReport.objects.get(handle="acme", kind="hosted", profile="claude")
    report = shown(admin.get(f"/admin/authserver/doctorreport/{failing.pk}/change/"))
    assert "The MCP server says which authorization server it trusts: Failed" in report
    assert "https://old.example" in report
    assert admin.get("/admin/authserver/doctorreport/add/").status_code == 403
    assert world.alice.sign_in().http.get("/admin/authserver/doctorreport/").status_code != 200


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
