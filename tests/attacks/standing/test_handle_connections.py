"""Ending what is not one's own: nobody but a handle's admins and owners sees or touches its connections, on our pages
only, and only those of that handle."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client as Http

from accounts.models import User
from authserver.models import Connection, Event
from handles.models import Handle, Membership
from tests.flows.standing.control_plane import CONNECTIONS, make_stream, names_on
from tests.people import App, Person, Tokens, World, hosted

ACTS = ("scopes", "pause", "resume", "disconnect")


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    """Bob, member of acme, connected there."""
    return world.connect(world.bob, chatgpt, resource=hosted("acme"))


def forms(slug: str = "acme") -> list[tuple[str, dict[str, str]]]:
    """Every form about connections, as the page of an admin would post it."""
    one = f"/handles/{slug}/connections/{Connection.objects.get(handle__slug='acme').pk}"
    return [
        (f"{one}/scopes", {"shown": "links.read"}),
        (f"{one}/pause", {}),
        (f"{one}/resume", {}),
        (f"{one}/disconnect", {"confirm": "yes"}),
        (f"/handles/{slug}/connections/disconnect", {"confirm": "yes", "count": "1"}),
    ]


def nothing_changed() -> bool:
    row = Connection.objects.get(handle__slug="acme")
    return row.is_live and not row.paused_by and not row.withheld_scopes


def outsiders(world: World) -> list[Person]:
    """The member whose connection it is, the owner of another handle, an administrator of the server without a
    seat."""
    Membership.objects.create(handle=Handle.objects.get(slug="globex"), user=world.carol.user, role="owner")
    return [world.bob, world.carol, world.admin]


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_nobody_but_admins_and_owners_sees_or_posts_anything(world: World, held: Tokens, visibility: str) -> None:
    Handle.objects.update(visibility=visibility)
    pages = [CONNECTIONS, *(path.rpartition("/")[0] if "scopes" in path else path for path, _ in forms())]
    for person in outsiders(world):
        person.sign_in()
        assert [person.http.get(path).status_code for path in pages] == [404] * len(pages)
        assert [person.http.post(path, form).status_code for path, form in forms()] == [404] * 5
    assert nothing_changed()
    assert world.asker.is_active(held.access)


def test_the_connection_of_one_handle_cannot_be_reached_through_another(world: World, held: Tokens) -> None:
    world.alice.sign_in()  # owner of both
    for path, form in forms("globex")[:4]:
        assert world.alice.http.post(path, form).status_code == 404
        assert world.alice.http.get(path).status_code == 404
    world.alice.http.post(*forms("globex")[4])
    assert nothing_changed()
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_admin_of_another_handle_reaches_nothing_through_their_own(world: World, held: Tokens, role: str) -> None:
    Membership.objects.filter(user=world.bob.user, handle__slug="initech").update(role=role)
    Membership.objects.filter(user=world.bob.user, handle__slug="acme").delete()
    world.bob.sign_in()
    for path, form in forms("initech")[:4]:
        assert world.bob.http.post(path, form).status_code == 404
    page = world.bob.http.get(f"/handles/initech/connections?person={world.bob.user.pk}")
    assert names_on(page) == []
    assert nothing_changed()


@pytest.mark.parametrize("loss", ["demoted", "removed", "suspended", "deactivated"])
def test_who_was_an_admin_can_do_nothing_more(world: World, held: Tokens, loss: str) -> None:
    world.alice.sign_in()
    seat = Membership.objects.filter(handle__slug="acme", user__email="alice@example.com")
    if loss == "demoted":
        seat.update(role="member")
    elif loss == "removed":
        seat.delete()
    elif loss == "suspended":
        Handle.objects.filter(slug="acme").update(status="suspended")
    else:
        User.objects.filter(email="alice@example.com").update(is_active=False)
    for path, form in forms():
        assert world.alice.http.post(path, form).status_code in (302, 404)
    assert world.alice.http.get(CONNECTIONS).status_code in (302, 404)
    assert nothing_changed()


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(world: World, held: Tokens) -> None:
    for path, form in [(CONNECTIONS, {}), *forms()]:
        answer = Http().post(path, form)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
    assert nothing_changed()


def test_another_site_cannot_post_the_forms(world: World, held: Tokens) -> None:
    strict = Http(enforce_csrf_checks=True)
    strict.force_login(world.alice.user)
    for path, form in forms():
        assert strict.post(path, form, headers={"Origin": "https://evil.example"}).status_code == 403
        assert strict.post(path, form).status_code == 403
    assert nothing_changed()


def test_no_link_does_anything(world: World, held: Tokens) -> None:
    world.alice.sign_in()
    for path, form in forms():
        assert world.alice.http.get(path, form).status_code == 302
    assert nothing_changed()


@pytest.mark.parametrize("confirm", ["", "no", "YES", "true"])
def test_ending_needs_the_confirmation(world: World, held: Tokens, confirm: str) -> None:
    world.alice.sign_in()
    for path, form in forms()[3:]:
        assert world.alice.http.post(path, form | {"confirm": confirm}).status_code == 200
    assert nothing_changed()


@pytest.mark.parametrize("act", ["", "/scopes", "/pause", "/resume", "/disconnect"])
def test_an_id_that_is_nobodys_is_not_found(world: World, held: Tokens, act: str) -> None:
    world.alice.sign_in()
    for made_up in (uuid4(), "not-an-id", "..", "%00"):
        assert world.alice.http.post(f"{CONNECTIONS}/{made_up}{act}", {"confirm": "yes"}).status_code == 404
    assert nothing_changed()


@pytest.mark.parametrize("act", ACTS)
def test_what_has_ended_cannot_be_brought_back_or_changed(world: World, held: Tokens, chatgpt: App, act: str) -> None:
    path = next(path for path, _ in forms() if path.endswith(act))
    chatgpt.revoke(held.refresh or "")
    world.alice.sign_in()
    before = Event.objects.count()
    assert world.alice.http.post(path, {"confirm": "yes", "shown": "links.read"}).status_code == 404
    assert Event.objects.count() == before
    assert not world.asker.is_active(held.access)


@pytest.mark.parametrize(
    "names", [["webhooks.write"], ["mcp.connect"], ["nonsense"], ["\x00"], ["x" * 5000], ["links.read "]]
)
def test_nothing_can_be_withheld_that_the_page_did_not_offer(world: World, held: Tokens, names: list[str]) -> None:
    world.alice.sign_in()
    answer = world.alice.http.post(forms()[0][0], {"shown": names})
    assert answer.status_code == 302
    assert nothing_changed()


def test_a_form_of_ones_own_making_gives_no_scope_that_the_person_did_not_allow(world: World, held: Tokens) -> None:
    world.alice.sign_in()
    names = ["links.write", "webhooks.write", "site.deployments.write"]
    world.alice.http.post(forms()[0][0], {"shown": names, "scope": names})
    assert "write" not in world.asker.knows(held.access)["scope"]


@pytest.mark.parametrize(
    "search",
    [
        {"person": "nonsense"},
        {"app": "nonsense"},
        {"status": "nonsense"},
        {"person": str(uuid4())},
        {"q": "nobody at all"},
    ],
)
def test_a_search_that_means_nothing_ends_nothing(world: World, held: Tokens, search: dict[str, str]) -> None:
    """A field that was not understood and left out would end everybody's."""
    world.alice.sign_in()
    world.alice.http.post(f"{CONNECTIONS}/disconnect", search | {"confirm": "yes", "count": "1"})
    assert nothing_changed()


