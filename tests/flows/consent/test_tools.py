"""The tools that a consent page shows are those that the connection then has; what comes later waits for a word."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from authserver.models import Connection, Event, ProtectedResource, Tool
from tests.authserver.views.test_consent_page import box, words
from tests.flows.changes import set_client, set_role
from tests.flows.consent.publishing import DELETES, FIRST, READS, ROW, counted, part, publish, tools_on
from tests.people import App, Tokens, World, answer_of, hosted, tokens_of

pytestmark = [pytest.mark.covers("ask:6", "ask:7"), pytest.mark.django_db]

ASKED = "links.read links.write site.deployments.write"
LATER = {"purge_links": ("Purge links", "links.write", DELETES)}


def ask(world: World, app: App, scope: str = ASKED, who: str = "alice", **more: str | None) -> Any:
    page = getattr(world, who).open(app.authorize_url(hosted("acme"), scope=scope, **more))
    assert page.status_code == 200, page.content
    return page


def listed(world: World, held: Tokens) -> set[str]:
    """Return the titles of the tools that `tools/list` has for a credential, by what introspection says of it."""
    hidden = world.asker.knows(held.access).get("withheld_tools", [])
    return set(Tool.objects.exclude(name__in=hidden).values_list("title", flat=True))


def connect(world: World, app: App, scope: str = ASKED, who: str = "alice", **choice: Any) -> Tokens:
    """Allow what a page comes with, or the choice."""
    answer = getattr(world, who).decide(ask(world, app, scope, who), **choice)
    return tokens_of(app.exchange(answer_of(answer)["code"]))


@pytest.mark.parametrize(
    "ticked", [None, [], ["links.read"], ["links.read", "links.write", "site.deployments.write"]], ids=str
)
def test_what_the_page_shows_as_ticked_is_what_the_client_then_lists(
    world: World, chatgpt: App, ticked: list[str] | None
) -> None:
    publish(world, FIRST)
    page = ask(world, chatgpt)
    if ticked is not None:
        page = world.alice.decide(page, "", preset="custom", scope=ticked)
    asking = set(tools_on(part(page, "data-asking")))
    html = part(page, "data-tools")
    shown = {title for title, marks in drawn(html) if not_locked(page, marks)}
    answer = world.alice.decide(page)
    assert shown | asking == listed(world, tokens_of(chatgpt.exchange(answer_of(answer)["code"])))
    assert "List pages" in asking


def drawn(html: str) -> list[tuple[str, str]]:
    return [(title, marks) for marks, title in ROW.findall(html) if "hidden" not in marks]


def not_locked(page: Any, marks: str) -> bool:
    """Tell whether all boxes that a tool takes are ticked, as the page's own script does."""
    needs = marks.partition('data-needs="')[2].partition('"')[0].split()
    return all("checked" in (box(page, name) or set()) for name in needs)


