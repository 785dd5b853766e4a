"""What administrators see first, lists that cost the same however long they are, reasons kept with every change."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from authserver.admin import lists, searching
from authserver.models import (
    Alarm,
    Client,
    ClientPolicy,
    ClientRule,
    Connection,
    Event,
    InitialAccessToken,
    LedgerState,
    Notice,
    PersonalAccessToken,
    ProtectedResource,
    ResourceServer,
    Scope,
    ScopeBundle,
    TraceStep,
)
from authserver.services import alarms
from handles.models import Handle, Membership
from tests.flows.test_administrator import save
from tests.people import App, Person, World

LISTS = (
    "accounts/user", "account/emailaddress", "auth/group", "authserver/alarm", "authserver/client",
    "authserver/clientpolicy", "authserver/clientrule", "authserver/connection", "authserver/event",
    "authserver/initialaccesstoken",
    "authserver/personalaccesstoken", "authserver/protectedresource", "authserver/resourceserver", "authserver/scope",
    "authserver/scopebundle", "authserver/tracestep", "handles/handle", "handles/membership",
)  # fmt: skip


@pytest.fixture
def root(world: World) -> Person:
    return world.admin.sign_in()


def crowd(world: World, numbers: range) -> None:
    """Make one row more of everything that has a list, for each number."""
    now, gateway = timezone.now(), ProtectedResource.objects.get(kind="gateway")
    for number in numbers:
        user = User.objects.create(email=f"p{number}@example.com", password="!")
        user.emailaddress_set.create(email=user.email)
        handle = Handle.objects.create(slug=f"h{number}", display_name=f"H {number}")
        client = Client.objects.create(client_id=f"c{number}", name=f"C {number}", redirect_uris="https://c.example/cb")
        held: dict[str, Any] = {"user": user, "handle": handle}
        Membership.objects.create(**held)
        ends = {"expires_at": now + timedelta(days=1), "created_at": now}
        PersonalAccessToken.objects.create(
            **held, name="Job", scopes="", digest=f"{number}".encode(), hint="abcd", **ends
        )
        Connection.objects.create(**held, client=client, protected_resource=gateway, resource="r", created_at=now)
        ClientPolicy.objects.create(handle=handle, mode="ask")
        ClientRule.objects.create(handle=handle, kind="client_id", value="c", decision="pending", asked_by=user)
        Event.objects.create(tag="client:updated", actor="system", at=now)
        TraceStep.objects.create(at=now, kind="token", ok=False, code="code:expired", request_id=f"request-{number}")
        alarms.ring(Alarm.Kind.REFUSALS_GROW, f"code:c{number}", now=now, hour=30, callers=1)
        InitialAccessToken.objects.create(name=f"t{number}")
        Group.objects.create(name=f"g{number}")
        ResourceServer.objects.create(name=f"r{number}").resources.add(gateway)
        ProtectedResource.objects.create(name=f"e{number}", kind="other", address=f"https://e{number}.example/")
        Scope.objects.create(name=f"s{number}.read", title="S", level="read", group="S", position=number)
        ScopeBundle.objects.create(slug=f"b{number}", title=f"B {number}", position=number)


def cost(root: Person) -> dict[str, int]:
    """How many statements each list takes."""
    found = {}
    for name in LISTS:
        with CaptureQueriesContext(database) as captured:
            assert root.http.get(f"/admin/{name}/").status_code == 200, name
        found[name] = len(captured)
    return found


@pytest.mark.covers("screen:D1")
@pytest.mark.usefixtures("one_day")
def test_every_list_costs_the_same_for_two_rows_and_for_thirty(root: Person, world: World) -> None:
    listed = set(root.http.get("/admin/").content.decode().split('"'))
    assert {f"/admin/{name}/" for name in LISTS} <= listed
    crowd(world, range(2))
    cost(root)  # what is remembered between requests is read now
    few = cost(root)
    crowd(world, range(2, 30))
    assert cost(root) == few


@pytest.mark.parametrize(
    ("path", "query", "rows"),
    [
        ("authserver/connection", "p1@", 1), ("authserver/connection", "@h2", 1), ("authserver/connection", "c 1", 1),
        ("authserver/connection", "c2", 1), ("authserver/connection", "xample.com", 0), ("accounts/user", "P1@EX", 1),
        ("accounts/user", "%", 0), ("handles/handle", "@h1", 1), ("handles/membership", "h1", 1),
        ("authserver/personalaccesstoken", "p2@example.com", 1), ("authserver/client", "C 2", 1),
        ("authserver/clientrule", "h2", 1), ("account/emailaddress", "p1", 1),
        ("authserver/tracestep", "request-2", 1), ("authserver/tracestep", "request", 0),
        ("accounts/user", "\x00", None),
    ],
)  # fmt: skip
def test_lists_are_searched_by_how_an_address_or_a_handle_begins(
    root: Person, world: World, path: str, query: str, rows: int | None
) -> None:
    crowd(world, range(3))
    page = root.http.get(f"/admin/{path}/", {"q": query})
    assert page.status_code == 200
    assert rows is None or len(page.context["cl"].result_list) == rows


def test_a_list_has_pages_only_as_far_as_it_counts(root: Person, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COUNTED", 4)
    monkeypatch.setattr(lists.CappedPaginator, "capped_at", 4)
    monkeypatch.setattr(searching, "NAMED_MAX", 2)
    crowd(world, range(6))
    for path in ("authserver/connection", "accounts/user", "authserver/event"):
        page = root.http.get(f"/admin/{path}/")
        assert page.context["cl"].result_count == 4
        assert "There are more than 4." in page.content.decode()
    found = root.http.get("/admin/authserver/connection/?q=p")
    assert len(found.context["cl"].result_list) == 2


# --- Reasons


FORMS = {
    "accounts/user": (lambda w: w.alice.user, {"name": "Alicia"}, "person:changed"),
    "auth/group": (lambda w: Group.objects.create(name="Helpers"), {"name": "Aides"}, "group:changed"),
    "authserver/client": (lambda w: Client.objects.get(), {"name": "Chat"}, "client:updated"),
    "authserver/initialaccesstoken": (
        lambda w: InitialAccessToken.objects.create(name="One"), {"name": "Two"}, "initial_access_token:changed",
    ),
    "authserver/protectedresource": (
        lambda w: ProtectedResource.objects.get(kind="gateway"), {"name": "Gate"}, "catalog:changed",
    ),
    "authserver/resourceserver": (
        lambda w: ResourceServer.objects.get(pk=w.asker.id), {"name": "R"}, "catalog:changed",
    ),
    "authserver/scope": (lambda w: Scope.objects.get(pk="links.read"), {"title": "Look"}, "catalog:changed"),
    "authserver/scopebundle": (lambda w: ScopeBundle.objects.first(), {"title": "All"}, "catalog:changed"),
    "handles/handle": (lambda w: Handle.objects.get(slug="acme"), {"display_name": "A."}, "handle:changed"),
    "handles/membership": (
        lambda w: Membership.objects.get(user=w.bob.user, handle__slug="acme"), {"role": "admin"},
        "member:role_changed",
    ),
}  # fmt: skip


@pytest.mark.covers("screen:D9")
@pytest.mark.parametrize("path", FORMS)
def test_no_form_saves_without_a_reason_and_the_event_keeps_it(
    root: Person, world: World, chatgpt: App, path: str
) -> None:
    make, changes, tag = FORMS[path]
    row = make(world)
    address = f"/admin/{path}/{row.pk}/change/"
    with pytest.raises(AssertionError, match="This field is required"):
        save(root, address, **changes, reason="")
    assert not Event.objects.filter(tag=tag).exists()
    save(root, address, **changes, reason="As they asked")
    event = Event.objects.get(tag=tag)
    assert (event.actor, event.actor_id, event.detail["note"]) == ("administrator", str(root.user.pk), "As they asked")
    assert "reason" not in event.detail.get("fields", event.detail.get("changed", []))


def test_a_new_secret_needs_a_reason_too(root: Person, world: World) -> None:
    address = f"/admin/authserver/resourceserver/{world.asker.id}/secret/"
    assert "rss_" not in root.http.post(address).content.decode()
    assert world.asker.is_active("mcpv1_nothing") is False  # the old one still asks
    assert "rss_" in root.http.post(address, {"reason": "Leaked"}).content.decode()
    assert Event.objects.get(tag="resource_server:rotated").detail["note"] == "Leaked"
    assert world.asker.is_active("mcpv1_nothing") is False  # so it does still, for a week

    change = address.replace("/secret/", "/change/")
    assert "End the former secret" in root.http.get(change).content.decode()
    chosen = {"action": "end_former_selected", "_selected_action": [world.asker.id]}
    servers = "/admin/authserver/resourceserver/"
    asked = unescape(root.http.post(servers, chosen).content.decode())
    assert "stops working at once, for 1 row" in asked
    assert world.asker.ask("mcpv1_nothing").status_code == 200
    said = root.http.post(servers, chosen | {"reason": "All have the new one"}, follow=True).content.decode()
    assert "1 of 1 former secret ended" in said
    assert world.asker.ask("mcpv1_nothing").status_code == 401
    assert "End the former secret" not in root.http.get(change).content.decode()
    assert "None of these has a former secret" in root.http.post(servers, chosen).content.decode()


# --- Personal access tokens


@pytest.mark.covers("screen:D4")
def test_personal_tokens_are_looked_at_and_revoked_and_nothing_else(root: Person, world: World) -> None:
    crowd(world, range(2))
    tokens = "/admin/authserver/personalaccesstoken/"
    row = PersonalAccessToken.objects.get(user__email="p0@example.com")
    page = root.http.get(f"{tokens}{row.pk}/change/").content.decode()
    assert "pat_…abcd" in page
    assert "Save" not in page
    for what in ("add/", f"{row.pk}/delete/"):
        assert root.http.get(tokens + what).status_code == 403
    chosen = {"action": "revoke_selected", "_selected_action": [str(row.pk)]}
    asked = unescape(root.http.post(tokens, chosen).content.decode())
    assert "1 token will end" in asked
    assert PersonalAccessToken.objects.filter(ended_at=None).count() == 2
    said = root.http.post(tokens, chosen | {"reason": "Found in a log"}, follow=True).content.decode()
    assert "1 of 1 token ended." in said
    assert PersonalAccessToken.objects.get(ended_at=None) != row
    event = Event.objects.get(tag="personal_token:revoked")
    assert (event.actor, event.detail["note"]) == ("administrator", "Found in a log")
    assert f"?q={event.request_id}" in said


# --- The first page


@pytest.mark.covers("screen:D8")
def test_the_first_page_says_what_is_going_on(root: Person, world: World, chatgpt: App) -> None:
    cache.clear()
    world.connect(world.alice, chatgpt, handle="acme")
    crowd(world, range(3))
    now = timezone.now()
    Event.objects.create(tag="refresh:replayed", actor="client", at=now - timedelta(days=2))
    Notice.objects.create(
        kind="token_created", user=world.alice.user, facts={}, created_at=now, next_attempt_at=now, attempts=2
    )
    page = root.http.get("/admin/")
    shown = page.context["dashboard"]
    numbers = (shown.new_unverified, shown.replays_in_day, shown.replays_in_week, shown.waiting, shown.failing_mail)
    assert [each.value for each in numbers] == [4, 0, 1, 3, 1]
    assert ("ChatGPT", 1) in [(each.name, each.connections) for each in shown.clients]
    assert "errornote" not in page.content.decode()
    LedgerState.objects.update(fault="event 7 was changed after it was written")
    assert "The ledger is broken." in root.http.get("/admin/").content.decode()


@pytest.mark.covers("screen:D8")
def test_alarms_stand_on_top_and_are_closed_with_a_reason(root: Person, world: World) -> None:
    assert "No alarm is open." in root.http.get("/admin/").content.decode()
    now = timezone.now()
    alarms.ring(Alarm.Kind.REFUSALS_GROW, "code:expired", now=now, hour=60, usual=2, callers=1)
    alarms.ring(Alarm.Kind.DOCUMENT_CHANGED, "https://c.example/<b>", now=now, changed=["jwks"])
    page = root.http.get("/admin/").content.decode()
    assert page.index("60 refusals for the reason code:expired") < page.index("What is going on")
    assert "https://c.example/&lt;b&gt;: jwks." in page
    for alarm in root.http.get("/admin/").context["dashboard"].alarms:
        assert [root.http.get(path).status_code for path in (alarm.page, alarm.about)] == [200, 200]
    row, listed = Alarm.objects.get(kind="refusals_grow"), "/admin/authserver/alarm/"
    chosen = {"action": "close_selected", "_selected_action": [str(row.pk)]}
    assert "1 alarm will be closed." in root.http.post(listed, chosen).content.decode()
    assert Alarm.objects.filter(closed_at=None).count() == 2
    root.http.post(listed, chosen | {"reason": "A test of ours"})
    row.refresh_from_db()
    assert (row.closed_at is not None, row.closed_by) == (True, root.user)
    event = Event.objects.get(tag="alarm:closed")
    assert (event.actor_id, event.detail["note"], event.detail["subject"]) == (
        str(root.user.pk), "A test of ours", "code:expired",
    )  # fmt: skip
    found = [root.http.get(f"{listed}?status={which}").context["cl"].result_count for which in ("open", "closed")]
    assert found == [1, 1]
    assert root.http.get(f"{listed}add/").status_code == 403