def test_markup_in_names_stays_text(world: World) -> None:
    app = App.register('"><script>alert(1)</script>', "https://app.example/callback")
    User.objects.filter(email="bob@example.com").update(name="<script>alert(2)</script>")
    held = world.connect(world.bob, app, resource=hosted("acme"))
    world.alice.sign_in()
    one = f"{CONNECTIONS}/{world.asker.knows(held.access)['connection_id']}"
    pages = [
        world.alice.http.get(CONNECTIONS),
        world.alice.http.get(f"{CONNECTIONS}?q=%22%3E%3Cscript%3Ealert(3)"),
        world.alice.http.get(one),
        world.alice.http.post(f"{one}/disconnect"),
        world.alice.http.post(f"{CONNECTIONS}/disconnect", {"q": '"><script>alert(4)</script>'}),
    ]
    assert [page.status_code for page in pages] == [200] * 5
    assert [page for page in pages if "<script>alert" in page.content.decode()] == []


def test_the_pages_are_kept_by_no_cache_and_shown_in_no_frame(world: World, held: Tokens) -> None:
    world.alice.sign_in()
    for path in (CONNECTIONS, forms()[0][0].rpartition("/")[0]):
        answer = world.alice.http.get(path)
        assert answer["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_refused_attempts_tell_servers_nothing(world: World, held: Tokens) -> None:
    stream = make_stream(world.asker.id)
    world.bob.sign_in()
    for path, form in forms():
        world.bob.http.post(path, form)
    assert not stream.security_events.exists()