def test_the_page_counts_what_is_ticked_and_marks_what_deletes(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    page = ask(world, chatgpt)
    assert counted(page) == "3 tools, 1 can change data"
    assert "Asks you first: 1 more" in words(page)
    said = words(page)
    assert "Publish the site deploy_site May delete" in said
    assert "Publish your site Not ticked" in said
    assert "Create a link create_link Also needs: Read your links Change" in said


def test_an_endpoint_without_published_tools_says_nothing_of_tools(world: World, chatgpt: App) -> None:
    publish(world, FIRST, kind="compatibility")
    assert "data-tools" not in ask(world, chatgpt).content.decode()


@pytest.mark.parametrize(
    ("preset", "ticked", "says"),
    [
        ("read", {"links.read"}, "2 tools, 0 can change data"),
        ("all", {"links.read", "links.write", "site.deployments.write"}, "4 tools, 2 can change data"),
        ("custom", {"links.write"}, "1 tool, 0 can change data"),
        ("nonsense", {"links.write"}, "1 tool, 0 can change data"),
    ],
)
def test_a_preset_brings_the_page_back_with_its_ticks_and_grants_nothing(
    world: World, chatgpt: App, preset: str, ticked: set[str], says: str
) -> None:
    publish(world, FIRST)
    page = world.alice.decide(ask(world, chatgpt), "", preset=preset, scope=["links.write"])
    assert page.status_code == 200
    assert {name for name in ASKED.split() if "checked" in (box(page, name) or set())} == ticked
    assert counted(page) == says
    chosen = "custom" if preset == "nonsense" else preset
    assert f'value="{chosen}" formnovalidate aria-pressed="true"' in page.content.decode()
    assert not Connection.objects.exists()


def test_a_preset_keeps_the_handle_and_ticks_nothing_that_the_role_forbids(world: World, chatgpt: App) -> None:
    page = world.bob.open(chatgpt.authorize_url(scope=ASKED))
    page = world.bob.decide(page, "", preset="all", handle="acme")
    assert 'value="acme" data-role="member" checked' in page.content.decode()
    answer = world.bob.decide(page, handle="acme")
    assert "site.deployments.write" not in tokens_of(chatgpt.exchange(answer_of(answer)["code"])).scope


def test_left_unticked_it_is_declined_until_it_is_granted(world: World, chatgpt: App) -> None:
    connect(world, chatgpt, scope="links.read links.write", handle="acme")
    row = Connection.objects.get()
    assert row.declined_scopes == ""
    page = ask(world, chatgpt, scope="links.write pages.read pages.write")
    world.alice.decide(page, scope=["pages.read"])
    row.refresh_from_db()
    assert row.declined_scopes == "links.write pages.write"
    address = f"/connections/{row.pk}/scopes"
    assert box(world.alice.http.get(address), "pages.write") == set()
    world.alice.http.post(
        address, {"scope": ["links.read", "pages.read", "pages.write"], "offered": ["links.read", "pages.write"]}
    )
    row.refresh_from_db()
    assert row.declined_scopes == "links.write"
    assert "pages.write" in row.scopes
    assert "pages.write" in row.approved_scopes


def test_what_the_role_forbade_is_no_word_of_the_persons(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    answer = world.bob.decide(ask(world, chatgpt, who="bob"), scope=["links.read"])
    held = tokens_of(chatgpt.exchange(answer_of(answer)["code"]))
    row = Connection.objects.get()
    assert row.declined_scopes == "links.write"
    assert "Publish the site" not in listed(world, held)
    forged = {"scope": ["links.read", "site.deployments.write"], "offered": ["site.deployments.write"]}
    world.bob.http.post(f"/connections/{row.pk}/scopes", forged)
    row.refresh_from_db()
    assert "site.deployments.write" not in row.scopes
    set_role(world.bob, "acme", "admin")
    assert "Publish the site" in listed(world, held)


def test_tools_published_while_the_page_is_open_are_not_approved_by_it(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    page = ask(world, chatgpt)
    publish(world, FIRST, LATER)
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page))["code"]))
    assert Connection.objects.get().tools_version == 1
    assert "Purge links" not in listed(world, held)


