"""The people of a handle: members, invitations, and who would like to come in."""

from __future__ import annotations

from django.utils import timezone

from handles.models import Handle, Invitation, JoinRequest, Membership
from tests.browser.scenes.stage import Stage, only_handle, scene
from tests.flows.handles.people import invite, invite_by_link
from tests.people import App, Person, hosted


def team(stage: Stage) -> tuple[Person, Handle]:
    """Return the owner of a handle with a member, an admin, and somebody who asks to join."""
    owner = stage.guest(studio="owner")
    handle = only_handle(owner)
    for role in ("member", "admin"):
        Membership.objects.create(user=stage.guest().user, handle=handle, role=role)
    JoinRequest.objects.create(user=stage.guest().user, handle=handle, asked_at=timezone.now())
    return owner, handle


@scene("handle-members")
def members(stage: Stage) -> None:
    owner, handle = team(stage)
    stage.sign_in(owner).open(f"/handles/{handle.slug}/members")


@scene("handle-member-role")
def member_role(stage: Stage) -> None:
    owner, handle = team(stage)
    person = handle.memberships.get(role="member").user
    stage.sign_in(owner).open(f"/handles/{handle.slug}/members/{person.pk}/role")


@scene("handle-member-remove", like="handle-delete")
def member_remove(stage: Stage) -> None:
    owner, handle = team(stage)
    person = handle.memberships.get(role="member").user
    stage.sign_in(owner).open(f"/handles/{handle.slug}/members/{person.pk}/remove")


@scene("handle-as-member", like="handle")
def as_member(stage: Stage) -> None:
    person = stage.guest(studio="member")
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}")


@scene("handle-leave", like="handle-delete")
def leave(stage: Stage) -> None:
    person = stage.guest(studio="member")
    stage.sign_in(person).open(f"/handles/{only_handle(person).slug}/leave")


@scene("handle-invitations")
def invitations(stage: Stage) -> None:
    """With one that waits, and a link that was made just now."""
    owner, handle = team(stage)
    invite(owner.sign_in(), handle.slug, email="una@example.com")
    stage.sign_in(owner).open(f"/handles/{handle.slug}/invitations")
    stage.page.locator("input[name=way][value=link]").check()
    stage.page.locator("form:has([name=way]) button[type=submit]").click()
    stage.page.locator(".secret").wait_for()


@scene("handle-invitation-revoke", like="handle-delete")
def invitation_revoke(stage: Stage) -> None:
    owner, handle = team(stage)
    invite(owner.sign_in(), handle.slug, email="una@example.com")
    row = Invitation.objects.get(handle=handle)
    stage.sign_in(owner).open(f"/handles/{handle.slug}/invitations/{row.pk}/revoke")


def invited(stage: Stage) -> tuple[Person, Invitation]:
    """Return somebody without a handle, and the invitation that waits for them."""
    owner, guest = stage.guest(studio="owner"), stage.guest()
    invite(owner.sign_in(), only_handle(owner).slug, email=guest.email, role="admin")
    return guest, Invitation.objects.get(email=guest.email)


@scene("invitations", like="flow-no-handle-invited")
def invitations_of_mine(stage: Stage) -> None:
    guest, _ = invited(stage)
    stage.sign_in(guest).open("/invitations")


@scene("invitation")
def invitation(stage: Stage) -> None:
    guest, row = invited(stage)
    stage.sign_in(guest).open(f"/invitations/{row.pk}")


@scene("invitation-not-open", like="flow-join")
def invitation_not_open(stage: Stage) -> None:
    _, row = invited(stage)
    stage.sign_in("carol").page.goto(f"{stage.home}/invitations/{row.pk}")


@scene("flow-no-handle-invited")
def no_handle_invited(stage: Stage) -> None:
    guest, _ = invited(stage)
    stage.ask(guest)


@scene("flow-join")
def join(stage: Stage) -> None:
    """From the dead end of somebody who is not a member."""
    owner = stage.guest(studio="owner")
    stage.ask("carol", App.register(), resource=hosted(only_handle(owner).slug))
    stage.page.locator("a[href*='/join']").click()
    stage.page.locator("form[action$='/join']").wait_for()


@scene("flow-invited-by-link", like="invitation")
def invited_by_link(stage: Stage) -> None:
    owner = stage.guest(studio="owner")
    secret = invite_by_link(owner.sign_in(), only_handle(owner).slug)
    stage.page.goto(f"{stage.home}/invitations#{secret}")
    stage.page.wait_for_url(lambda url: "#" not in url)
