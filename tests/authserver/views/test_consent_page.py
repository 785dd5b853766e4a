"""What the consent page says: who asks, where the answer goes, for which handle, what is asked, how long."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from authserver.models import Client, Scope
from authserver.services.governance import decisions
from tests.flows.changes import set_role, set_scope
from tests.people import CALLBACK, READS, App, World, answer_of, hosted, tokens_of

WIDE = f"{READS} links.write analytics.read site.deployments.write offline_access"
MARKS = ("checked", "disabled")


def words(page: Any) -> str:
    """Return the text of a page's main part, spaces folded."""
    main = page.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def box(page: Any, scope: str) -> set[str] | None:
    """Return how the checkbox of this scope stands (checked, disabled), or None where there is none."""
    found = re.search(rf'<input type="checkbox" name="scope" value="{re.escape(scope)}"([^>]*)>', page.content.decode())
    return {mark for mark in MARKS if re.search(rf"\s{mark}\b", found[1])} if found else None


def ask(world: World, app: App, person: str = "alice", **parameters: str | None) -> Any:
    page = getattr(world, person).open(app.authorize_url(**{"resource": hosted("acme")} | parameters))
    assert page.status_code == 200, page.content
    return page


# --- Who asks


def test_the_heading_and_the_title_name_the_client(world: World, chatgpt: App) -> None:
    html = ask(world, chatgpt).content.decode()
    assert "<title>ChatGPT wants to connect · Gatehouse</title>" in html
    assert html.count("<h1") == 1
    assert '<h1 id="heading"><bdi>ChatGPT</bdi> wants to connect</h1>' in html


def test_a_client_cannot_write_markup_into_the_page(world: World) -> None:
    page = ask(world, App.register('<img src=x onerror="a">&amp;')).content.decode()
    assert "<img" not in page
    assert "&lt;img src=x onerror=&quot;a&quot;&gt;&amp;amp;" in page


def test_a_client_that_registered_itself_is_unverified_and_the_page_says_what_that_means(
    world: World, chatgpt: App
) -> None:
    said = words(ask(world, chatgpt))
    assert "Unverified" in said
    assert "This app registered itself. Only continue if you started this from chatgpt.com" in said


def test_a_client_cannot_call_itself_verified(world: World) -> None:
    app = App.register("ChatGPT (Verified)", is_verified=True, verified=True, software_id="openai")
    assert "Unverified" in words(ask(world, app))


def test_a_client_that_an_administrator_checked_is_verified(world: World, chatgpt: App) -> None:
    decisions.verify(Client.objects.get(), by=world.admin.user, note="")
    said = words(ask(world, chatgpt))
    assert "Verified" in said
    day = date_format(timezone.now(), "DATE_FORMAT")
    assert f"Who verified it Checked by the people who run this server on {day}." in said
    assert "Unverified" not in said
    assert "registered itself" not in said


def test_the_client_s_own_links_pass_nothing_on_and_show_where_they_lead(world: World) -> None:
    app = App.register(client_uri="https://site.example/a", policy_uri="https://policy.example/", tos_uri="")
    html = ask(world, app).content.decode()
    assert {"site.example", "policy.example"} <= set(words(ask(world, app)).split())
    for link in re.findall(r'<a [^>]*href="https://(?:site|policy)\.example[^>]*>', html):
        assert {"noopener", "nofollow", "noreferrer"} <= set(re.search(r'rel="([^"]*)"', link)[1].split())  # type: ignore[index]
    assert "Terms" not in words(ask(world, app))


def test_nothing_of_the_client_s_is_loaded_into_the_page(world: World) -> None:
    html = ask(world, App.register(logo_uri="https://logo.example/l.png")).content.decode()
    assert "logo.example" not in html
    assert re.findall(r'(?:src|srcset)="(?!/static/)[^"]*"', html) == []


# --- Where the answer goes


def test_the_page_names_the_host_that_gets_the_answer_and_the_whole_address(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt)
    assert "You will be sent to chatgpt.com" in words(page)
    assert f'<code class="wrap" dir="ltr">{CALLBACK}</code>' in page.content.decode()
    assert "runs on this computer" not in words(page)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("[::1]", "::1")])