def test_an_older_page_takes_no_approved_tools_back(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    old = ask(world, chatgpt)
    publish(world, FIRST, LATER)
    world.alice.decide(ask(world, chatgpt))
    world.alice.decide(old)
    assert Connection.objects.get().tools_version == 2


def test_new_tools_make_a_remembered_consent_ask_again_and_come_first(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    connect(world, chatgpt, scope="links.read links.write")
    set_client(chatgpt, is_verified=True)
    again = chatgpt.authorize_url(hosted("acme"), scope="links.read")
    assert world.alice.open(again).status_code == 302
    publish(world, FIRST, LATER)
    assert Connection.objects.get().tools_version == 1
    page = world.alice.open(again)
    assert "wants to connect" in words(page)
    assert tools_on(part(page, "data-new-tools")) == ["Purge links"]
    html = page.content.decode()
    assert html.index("New tools since you allowed it") < html.index("will be able to")
    world.alice.decide(page)
    assert Connection.objects.get().tools_version == 2
    assert world.alice.open(again).status_code == 302


def test_a_person_lets_a_connection_have_what_waits(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    held = connect(world, chatgpt, scope="links.read links.write")
    row = Connection.objects.get()
    address = f"/connections/{row.pk}/tools"
    assert world.alice.http.get(address)["Location"] == "/connections"
    more = LATER | {"count_links": ("Count links", "links.read", READS)}
    version = publish(world, FIRST, more)
    assert "2 new tools wait for your word" in words(world.alice.http.get("/connections"))
    said = words(world.alice.http.get(address))
    assert "Purge links purge_links Allowed by: Create and edit links May delete" in said
    assert world.bob.sign_in().http.get(address).status_code == 404
    assert world.bob.http.post(address, {"decision": "allow", "version": version}).status_code == 404
    for form in (
        {"decision": "later", "version": version},
        {"decision": "allow"},
        {"decision": "allow", "version": "x"},
    ):
        world.alice.http.post(address, form)
    assert "Purge links" not in listed(world, held)
    publish(world, FIRST, more, {"burn_links": ("Burn links", "links.write", DELETES)})
    before = Event.objects.count()
    world.alice.http.post(address, {"decision": "allow", "version": version})
    world.alice.http.post(address, {"decision": "allow", "version": version})
    event = Event.objects.first()
    assert event is not None
    assert (event.tag, event.connection_id, event.detail["version"]) == ("tools:approved", row.pk, version)
    assert Event.objects.count() == before + 1
    assert {"Purge links", "Count links"} <= listed(world, held)
    assert "Burn links" not in listed(world, held)
    world.alice.http.post(address, {"decision": "allow", "version": "999999999"})
    assert Connection.objects.get().tools_version == 3


def test_an_admin_approves_for_everybody_of_the_handle(world: World, chatgpt: App) -> None:
    publish(world, FIRST)
    held = connect(world, chatgpt, scope="links.read links.write")
    world.bob.decide(ask(world, chatgpt, scope="links.read", who="bob"))
    publish(world, FIRST, LATER)
    endpoint = ProtectedResource.objects.get(kind="hosted")
    act = f"/handles/acme/tools/{endpoint.pk}/approve"
    for method in (world.bob.http.get, world.bob.http.post):
        assert method(act, {"version": 2}).status_code == 404
    assert world.bob.http.get("/handles/acme/tools").status_code == 404
    said = words(world.alice.http.get("/handles/acme/tools"))
    assert "1 new tool waits. 1 of 2 connections has the permissions already." in said
    assert world.alice.http.get(act).status_code == 302
    assert "Purge links" not in listed(world, held)
    world.alice.http.post(act, {"version": "2"})
    said = words(world.alice.http.get("/handles/acme/tools"))
    assert "Everybody of @acme has the new tools of Hosted." in said
    assert "by alice@example.com" in said
    assert "No tool waits." in said
    assert "Purge links" in listed(world, held)
    assert "new tool" not in words(world.alice.http.get("/connections"))
    tags = Event.objects.filter(tag="tools:approved").values_list("handle", "connection_id")
    assert list(tags) == [("acme", None)]
    world.alice.http.post(act, {"version": "2"})
    assert Event.objects.filter(tag="tools:approved").count() == 1


def test_the_tools_cost_the_page_two_statements_at_the_most(world: World, chatgpt: App) -> None:
    ask(world, chatgpt)
    with CaptureQueriesContext(database) as without:
        ask(world, chatgpt)
    publish(world, FIRST)
    with CaptureQueriesContext(database) as having:
        ask(world, chatgpt)
    assert len(having) - len(without) <= 2
