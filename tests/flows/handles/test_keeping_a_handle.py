"""What owners do about their handle and its people: settings, roles, leaving, giving it away, its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from authserver.models import Connection, Event, PersonalAccessToken
from handles.models import Handle, Invitation, Membership, RetiredName
from tests.flows.changes import join, set_handle, set_role
from tests.flows.handles.people import (
    answer,
    confirmed,
    create,
    invite,
    invite_by_link,
    join_by_link,
    open_link,
    words_of,
)
from tests.flows.tokens.holder import make_token
from tests.people import App, World, hosted

SETTINGS = "/handles/acme/settings"


def acme() -> Handle:
    return Handle.objects.get(slug="acme")


def role_of(world: World, name: str) -> str | None:
    seat = Membership.objects.filter(user=getattr(world, name).user, handle__slug="acme").first()
    return seat.role if seat else None


def status(world: World, wanted: str) -> str:
    page = world.alice.http.post(f"{SETTINGS}/status", {"confirm": "yes", "wanted": wanted}, follow=True)
    return words_of(page)


@pytest.mark.covers("req:P2")
def test_an_owner_suspends_a_handle_and_everything_comes_back(world: World, chatgpt: App) -> None:
    tokens = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    world.alice.sign_in()
    asked = world.alice.http.post(f"{SETTINGS}/status", {"wanted": "suspended"})
    assert "1 live connection of an app" in words_of(asked)
    assert acme().status == "active"
    assert "@acme is suspended" in status(world, "suspended")
    assert (acme().suspended_by, world.asker.is_active(tokens.access)) == ("owner", False)
    assert world.alice.http.get("/handles/acme")["Location"] == SETTINGS
    assert world.bob.http.get("/handles/acme").status_code == 404
    assert "is active again" in status(world, "active")
    assert (acme().suspended_by, world.asker.is_active(tokens.access)) == ("", True)


@pytest.mark.parametrize("noted", ["administrator", ""])
def test_what_an_administrator_suspended_no_owner_changes(world: World, noted: str) -> None:
    world.alice.sign_in()
    set_handle("acme", status="suspended", suspended_by=noted)
    page = words_of(world.alice.http.get(SETTINGS))
    assert "Suspended by the people who run this server." in page
    assert "Activate this handle" not in page
    assert "Only they can change that." in status(world, "active")
    form = {"person": str(world.bob.user.pk), "confirm": "yes"}
    confirmed(world.alice, f"{SETTINGS}/transfer")
    world.alice.http.post(f"{SETTINGS}/transfer", form)
    world.alice.http.post(f"{SETTINGS}/delete", {"name": "acme"})
    assert (acme().status, role_of(world, "alice"), role_of(world, "bob")) == ("suspended", "owner", "member")
    assert not Event.objects.filter(handle="acme").exists()


def test_settings_are_kept_and_a_handle_made_private_loses_its_guests(world: World, chatgpt: App) -> None:
    world.alice.sign_in()
    saved = world.alice.http.post(SETTINGS, {"display_name": " Acme  Ltd ", "visibility": "public"}, follow=True)
    assert "Saved." in words_of(saved)
    tokens = world.connect(world.carol, chatgpt, resource=hosted("acme"), scope="mcp.connect")
    world.alice.http.post(SETTINGS, {"display_name": "Acme Ltd", "visibility": "nonsense"})
    assert (acme().display_name, acme().visibility) == ("Acme Ltd", "private")
    assert not world.asker.is_active(tokens.access)
    wrong = world.alice.http.post(SETTINGS, {"display_name": "\u200b", "visibility": "public"})
    assert wrong.status_code == 400
    assert "1 to 80 characters" in words_of(wrong)
    assert acme().visibility == "private"


@pytest.mark.covers("req:P2")
def test_a_handle_given_away_and_the_last_owner_stays(world: World) -> None:
    world.alice.sign_in()
    left = world.alice.http.post("/handles/acme/leave", {"confirm": "yes"}, follow=True)
    assert "A handle keeps at least one owner." in words_of(left)
    world.alice.http.post(f"/handles/acme/members/{world.alice.user.pk}/role", {"role": "member"})
    assert role_of(world, "alice") == "owner"
    confirmed(world.alice, f"{SETTINGS}/transfer")
    form = {"person": str(world.bob.user.pk)}
    asked = world.alice.http.post(f"{SETTINGS}/transfer", form)
    assert "Give @acme to bob@example.com?" in words_of(asked)
    assert role_of(world, "bob") == "member"
    world.alice.http.post(f"{SETTINGS}/transfer", form | {"confirm": "yes"})
    assert (role_of(world, "alice"), role_of(world, "bob")) == ("admin", "owner")
    assert Event.objects.filter(tag="handle:transferred", person_id=world.bob.user.pk).count() == 1
    assert world.alice.http.get(SETTINGS).status_code == 404
    assert world.alice.http.post("/handles/acme/leave", {"confirm": "yes"})["Location"] == "/handles"
    assert role_of(world, "alice") is None


@pytest.mark.covers("req:P2")
def test_a_deleted_handle_takes_everything_along_and_its_name_rests(world: World, chatgpt: App) -> None:
    tokens = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    make_token(world.bob, "acme")
    invite(world.alice.sign_in(), email="dora@example.com")
    page = words_of(confirmed(world.alice, f"{SETTINGS}/delete"))
    for told in ("1 live connection of an app (1 person)", "1 personal access token", "2 members", "1 open invitation"):
        assert told in page
    wrong = world.alice.http.post(f"{SETTINGS}/delete", {"name": "globex"})
    assert wrong.status_code == 400
    assert world.asker.is_active(tokens.access)
    world.alice.http.post(f"{SETTINGS}/delete", {"name": "@Acme"})
    assert not Handle.objects.filter(slug="acme").exists()
    assert not world.asker.is_active(tokens.access)
    assert not Connection.objects.exists()
    assert not PersonalAccessToken.objects.exists()
    assert Event.objects.get(tag="handle:removed").handle == "acme"
    world.carol.sign_in()
    assert "This name is taken." in words_of(create(world.carol, "acme"))
    assert create(world.alice, "acme").status_code == 302  # who removed it may have it back
    confirmed(world.alice, f"{SETTINGS}/delete")
    world.alice.http.post(f"{SETTINGS}/delete", {"name": "acme"})
    RetiredName.objects.update(retired_at=timezone.now() - timedelta(days=731))
    assert create(world.carol, "acme").status_code == 302


def test_members_are_found_given_roles_and_removed_with_what_they_connected(world: World, chatgpt: App) -> None:
    tokens = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    world.alice.sign_in()
    assert "bob@example.com" in words_of(world.alice.http.get("/handles/acme/members?q=BOB"))
    assert "Nobody here fits." in words_of(world.alice.http.get("/handles/acme/members?q=nobody&page=99"))
    bob = f"/handles/acme/members/{world.bob.user.pk}"
    assert "decides about apps" in words_of(world.alice.http.get(f"{bob}/role"))
    world.alice.http.post(f"{bob}/role", {"role": "admin"})
    assert role_of(world, "bob") == "admin"
    asked = world.alice.http.post(f"{bob}/remove")
    assert "1 live connection of an app" in words_of(asked)
    assert world.asker.is_active(tokens.access)
    gone = world.alice.http.post(f"{bob}/remove", {"confirm": "yes"}, follow=True)
    assert "bob@example.com is no longer a member of @acme." in words_of(gone)
    assert not world.asker.is_active(tokens.access)


def test_a_member_sees_what_is_theirs_and_nothing_of_the_others(world: World) -> None:
    world.bob.sign_in()
    page = world.bob.http.get("/handles/acme")
    assert "Leave this handle" in words_of(page)
    for path in ("members", "invitations", "settings", f"members/{world.alice.user.pk}/role"):
        assert world.bob.http.get(f"/handles/acme/{path}").status_code == 404, path
        assert f'href="/handles/acme/{path}"' not in page.content.decode()


# --- Invitations that do not go through

SHUT = {
    "expired": lambda row: Invitation.objects.filter(pk=row.pk).update(expires_at=timezone.now()),
    "revoked": lambda row: Invitation.objects.filter(pk=row.pk).update(ended_at=timezone.now(), ending="revoked"),
    "used up": lambda row: Invitation.objects.filter(pk=row.pk).update(uses=1),
    "its maker is no admin any more": lambda row: Membership.objects.filter(user=row.made_by).update(role="member"),
    "its maker is deactivated": lambda row: type(row.made_by).objects.filter(pk=row.made_by_id).update(is_active=False),
    "the handle is suspended": lambda row: set_handle("acme", status="suspended"),
}


@pytest.mark.parametrize("way", ["mail", "link"])
@pytest.mark.parametrize("fault", SHUT)
def test_an_invitation_that_is_not_open_lets_nobody_in(world: World, fault: str, way: str) -> None:
    world.alice.sign_in()
    world.carol.sign_in()
    if way == "link":
        open_link(world.carol.http, invite_by_link(world.alice))
    else:
        invite(world.alice, email="carol@example.com")
    row = Invitation.objects.select_related("made_by").get()
    assert "Join @acme?" in words_of(world.carol.http.get(f"/invitations/{row.pk}"))
    SHUT[fault](row)
    shown, answered = world.carol.http.get(f"/invitations/{row.pk}"), answer(world.carol, row)
    assert (shown.status_code, answered.status_code) == (404, 404)
    assert role_of(world, "carol") is None
    assert "invites you" not in words_of(world.carol.http.get("/handles"))


def test_an_invitation_by_mail_is_for_one_proven_address_and_its_end_is_told_to_nobody(world: World) -> None:
    invite(world.alice.sign_in(), email="dora@example.com")
    row = Invitation.objects.get()
    world.carol.sign_in()
    unproven = world.carol.user.emailaddress_set.create(email="Dora@example.com", verified=False)
    refused = answer(world.carol, row)
    assert refused.status_code == 404
    unknown = world.carol.http.get("/invitations/00000000-0000-4000-8000-000000000000")
    assert words_of(unknown) == words_of(world.carol.http.get(f"/invitations/{row.pk}"))
    unproven.verified = True
    unproven.save()
    assert answer(world.carol, row, "decline")["Location"] == "/handles"
    assert Invitation.objects.get().ending == "declined"
    again = invite(world.alice, email="DORA@example.com")
    assert again.status_code == 400
    assert "invited a short while ago" in words_of(again)


def test_a_link_works_for_as_many_as_it_says_and_is_revoked(world: World) -> None:
    secret = invite_by_link(world.alice.sign_in(), uses="2", role="admin", days="1")
    assert join_by_link(world.carol.sign_in(), secret).status_code == 302
    row = Invitation.objects.get()
    assert row.expires_at - row.created_at == timedelta(days=1)
    listed = words_of(world.alice.http.get("/handles/acme/invitations"))
    assert "1 of 2" in listed
    assert secret not in listed
    assert world.alice.http.post(f"/handles/acme/invitations/{row.pk}/revoke").status_code == 200
    world.alice.http.post(f"/handles/acme/invitations/{row.pk}/revoke", {"confirm": "yes"})
    shut = open_link(world.admin.sign_in().http, secret)
    assert shut.status_code == 400
    assert role_of(world, "carol") == "admin"
    assert Event.objects.filter(tag="invitation:revoked").count() == 1


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"email": "nobody"}, "Type the e-mail address"),
        ({"email": ""}, "Type the e-mail address"),
        ({"email": "bob@example.com"}, "This person is a member already."),
        ({"role": "public", "email": "x@example.com"}, "Choose a role."),
        ({"role": "emperor", "email": "x@example.com"}, "Choose a role."),
        ({"days": "3650", "email": "x@example.com"}, "Choose how long"),
        ({"days": "-1", "email": "x@example.com"}, "Choose how long"),
        ({"way": "link", "uses": "0"}, "1 to 500 people"),
        ({"way": "link", "uses": "9999"}, "1 to 500 people"),
        ({"way": "link", "uses": "many"}, "1 to 500 people"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_not_made(world: World, form: dict[str, str], told: str) -> None:
    refused = invite(world.alice.sign_in(), **form)
    assert refused.status_code == 400
    assert told in words_of(refused)
    assert not Invitation.objects.exists()


def test_an_admin_invites_members_only_and_manages_members_only(world: World) -> None:
    set_role(world.bob, "acme", "admin")
    join(world.carol, "acme")
    world.bob.sign_in()
    assert invite(world.bob, email="dora@example.com").status_code == 302
    for role in ("admin", "owner"):
        assert "does not reach so far" in words_of(invite(world.bob, email="eve@example.com", role=role))
    alice, carol = (f"/handles/acme/members/{person.user.pk}" for person in (world.alice, world.carol))
    assert world.bob.http.post(f"{alice}/remove", {"confirm": "yes"}).status_code == 404
    for path in (f"{alice}/role", f"{carol}/role"):
        world.bob.http.post(path, {"role": "owner"})
        world.bob.http.post(path, {"role": "public"})
    assert (role_of(world, "alice"), role_of(world, "carol"), role_of(world, "bob")) == ("owner", "member", "admin")
