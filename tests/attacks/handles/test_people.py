"""Getting into a handle that one was not let into: by guessed links, foreign ids, forms that were bent, and the moment
in which two acts meet."""

from __future__ import annotations

import logging
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from authserver.models import Event, Notice
from authserver.protocol import credentials
from authserver.services.standing import founding, invitations
from authserver.services.standing.founding import Wish
from handles.models import Handle, Invitation, JoinRequest, Membership
from tests.attacks.conftest import at_once
from tests.flows.changes import set_role
from tests.flows.handles.people import answer, create, invite, invite_by_link, join_by_link, open_link, words_of
from tests.people import Person, World, make_person

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "http://127.0.0.1:8000@evil.example/",
)


@pytest.mark.parametrize(
    "secret", ["", "inv_", "inv_" + "0" * 49, "x" * 5_000, "\x00", "inv_\u202e", "https://a.example/#"]
)
def test_a_link_is_not_guessed(world: World, secret: str) -> None:
    invite_by_link(world.alice.sign_in())
    invite(world.alice, email="dora@example.com")
    refused = open_link(world.carol.sign_in().http, secret)
    assert refused.status_code == 400
    assert "Ask for a new one." in words_of(refused)
    assert "invitations" not in world.carol.http.session


def test_guessing_links_is_slowed_down(world: World) -> None:
    guesses = [open_link(world.carol.http, credentials.generate("inv_")).status_code for _ in range(31)]
    assert (set(guesses[:30]), guesses[30]) == ({400}, 429)


def test_knowing_the_id_of_a_link_is_not_holding_it(world: World) -> None:
    invite_by_link(world.alice.sign_in())
    row = Invitation.objects.get()
    stranger = Person("nobody@example.com").http.get(f"/invitations/{row.pk}")
    assert stranger["Location"].startswith("/accounts/login/")
    world.carol.sign_in()
    assert world.carol.http.get(f"/invitations/{row.pk}").status_code == 404
    assert answer(world.carol, row).status_code == 404
    assert not Membership.objects.filter(user=world.carol.user).exists()


def test_no_secret_of_a_link_is_kept_anywhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = invite_by_link(world.alice.sign_in())
    joined = join_by_link(world.carol.sign_in(), secret)
    rows = [*Event.objects.values(), *Notice.objects.values(), *Invitation.objects.values(), *Handle.objects.values()]
    kept = str(rows) + str(dict(world.carol.http.session)) + joined["Location"] + caplog.text
    assert secret not in kept
    made = invitations.create(
        Handle.objects.get(slug="acme"),
        invitations.Offer(role=Membership.objects.first().role, lifetime=invitations.DAY),  # type: ignore[union-attr,arg-type]
        by=world.alice.user,
        now=timezone.now(),
    )
    assert "inv_" not in repr(made)


def test_ids_of_another_handle_are_not_found(world: World) -> None:
    """Bob owns initech; what he finds under its paths is initech's alone."""
    invite(world.alice.sign_in(), email="dora@example.com")
    row, asked = (
        Invitation.objects.get(),
        JoinRequest.objects.create(
            handle=Handle.objects.get(slug="acme"), user=world.carol.user, asked_at=timezone.now()
        ),
    )
    world.bob.sign_in()
    paths = [
        f"invitations/{row.pk}/revoke",
        f"members/requests/{asked.pk}",
        f"members/{world.alice.user.pk}/role",
        f"members/{world.alice.user.pk}/remove",
    ]
    for path in paths:
        form = {"confirm": "yes", "decision": "accept", "role": "member"}
        assert world.bob.http.post(f"/handles/initech/{path}", form).status_code == 404, path
        assert world.bob.http.post(f"/handles/acme/{path}", form).status_code == 404, path
    assert Invitation.objects.get().ended_at is None
    assert Membership.objects.filter(handle__slug="acme").count() == 2


def test_nobody_lifts_themselves_by_a_form(world: World) -> None:
    world.bob.sign_in()
    own = f"/handles/acme/members/{world.bob.user.pk}/role"
    assert world.bob.http.post(own, {"role": "owner"}).status_code == 404
    set_role(world.bob, "acme", "admin")
    world.bob.http.post(own, {"role": "owner"})
    world.bob.http.post("/handles/acme/settings", {"display_name": "Mine", "visibility": "public"})
    world.bob.http.post("/handles/acme/settings/transfer", {"person": str(world.bob.user.pk), "confirm": "yes"})
    world.bob.http.post("/handles/acme/settings/delete", {"name": "acme"})
    seat = Membership.objects.select_related("handle").get(user=world.bob.user, handle__slug="acme")
    assert (seat.role, seat.handle.visibility, seat.handle.display_name) == ("admin", "private", "Acme Inc.")
    invite(world.alice.sign_in(), email="carol@example.com")
    world.carol.sign_in().http.post(
        f"/invitations/{Invitation.objects.get().pk}", {"decision": "accept", "role": "owner", "handle": "globex"}
    )
    assert list(Membership.objects.filter(user=world.carol.user).values_list("handle__slug", "role")) == [
        ("acme", "member")
    ]


