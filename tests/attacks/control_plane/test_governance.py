"""Deciding for a handle that is not one's own: nobody but its admins and owners, on our pages, and only for it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Http

from authserver.models import Client, ClientPolicy, ClientRule, Connection
from handles.models import Handle, Membership
from tests.people import App, Person, World, hosted

CLIENTS = "/handles/acme/clients"
PAGES = ["/handles/acme", CLIENTS, f"{CLIENTS}/policy", f"{CLIENTS}/decide", f"{CLIENTS}/disconnect"]


def forms(app: App) -> list[tuple[str, dict[str, str]]]:
    """Every form of the control plane, as the page of an admin would post it."""
    fingerprint = Client.objects.get(client_id=app.client_id).fingerprint
    entry = {"kind": "fingerprint", "value": fingerprint}
    return [
        (f"{CLIENTS}/policy", {"mode": "listed"}),
        (f"{CLIENTS}/decide", entry | {"decision": "block"}),
        (f"{CLIENTS}/decide", {"client_id": app.client_id, "decision": "block"}),
        (f"{CLIENTS}/disconnect", entry | {"confirm": "yes"}),
    ]


ITS_OWN = r'name="csrfmiddlewaretoken" value="\w+"|[0-9a-f]{32}'  # what two answers never share


def nothing_changed() -> bool:
    undecided = not ClientRule.objects.exists() and not ClientPolicy.objects.exists()
    return undecided and not Connection.objects.exclude(ended_at=None).exists()


def outsiders(world: World) -> list[Person]:
    """A member, the owner of another handle without a seat here, and an administrator of the server without one."""
    Membership.objects.filter(handle__slug="acme", user__email="bob@example.com").update(role="member")
    Membership.objects.create(handle=Handle.objects.get(slug="initech"), user=world.carol.user, role="owner")
    return [world.bob, world.carol, world.admin]


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_nobody_but_admins_and_owners_sees_the_pages(world: World, chatgpt: App, visibility: str) -> None:
    Handle.objects.update(visibility=visibility)
    for person in outsiders(world):
        person.sign_in()
        answers = [person.http.get(path) for path in PAGES]
        # The first page of a handle is its members' too; it tells them nothing of what admins decide.
        assert [each.status_code for each in answers[1:]] == [404] * len(PAGES[1:])
        assert answers[0].status_code == (200 if person is world.bob else 404)
        assert "Decide which apps may connect" not in answers[0].content.decode()


def test_a_handle_of_others_and_one_that_does_not_exist_look_the_same(world: World) -> None:
    world.carol.sign_in()
    answers = [world.carol.http.get(f"/handles/{slug}/clients") for slug in ("acme", "nosuch")]
    first, second = (re.sub(ITS_OWN, "", answer.content.decode()) for answer in answers)
    assert first.replace("acme", "") == second.replace("nosuch", "")


def test_nobody_but_admins_and_owners_posts_the_forms(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    for person in outsiders(world):
        person.sign_in()
        assert [person.http.post(path, form).status_code for path, form in forms(chatgpt)] == [404] * 4
    assert nothing_changed()
    assert world.asker.is_active(held.access)


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(world: World, chatgpt: App) -> None:
    for path, form in forms(chatgpt):
        answer = Http().post(path, form)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
    assert nothing_changed()


@pytest.mark.parametrize("loss", ["demoted", "removed", "suspended", "deactivated"])
def test_an_admin_who_lost_their_standing_decides_nothing_more(world: World, chatgpt: App, loss: str) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    seat = Membership.objects.filter(handle__slug="acme", user__email="alice@example.com")
    if loss == "demoted":
        seat.update(role="member")
    elif loss == "removed":
        seat.delete()
    elif loss == "suspended":
        Handle.objects.filter(slug="acme").update(status="suspended")
    else:
        type(world.alice.user).objects.filter(email="alice@example.com").update(is_active=False)
    for path, form in forms(chatgpt):
        assert world.alice.http.post(path, form).status_code in (302, 404)
    assert nothing_changed()


def test_another_site_cannot_post_the_forms(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    strict = Http(enforce_csrf_checks=True)
    strict.force_login(world.alice.user)
    for path, form in forms(chatgpt):
        assert strict.post(path, form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert nothing_changed()


def test_no_link_decides_anything(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    for path, form in forms(chatgpt):
        assert world.alice.http.get(path, form).status_code == 302
    assert nothing_changed()


def test_disconnecting_needs_the_confirmation(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    path, form = forms(chatgpt)[3]
    for confirm in ("", "no", "YES"):
        assert world.alice.http.post(path, form | {"confirm": confirm}).status_code == 200
    assert world.asker.is_active(held.access)


@pytest.mark.parametrize("decision", ["allow", "block"])
def test_a_rule_of_acme_says_nothing_about_globex(world: World, chatgpt: App, decision: str) -> None:
    here, there = (world.connect(world.alice, chatgpt, handle=handle) for handle in ("acme", "globex"))
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="globex"), mode="listed")
    client = Client.objects.get()
    for kind, value in (("client_id", client.client_id), ("fingerprint", client.fingerprint)):
        ClientRule.objects.create(handle=Handle.objects.get(slug="acme"), kind=kind, value=value, decision=decision)
    assert world.asker.is_active(here.access) == (decision == "allow")
    assert not world.asker.is_active(there.access)
    ClientPolicy.objects.all().delete()
    assert world.asker.is_active(there.access)
    assert chatgpt.refresh(there.refresh).status_code == 200


def test_a_button_about_a_client_that_the_handle_does_not_know_is_not_found(world: World, chatgpt: App) -> None:
    elsewhere = world.connect(world.alice, chatgpt, handle="globex")
    for path, form in forms(chatgpt):
        if "kind" in form:
            assert world.alice.http.post(path, form).status_code == 404
    assert nothing_changed()
    assert world.asker.is_active(elsewhere.access)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "fingerprint", "value": "\x00", "decision": "block"},
        {"kind": "nonsense", "value": "x", "decision": "block"},
        {"kind": "fingerprint", "value": "", "decision": "allow"},
        {"kind": "client_id", "value": "x" * 5000, "decision": "allow"},
    ],
)
def test_a_form_of_ones_own_making_is_refused_not_a_fault(world: World, form: dict[str, str]) -> None:
    world.alice.sign_in()
    for path in (f"{CLIENTS}/decide", f"{CLIENTS}/disconnect"):
        assert world.alice.http.post(path, form).status_code == 404
    assert nothing_changed()


@pytest.mark.parametrize("decision", ["", "pending", "ALLOW", "delete"])
def test_no_other_word_can_be_posted(world: World, chatgpt: App, decision: str) -> None:
    world.alice.sign_in()
    form = {"client_id": chatgpt.client_id, "decision": decision}
    assert world.alice.http.post(f"{CLIENTS}/decide", form).status_code == 400
    assert nothing_changed()


@pytest.mark.parametrize("slug", ["acme%00", "ACME%2F..", "%40", "a" * 300, "..", "xn--acme"])
def test_a_handle_of_no_form_is_not_found(world: World, slug: str) -> None:
    world.alice.sign_in()
    assert world.alice.http.get(f"/handles/{slug}/clients").status_code == 404


def test_a_client_cannot_be_let_in_by_the_person_who_asks(world: World, chatgpt: App) -> None:
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="acme"), mode="ask")
    page = world.bob.open(chatgpt.authorize_url(hosted("acme")))
    answer: Any = world.bob.decide(page, decision="allow", kind="client_id", handle="globex")
    assert answer.status_code == 202
    assert [rule.decision for rule in ClientRule.objects.all()] == ["pending"]
    assert Connection.objects.count() == 0


def test_a_client_that_changes_where_it_sends_people_loses_the_word_it_had(world: World, chatgpt: App) -> None:
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="acme"), mode="listed")
    world.alice.sign_in()
    world.alice.http.post(f"{CLIENTS}/decide", {"client_id": chatgpt.client_id, "decision": "allow"})
    held = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    told = chatgpt.registration
    changed = {
        "client_name": "ChatGPT",
        "redirect_uris": ["https://evil.example/callback"],
        "client_id": chatgpt.client_id,
    }
    answer = Http().put(
        f"/oauth/register/{chatgpt.client_id}",
        changed,
        content_type="application/json",
        headers={"Authorization": f"Bearer {told['registration_access_token']}"},
    )
    assert answer.status_code == 200, answer.content
    assert world.asker.knows(held.access) == {"active": False}


def test_markup_in_a_name_stays_text(world: World) -> None:
    app = App.register('"><script>alert(1)</script>', "https://app.example/callback")
    world.connect(world.bob, app, handle="acme")
    world.alice.sign_in()
    assert "<script>alert" not in world.alice.http.get(CLIENTS).content.decode()