def test_a_program_on_this_computer_is_warned_of_with_its_port(world: World, host: str, shown: str) -> None:
    app = App.register("Claude Code", f"http://{host}/callback")
    app.redirect_uri = f"http://{host}:53211/callback"
    said = words(ask(world, app))
    assert f"This app runs on this computer. It listens at {shown} , port 53211." in said.replace(
        f"{shown},", f"{shown} ,"
    )
    assert "We cannot check which program that is." in said


def test_an_app_on_this_device_is_named_by_the_scheme_that_opens_it_not_by_itself(world: World) -> None:
    said = words(ask(world, App.register("Bank of Nowhere", "cursor://anysphere.cursor-mcp/oauth/callback")))
    assert "Opens the app Cursor on this device cursor:" in said


def test_a_long_address_cannot_hide_its_host(world: World) -> None:
    app = App.register("X", f"https://chatgpt.com.{'a' * 60}.evil.example/cb")
    html = ask(world, app).content.decode()
    assert f'<strong class="wrap"><bdi>chatgpt.com.{"a" * 60}.evil.example</bdi></strong>' in html


def test_an_international_host_is_shown_in_both_writings(world: World) -> None:
    said = words(ask(world, App.register("X", "https://xn--bcher-kva.example/cb")))
    assert "You will be sent to xn--bcher-kva.example" in said
    assert "Written as bücher.example" in said


# --- Who allows, for which handle


def test_the_page_says_who_is_signed_in_and_for_which_handle(world: World, chatgpt: App) -> None:
    said = words(ask(world, chatgpt))
    assert "Signed in as alice@example.com" in said
    assert "Connecting to @acme" in said
    assert "Set by the address the app used" in said
    assert "Allow for @acme" in said
    assert "This connection stays on @acme" in said


def test_the_picker_shows_name_and_role_of_each_handle(world: World, chatgpt: App) -> None:
    said = words(world.bob.open(chatgpt.authorize_url()))
    assert "Choose one handle" in said
    assert "@initech Initech Owner" in said
    assert "@acme Acme Inc. Member" in said
    assert "globex" not in said


# --- What is asked


def test_scopes_are_sentences_with_a_level_and_their_raw_name(world: World, chatgpt: App) -> None:
    said = words(ask(world, chatgpt, scope=WIDE))
    assert "ChatGPT will be able to" in said
    assert "Read your links Read" in said
    assert "Create and edit links Change" in said
    assert "Publish your site Manage" in said
    assert "Changes what the public sees." in said
    assert "links.write" in said


def test_all_is_ticked_but_manage(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope=WIDE)
    assert box(page, "links.read") == box(page, "links.write") == box(page, "analytics.read") == {"checked"}
    assert box(page, "site.deployments.write") == set()


def test_what_is_required_is_ticked_and_cannot_be_unticked(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope="links.read")
    assert box(page, "mcp.connect") == {"checked", "disabled"}
    assert "Required" in words(page)


@pytest.mark.parametrize("ticked", [[], ["links.read"], ["mcp.connect", "links.read"]])
def test_what_is_required_is_granted_whether_posted_or_not(world: World, chatgpt: App, ticked: list[str]) -> None:
    answer = answer_of(world.alice.decide(ask(world, chatgpt, scope="links.read"), scope=ticked))
    assert "mcp.connect" in tokens_of(chatgpt.exchange(answer["code"])).scope.split()


def test_what_is_not_asked_for_is_not_shown(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope="links.read")
    shown = [name for name in Scope.objects.values_list("name", flat=True) if box(page, name) is not None]
    assert sorted(shown) == ["links.read", "mcp.connect"]


def test_staying_connected_is_said_in_words_and_not_as_a_box(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope=f"{READS} offline_access")
    assert box(page, "offline_access") is None
    assert "offline_access" in tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page))["code"])).scope


def test_unknown_scopes_are_never_shown(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope="links.read admin:everything <b>")
    assert "admin:everything" not in words(page)


