"""Who sees which attempt, what pages say of it, and that a shared link tells nothing of a person."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, TraceStep
from authserver.services.trace import notes
from tests.people import App, Person, World, answer_of, tokens_of

pytestmark = pytest.mark.django_db
ADDRESS = "203.0.113.77"


def page_of(person: Person, path: str) -> str:
    notes.flush()
    answer = person.http.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return unescape(answer.content.decode())


def last_id() -> str:
    notes.flush()
    return TraceStep.objects.latest("pk").request_id


def verdict_on(html: str) -> str:
    found = re.search(r"data-verdict>([^<]*)<", html)
    assert found
    return found.group(1)


def test_a_person_follows_their_attempt_from_the_open_page_to_the_credential(world: World):
    app = App.register("ChatGPT")
    page = world.alice.open(app.authorize_url())
    where = f"/attempts/{last_id()}"
    assert (
        verdict_on(page_of(world.alice, where)) == "The page that asks is open. Nobody has pressed Allow or Cancel yet."
    )
    code = answer_of(world.alice.decide(page, handle="acme"))["code"]
    assert "has not come back with the code yet (0 s)" in verdict_on(page_of(world.alice, where))
    app.exchange(code)
    html = page_of(world.alice, where)
    assert "It has not used it at the MCP server yet" in verdict_on(html)
    assert "data-live-url" in html
    assert "ChatGPT" in html
    assert "@acme" in html
    assert verdict_on(page_of(world.alice, where + "/live")) == verdict_on(html)


def test_the_page_that_changes_is_not_sent_again_as_it_was(world: World):
    world.alice.open(App.register().authorize_url())
    where = f"/attempts/{last_id()}/live"
    first = world.alice.http.get(where)
    assert world.alice.http.get(where, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert first["Cache-Control"] == "private, no-cache"


def test_an_attempt_is_its_persons_the_handles_admins_and_for_staff_who_may_look(world: World, settings: Any):
    app = App.register()
    world.bob.decide(world.bob.open(app.authorize_url()), handle="acme")
    where = f"/attempts/{last_id()}"
    for person in (world.carol, world.alice, world.admin):
        person.sign_in()
    assert "You" in page_of(world.bob, where)
    of_admin = page_of(world.alice, where)
    assert "Bob" in of_admin
    assert "bob@example.com" not in of_admin
    assert page_of(world.admin, where)
    settings.ADMIN_SECOND_FACTOR = True
    assert world.admin.http.get(where).status_code == 404, "staff without a second factor"
    settings.ADMIN_SECOND_FACTOR = False
    assert world.carol.http.get(where).status_code == 404
    assert world.carol.http.get(where + "/live").status_code == 404
    assert world.carol.http.post(where + "/share").status_code == 404
    clerk = world.carol.user
    clerk.is_staff = True
    clerk.save()
    assert world.carol.http.get(where).status_code == 404, "staff without the permission"
    clerk.user_permissions.add(Permission.objects.get(codename="view_tracestep"))
    assert page_of(world.carol, where)
    assert Http().get(where)["Location"].startswith("/accounts/login/")


def test_before_anybody_signed_in_whoever_was_told_the_id_may_look_and_later_not(world: World):
    url = App.register("ChatGPT").authorize_url()
    Http(headers={"accept": "text/html"}).get(url)
    where = f"/attempts/{last_id()}"
    world.carol.sign_in()
    assert "has not signed in yet" in page_of(world.carol, where)
    world.alice.open(url)
    notes.flush()
    assert world.carol.http.get(where).status_code == 404
    assert "Nobody has pressed" in page_of(world.alice, where)


def test_admins_see_the_attempts_at_their_handle_and_nobody_else_does(world: World):
    app = App.register("ChatGPT")
    world.connect(world.bob, app, handle="acme")
    other = App.register("Claude")
    world.bob.decide(world.bob.open(other.authorize_url()), "cancel", handle="acme")
    world.connect(world.bob, App.register("Initech app"), handle="initech")
    notes.flush()
    world.alice.sign_in()
    html = page_of(world.alice, "/handles/acme/attempts")
    assert "ChatGPT" in html
    assert "Initech app" not in html
    assert "bob@example.com" not in html
    assert world.bob.http.get("/handles/acme/attempts").status_code == 404
    assert "ChatGPT" not in page_of(world.alice, "/handles/acme/attempts?show=failed")
    own = page_of(world.bob, "/attempts")
    assert own.count('class="card connection attempt"') == 3
    assert "Cancel was pressed" in own
    assert "No attempt of yours" in page_of(world.alice, "/attempts")
    assert "Nobody tried to connect" in page_of(world.alice, "/handles/globex/attempts")


@pytest.mark.covers("ask:1")
def test_a_shared_link_shows_the_steps_and_nothing_of_anybody(world: World):
    app = App.register("ChatGPT", token_endpoint_auth_method="client_secret_post")
    world.bob.http.defaults["REMOTE_ADDR"] = app.http.defaults["REMOTE_ADDR"] = ADDRESS
    held = world.connect(world.bob, app, handle="acme")
    assert world.asker.is_active(held.access)
    where = f"/attempts/{last_id()}"
    assert world.bob.http.get(where + "/share")["Location"] == where
    html = world.bob.http.post(where + "/share").content.decode()
    link = re.search(r'id="shared-link"[^>]*>http://[^/]+(/attempts/shared/[^<]+)<', html)
    assert link, html
    stranger = Http().get(link.group(1))
    assert stranger.status_code == 200
    shown = stranger.content.decode()
    assert "ChatGPT" in shown
    assert "@acme" in shown
    assert "All is well" in shown
    steps = list(TraceStep.objects.all())
    secrets = {
        "bob@example.com", ADDRESS, str(world.bob.user.pk), world.bob.user.pk.hex, app.secret, held.access,
        held.refresh, app.client_id, *(step.request_id for step in steps), *(step.origin for step in steps),
        *(step.flow for step in steps), *(str(step.connection_id) for step in steps if step.connection_id),
    }  # fmt: skip
    found = shown + link.group(1) + str(stranger.headers)
    assert [secret for secret in secrets if secret and secret in found] == []
    assert ">Bob<" not in shown
    assert stranger["Referrer-Policy"] == "no-referrer"
    assert stranger["Cache-Control"] == "no-store"
    assert stranger["X-Robots-Tag"] == "noindex"
    with time_machine.travel(steps[-1].at + policy.TRACE_LINK_LIFETIME + timedelta(seconds=5), tick=False):
        assert Http().get(link.group(1)).status_code == 404
    assert Http().get(link.group(1) + "x").status_code == 404


def test_a_link_made_before_anybody_signed_in_ends_when_somebody_does(world: World):
    url = App.register("ChatGPT").authorize_url()
    Http(headers={"accept": "text/html"}).get(url)
    world.carol.sign_in()
    html = world.carol.http.post(f"/attempts/{last_id()}/share").content.decode()
    path = re.search(r"(/attempts/shared/[^<]+)<", html)
    assert path
    assert Http().get(path.group(1)).status_code == 200
    world.alice.open(url)
    notes.flush()
    assert Http().get(path.group(1)).status_code == 404


@pytest.mark.parametrize(
    "strange", ["00000000-0000-0000-0000-000000000000", "x", "a b", "%00" * 12, "é" * 20, "-" * 36]
)
def test_an_id_that_leads_nowhere_gets_a_page_that_says_what_is_kept(world: World, strange: str):
    world.alice.sign_in()
    answer = world.alice.http.get(f"/attempts/{strange}")
    assert answer.status_code == 404
    assert f"kept for {policy.TRACE_KEPT.days} days" in answer.content.decode()


def test_an_id_can_be_typed_and_a_wrong_one_is_told(world: World):
    world.alice.sign_in()
    assert world.alice.http.get("/attempts", {"id": " 0123456789abcdef "})["Location"] == "/attempts/0123456789abcdef"
    html = page_of(world.alice, "/attempts?id=<script>")
    assert "does not have the form" in html
    assert 'value="&lt;script&gt;"' in world.alice.http.get("/attempts?id=<script>").content.decode()


def test_reading_attempts_costs_the_same_however_many_there_are(world: World, django_assert_max_num_queries: Any):
    for number in range(4):
        world.connect(world.bob, App.register(f"App {number}"), handle="acme")
    where = f"/attempts/{last_id()}"
    with django_assert_max_num_queries(30):
        assert world.bob.http.get(where).status_code == 200
    with django_assert_max_num_queries(22):
        assert world.bob.http.get("/attempts").status_code == 200


def test_the_id_of_an_act_leads_to_the_attempt_of_its_connection(world: World):
    app = App.register("ChatGPT")
    held = world.connect(world.alice, app, handle="acme")
    world.asker.is_active(held.access)
    world.alice.http.post(f"/connections/{Connection.objects.get().pk}/disconnect", {"confirm": "yes"})
    event = Event.objects.get(tag="connection:revoked")
    notes.flush()
    assert not TraceStep.objects.filter(request_id=event.request_id).exists()
    assert verdict_on(page_of(world.alice, f"/attempts/{event.request_id}")) == (
        "The connection was ended: Disconnected by the person."
    )
    world.carol.sign_in()
    assert world.carol.http.get(f"/attempts/{event.request_id}").status_code == 404


def test_a_call_without_its_beginning_is_still_its_persons_alone(world: World):
    held = world.connect(world.alice, App.register(), handle="acme")
    assert held
    connection = Connection.objects.get()
    notes.forget()
    TraceStep.objects.all().delete()
    call = TraceStep.objects.create(
        at=connection.created_at, kind="call", ok=False, code="scope:missing", request_id="call-0000001",
        connection_id=connection.pk,
    )  # fmt: skip
    where = f"/attempts/{call.request_id}"
    world.carol.sign_in()
    assert world.carol.http.get(where).status_code == 404
    assert "without the permission" in page_of(world.alice, where)
    Connection.objects.all().delete()
    assert world.alice.http.get(where).status_code == 404, "whose it was is known no more"


@pytest.mark.parametrize(
    ("answer_was_used", "address", "told"),
    [
        (False, "127.0.0.1", "replaced 9 min ago. It was let go on."),
        (True, "198.51.100.9", "replaced 9 min ago. It was judged stolen, and the connection was ended."),
    ],
)
def test_a_refresh_with_a_replaced_token_is_told_with_how_late_it_was(
    world: World, answer_was_used: bool, address: str, told: str
):
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")
    newer = tokens_of(app.refresh(held.refresh))
    if answer_was_used:
        app.refresh(newer.refresh)
    with time_machine.travel(timezone.now() + timedelta(minutes=9, seconds=1), tick=False):
        app.http.defaults["REMOTE_ADDR"] = address
        app.refresh(held.refresh)
        assert told in verdict_on(page_of(world.alice, f"/attempts/{last_id()}"))