@pytest.mark.parametrize("astray", ELSEWHERE)
def test_next_never_leads_elsewhere(world: World, astray: str) -> None:
    world.carol.sign_in()
    assert create(world.carol, "umbrella", next=astray)["Location"] == "/handles/umbrella"
    secret = invite_by_link(world.alice.sign_in())
    opened = open_link(world.carol.http, secret, astray)
    assert opened["Location"] == f"/invitations/{Invitation.objects.get().pk}"
    for path in ("/handles/new", "/invitations", "/handles/initech/join", opened["Location"]):
        page = unescape(world.carol.http.get(f"{path}?next={quote(astray)}").content.decode())
        # The page's own address stands in the form that changes its language; nothing else has a word of it.
        elsewhere = page.replace(f'name="next" value="{path}?next={quote(astray)}"', "")
        assert "evil.example" not in elsewhere
        assert "alert(1)" not in elsewhere
    joined = answer(world.carol, Invitation.objects.get(), following=astray)
    assert joined["Location"] == "/handles/acme"


def test_inviting_tells_nothing_about_who_has_an_account(world: World) -> None:
    world.alice.sign_in()
    known, unknown = (invite(world.alice, email=each) for each in ("carol@example.com", "nobody@example.com"))
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    listed = world.alice.http.get("/handles/acme/invitations").content.decode()
    cards = [listed.split(f"{each}</bdi>")[1].split("</li>")[0] for each in ("carol@example.com", "nobody@example.com")]
    assert [card.count("\n") for card in cards][0] == [card.count("\n") for card in cards][1]
    assert {str(each.user) for each in Notice.objects.all()} == {"None"}


@pytest.mark.parametrize("path", ["/handles/acme/join", "/handles/acme/leave", "/handles/acme/settings/status"])
def test_another_site_presses_no_button(world: World, path: str) -> None:
    world.alice.sign_in()
    world.alice.http.handler.enforce_csrf_checks = True
    refused = world.alice.http.post(path, {"confirm": "yes", "wanted": "suspended"})
    assert refused.status_code == 403
    assert Handle.objects.get(slug="acme").status == "active"


# --- Moments in which two acts meet


def accept(person: Any, row: Invitation) -> object:
    return invitations.accept(row, by=person, held=[row.pk], now=timezone.now())


@pytest.mark.covers("req:P2")
def test_of_two_who_come_for_the_last_use_one_is_let_in(crowd: World) -> None:
    people = [make_person(f"guest{number}@example.com").user for number in range(4)]
    invite_by_link(crowd.alice.sign_in(), uses="2")
    row = Invitation.objects.select_related("handle", "made_by").get()
    done = at_once(*[lambda each=each: accept(each, row) for each in people])
    assert sum(isinstance(each, Membership) for each in done) == 2
    assert (Invitation.objects.get().uses, Membership.objects.filter(handle=row.handle).count()) == (2, 4)
    assert Event.objects.filter(tag="invitation:accepted").count() == 2


def test_of_two_who_want_one_name_one_gets_it_and_the_other_a_plain_no(crowd: World) -> None:
    wish = Wish("umbrella", "Umbrella")
    done = at_once(
        *[
            lambda each=each: founding.create(wish, by=each.user, now=timezone.now())
            for each in (crowd.carol, crowd.bob, crowd.admin)
        ]
    )
    assert sum(isinstance(each, Handle) for each in done) == 1
    assert [each for each in done if not isinstance(each, Handle)] == [founding.NAME_TAKEN] * 2
    assert Membership.objects.filter(handle__slug="umbrella").count() == 1


def test_of_accepting_and_revoking_at_once_the_books_agree(crowd: World) -> None:
    invite(crowd.alice.sign_in(), email="carol@example.com")
    row, alice, carol = Invitation.objects.select_related("handle", "made_by").get(), crowd.alice.user, crowd.carol.user
    joined, revoked = at_once(lambda: accept(carol, row), lambda: invitations.revoke(row, by=alice, now=timezone.now()))
    is_member = Membership.objects.filter(user=carol).exists()
    assert is_member == isinstance(joined, Membership) == (not revoked)
    assert Invitation.objects.get().ending == ("used" if is_member else "revoked")