@pytest.mark.parametrize("scope", [None, "", "  "])
def test_a_client_that_asks_for_nothing_is_said_to_have_asked_for_all(
    world: World, chatgpt: App, scope: str | None
) -> None:
    page = ask(world, chatgpt, scope=scope)
    assert "The app did not say what it needs. These are all permissions of this connection." in words(page)
    assert box(page, "webhooks.write") == set()
    assert box(page, "pages.write") == {"checked"}


def test_a_client_that_says_what_it_needs_is_not_said_to_have_asked_for_all(world: World, chatgpt: App) -> None:
    assert "did not say" not in words(ask(world, chatgpt, scope="links.read"))


@pytest.mark.parametrize(
    ("role", "scope", "stands"),
    [
        ("owner", "site.deployments.write", set()),
        ("admin", "site.deployments.write", set()),
        ("member", "site.deployments.write", {"disabled"}),
        ("member", "links.write", {"checked"}),
        ("public", "links.write", {"disabled"}),
        ("public", "links.read", {"checked"}),
    ],
)
def test_what_the_role_may_not_allow_is_disabled(
    world: World, chatgpt: App, role: str, scope: str, stands: set[str]
) -> None:
    set_role(world.bob, "acme", role)
    page = ask(world, chatgpt, "bob", scope=WIDE)
    assert box(page, scope) == stands


def test_the_reason_of_a_disabled_box_is_given(world: World, chatgpt: App) -> None:
    assert "Needs the role admin." in words(ask(world, chatgpt, "bob", scope=WIDE))
    assert "Needs the role" not in words(ask(world, chatgpt, "alice", scope=WIDE))


def test_before_a_handle_is_chosen_the_page_says_what_needs_which_role(world: World, chatgpt: App) -> None:
    page = world.bob.open(chatgpt.authorize_url(scope=WIDE))
    assert "Only an admin or owner of the handle can allow this." in words(page)
    assert box(page, "site.deployments.write") == set()


def test_a_manage_scope_the_connection_has_already_comes_ticked(world: World, chatgpt: App) -> None:
    page = ask(world, chatgpt, scope=WIDE)
    world.alice.decide(page, scope=[*READS.split(), "site.deployments.write"])
    again = ask(world, chatgpt, scope=WIDE)
    assert box(again, "site.deployments.write") == {"checked"}
    assert box(ask(world, App.register("Other"), scope=WIDE), "site.deployments.write") == set()


def test_a_catalog_s_own_words_are_shown_and_escaped(world: World, chatgpt: App) -> None:
    set_scope("links.read", title="Read <b>links</b>")
    html = ask(world, chatgpt, scope="links.read").content.decode()
    assert "Read &lt;b&gt;links&lt;/b&gt;" in html


# --- How long, and the way out


def test_the_page_says_how_long_access_lasts_and_how_to_end_it(world: World, chatgpt: App, settings) -> None:
    said = words(ask(world, chatgpt))
    assert "Unused for 30 days, it ends by itself. Each key lives 10 minutes." in said
    assert "Disconnect at any time under Connected apps" in said
    assert "cannot act on your other handles" in said
    settings.ACCESS_TOKEN_LIFETIME_SECONDS = 60
    assert "Each key lives 1 minute." in words(ask(world, chatgpt))


def test_a_client_that_cannot_refresh_is_said_to_have_to_ask_again(world: World) -> None:
    said = words(ask(world, App.register(grant_types=["authorization_code"])))
    assert "Each key lives 10 minutes. Then the app has to ask again." in said
    assert "Until you disconnect it" not in said


def test_cancel_needs_no_valid_form_and_stands_beside_allow(world: World, chatgpt: App) -> None:
    html = world.alice.open(chatgpt.authorize_url()).content.decode()
    buttons = re.findall(r'<button class="([^"]*)" type="submit" name="decision" value="(\w+)"([^>]*)>(\w+)', html)
    assert [(value, text) for _, value, _, text in buttons] == [("cancel", "Cancel"), ("allow", "Allow")]
    assert "formnovalidate" in buttons[0][2]
    assert all("button" in kind.split() for kind, *_ in buttons)


def test_the_page_leads_nowhere_else(world: World, chatgpt: App) -> None:
    html = ask(world, chatgpt).content.decode()
    links = set(re.findall(r'<a [^>]*href="([^"]*)"', html))
    assert links == {"/connections"}
    assert "<nav" not in html
