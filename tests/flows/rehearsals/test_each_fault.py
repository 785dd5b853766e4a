"""On a handle for testing a connection meets one fault, once, on purpose; then everything is as before."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import AccessToken, Connection, Event, RefreshToken, Rehearsal
from authserver.services import connections
from authserver.services.connections import PausedBy
from authserver.services.rehearsals import acts, watching
from authserver.services.usage import marks
from tests.flows.governance.control_plane import words_of
from tests.flows.rehearsals.endpoint import Endpoint
from tests.flows.standing.control_plane import press
from tests.people import READS, App, Asker, Person, Tokens, World, answer_of, tokens_of

pytestmark = pytest.mark.covers("ask:15")


@dataclass
class Stage:
    """ChatGPT of alice's at acme, which is for testing, and the endpoint that it calls."""

    world: World
    app: App
    held: Tokens
    endpoint: Endpoint

    @property
    def connection(self) -> Connection:
        return Connection.objects.get()

    @property
    def page(self) -> str:
        return f"/handles/acme/connections/{self.connection.pk}/rehearsal"

    def begin(self, fault: str, scope: str = "") -> None:
        """Choose the fault on the page, read what happens, press the button."""
        alice = self.world.alice
        asked = alice.http.post(self.page, {"fault": fault, "scope": scope})
        assert asked.status_code == 200, asked.content.decode()
        assert not Rehearsal.objects.filter(ended_at=None).exists()
        page = press(alice, "Rehearse it", asked)
        assert "Waiting for the app" in page.content.decode()

    def call(self, tool: str = "list_links") -> tuple[int, str]:
        """Return the status and error of a call with what the client holds."""
        reply = self.endpoint.call(self.held.access, tool)
        marks.flush()
        return reply.status, reply.json.get("error", "")

    def refresh(self) -> Any:
        answer = self.app.refresh(self.held.refresh)
        if answer.status_code == 200:
            self.held = tokens_of(answer)
        return answer

    def authorize(self) -> None:
        """Come back with a new code, as the person's one click makes it."""
        page = self.world.alice.open(self.app.authorize_url(scope=self.held.scope))
        answer = page if page.status_code == 302 else self.world.alice.decide(page, handle="acme")
        self.held = tokens_of(self.app.exchange(answer_of(answer)["code"]))

    def mark(self, value: str) -> None:
        form = {"display_name": "Acme Inc.", "is_for_testing": value}
        assert self.world.alice.http.post("/handles/acme/settings", form).status_code == 302

    def open(self, below: str) -> Any:
        return self.world.alice.http.get(f"/handles/acme/connections/{self.connection.pk}{below}")

    def save(self) -> None:
        """Save what an admin lets the connection do, with every box ticked."""
        ticked = {"shown": ["links.read", "skills.read"], "scope": ["links.read", "skills.read"]}
        self.world.alice.http.post(f"/handles/acme/connections/{self.connection.pk}/scopes", ticked)

    def save_own(self) -> None:
        """Save what its person allows, with every box ticked."""
        ticked = {"scope": ["links.read", "skills.read"]}
        self.world.alice.http.post(f"/connections/{self.connection.pk}/scopes", ticked)

    def call_off_in_admin(self) -> None:
        row = Rehearsal.objects.get(ended_at=None)
        form = {"action": "call_off_selected", "_selected_action": str(row.pk), "reason": "It was seen."}
        root = self.world.admin.sign_in().http
        assert "Under way" in root.get("/admin/authserver/rehearsal/?status=open&q=acme").content.decode()
        told = root.post("/admin/authserver/rehearsal/", form, follow=True).content.decode()
        assert "1 of 1 rehearsal called off." in told

    def is_whole(self) -> bool:
        """Tell whether what the client holds is worth what it was granted."""
        told = self.world.asker.knows(self.held.access)
        return told["active"] and told["scope"] == READS


@pytest.fixture
def stage(world: World, chatgpt: App) -> Stage:
    alice = world.alice.sign_in()
    held = world.connect(alice, chatgpt, handle="acme")
    stage = Stage(world, chatgpt, held, Endpoint(world))
    stage.mark("yes")
    return stage


REFUSED = (401, "invalid_token")


def expiry(stage: Stage) -> None:
    assert stage.call() == REFUSED
    assert stage.refresh().status_code == 200


def revocation(stage: Stage) -> None:
    assert stage.call() == REFUSED
    for _ in range(2):
        answer = stage.refresh()
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert stage.connection.is_live
    stage.authorize()


def missing_scope(stage: Stage) -> None:
    assert stage.call("whoami") == (200, "")  # which does not need it
    assert stage.refresh().status_code == 200  # nor does a refresh bring it back, or lose it for good
    assert stage.call() == (403, "insufficient_scope")


def refresh_race(stage: Stage) -> None:
    assert stage.call() == (200, "")
    before = stage.held
    answer = stage.refresh()
    assert answer.status_code == 200
    again = tokens_of(stage.app.refresh(before.refresh))  # the faster one, to whom the same is answered
    assert (again.access, again.refresh) == (stage.held.access, stage.held.refresh)


def lost_answer(stage: Stage) -> None:
    assert stage.call() == (200, "")
    lost = stage.refresh()
    assert (lost.status_code, lost.content) == (502, b"")
    assert AccessToken.objects.count() == 2  # done, all the same
    assert stage.refresh().status_code == 200
    assert AccessToken.objects.count() == 2


def handle_mismatch(stage: Stage) -> None:
    assert stage.endpoint.call(stage.held.access, method="GET").status == 200  # no call: it waits for one
    assert stage.call() == (401, "session_handle_mismatch")


def clock_skew(stage: Stage) -> None:
    assert stage.call() == REFUSED
    assert stage.endpoint.claims == 0
    assert stage.refresh().status_code == 200
    assert stage.call() == REFUSED
    assert stage.endpoint.claims == 1


def unavailable(stage: Stage) -> None:
    reply = stage.endpoint.call(stage.held.access)
    assert (reply.status, reply.json["error"]) == (503, "temporarily_unavailable")
    assert int(reply.headers["retry-after"]) > 0


STORIES: dict[str, tuple[Callable[[Stage], None], str]] = {
    "expiry": (expiry, "It refreshed after"),
    "revocation": (revocation, "It authorized again after"),
    "missing_scope": (missing_scope, ""),
    "refresh_race": (refresh_race, "It went on after"),
    "lost_answer": (lost_answer, "It refreshed after"),
    "handle_mismatch": (handle_mismatch, ""),
    "clock_skew": (clock_skew, ""),
    "unavailable": (unavailable, ""),
}


@pytest.mark.parametrize("fault", STORIES)
def test_a_fault_is_met_once_and_then_everything_is_as_before(stage: Stage, fault: str) -> None:
    story, told = STORIES[fault]
    granted = stage.world.asker.knows(stage.held.access)["scope"]
    stage.begin(fault, "links.read" if fault == "missing_scope" else "")
    story(stage)
    assert stage.call() == (200, "")
    assert stage.world.asker.knows(stage.held.access)["scope"] == granted
    assert "rehearsal" not in stage.world.asker.knows(stage.held.access)
    row = Rehearsal.objects.get()
    assert row.met_at and row.ended_at and row.fault == fault
    assert (stage.connection.rehearsed_fault, stage.connection.withheld_scopes) == ("", "")
    begun, met, ended = Event.objects.filter(tag__startswith="rehearsal:").order_by("id")
    assert (begun.actor, met.actor, ended.actor) == ("person", "client", "client")
    assert ended.detail == {"rehearsal": str(row.pk), "fault": fault, "how": "met"}
    watching.look(now=timezone.now())
    page = stage.world.alice.http.get(stage.page).content.decode()
    assert "Everything is as before." in page and told in page


ENDINGS: dict[str, tuple[Callable[[Stage], Any], str]] = {
    "its time is over": (lambda stage: watching.look(now=timezone.now() + policy.REHEARSAL_LIFETIME), "time_over"),
    "it is called off": (lambda stage: press(stage.world.alice, "Call it off", stage.open("/rehearsal")), "called_off"),
    "an administrator calls it off": (lambda stage: stage.call_off_in_admin(), "called_off"),
    "the handle is no longer for testing": (lambda stage: stage.mark(""), "called_off"),
    "an admin decides what it may do": (lambda stage: stage.save(), "called_off"),
    "its person decides what it may do": (lambda stage: stage.save_own(), "called_off"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_what_nobody_met_is_given_back(stage: Stage, name: str) -> None:
    act, how = ENDINGS[name]
    for fault in ("expiry", "revocation", "missing_scope", "lost_answer", "unavailable"):
        stage.mark("yes")
        stage.begin(fault, "links.read" if fault == "missing_scope" else "")
        assert watching.look(now=timezone.now()) == 0  # not yet
        assert stage.is_whole() == (fault in ("lost_answer", "unavailable"))
        act(stage)
        if how == "time_over":  # by then a credential would have run out by itself
            stage.refresh()
        assert stage.is_whole()
        assert stage.call() == (200, "")
        row = Rehearsal.objects.get(connection__rehearsed_fault="")
        assert (row.met_at, row.detail["ended"], "expired" in row.detail) == (None, how, False)
        row.delete()


def test_what_may_not_be_rehearsed_is_refused(stage: Stage) -> None:
    alice, bob, connection = stage.world.alice, stage.world.bob.sign_in(), stage.connection
    confirmed = {"fault": "unavailable", "confirm": "yes"}

    def tell(person: Person = alice, **form: str) -> tuple[int, str]:
        answer = person.http.post(stage.page, confirmed | form, follow=True)
        return answer.status_code, words_of(answer)

    assert tell(bob)[0] == 404  # a member, no admin
    assert "Choose a fault." in tell(fault="flood")[1]
    for scope in ("", "links.write", "mcp.connect"):  # none, not granted, needed for everything
        assert "Choose a permission that the connection has now." in tell(fault="missing_scope", scope=scope)[1]
    RefreshToken.objects.update(rotated_at=timezone.now())
    for fault in ("refresh_race", "lost_answer"):
        assert "The app cannot refresh" in tell(fault=fault)[1]
    connections.pause(connection, who=PausedBy.HANDLE_ADMIN, by=alice.user, now=timezone.now())
    assert "has ended or is paused" in tell()[1]
    connections.resume(connection, who=PausedBy.HANDLE_ADMIN, by=alice.user, now=timezone.now())
    assert not Rehearsal.objects.exists()
    assert "It waits for the app now." in tell()[1]
    assert "rehearses a fault already" in tell()[1]
    stage.mark("")
    assert tell()[0] == 404
    for person, said in ((bob, acts.NOT_ADMIN), (alice, acts.NOT_FOR_TESTING)):
        assert acts.begin(connection, Rehearsal.Fault.EXPIRY, by=person.user, now=timezone.now()) == said
    connections.revoke(connection, reason=connections.EndReason.PERSON, now=timezone.now())
    assert tell()[0] == 404
    assert Rehearsal.objects.count() == 1


def test_a_fault_is_claimed_once_and_only_by_whose_endpoint_it_is(stage: Stage) -> None:
    stage.begin("unavailable")
    row, ours, other = Rehearsal.objects.get(), stage.world.asker, stage.world.other_asker
    assert stage.world.asker.knows(stage.held.access)["rehearsal"] == {"id": str(row.pk), "fault": "unavailable"}
    assert claim(other, row.pk) == (200, {"fire": False})
    assert claim(ours, uuid4()) == (200, {"fire": False})
    assert claim(Asker(ours.id, "rss_wrong"), row.pk)[0] == 401
    assert claim(ours, row.pk) == (200, {"fire": True})
    assert claim(ours, row.pk) == (200, {"fire": False})
    assert ours.http.get(f"/oauth/rehearsals/{row.pk}/met").status_code == 405
    stage.begin("expiry")  # one that is not a resource server's to answer
    assert claim(ours, Rehearsal.objects.get(ended_at=None).pk) == (200, {"fire": False})


@pytest.mark.parametrize("fault", Rehearsal.Fault.values)
def test_a_forged_mark_of_a_handle_that_is_not_for_testing_does_nothing(stage: Stage, fault: str) -> None:
    stage.mark("")
    Rehearsal.objects.create(connection=stage.connection, fault=fault)
    Connection.objects.update(rehearsed_fault=fault)
    told = stage.world.asker.knows(stage.held.access)
    assert told["active"] and "rehearsal" not in told
    assert claim(stage.world.asker, Rehearsal.objects.get().pk) == (200, {"fire": False})
    assert stage.call() == (200, "")
    assert stage.refresh().status_code == 200
    assert stage.call() == (200, "")


def test_no_fault_lets_in_what_would_be_refused(stage: Stage) -> None:
    replaced = stage.held
    stage.refresh()
    RefreshToken.objects.update(answer_seen_at=timezone.now())
    late = timezone.now() - policy.REFRESH_LEEWAY - timedelta(seconds=1)
    RefreshToken.objects.filter(rotated_at__isnull=False).update(rotated_at=late, rotated_address="198.51.100.7")
    for fault in Rehearsal.Fault.values:
        stage.begin(fault, "links.read" if fault == "missing_scope" else "")
        assert stage.app.refresh(stage.held.refresh, resource="http://127.0.0.1:8001/other/mcp").status_code == 400
        assert App.register("Other").refresh(stage.held.refresh).status_code == 400
        assert not stage.world.other_asker.is_active(stage.held.access)
        assert stage.endpoint.call(stage.held.access, "create_link").status >= 400
        acts.end_all(stage.connection.handle, by=stage.world.alice.user, now=timezone.now())
    stage.begin("expiry")
    assert stage.app.refresh(replaced.refresh).status_code == 400  # stolen, whatever is rehearsed
    assert not stage.connection.is_live
    assert watching.look(now=timezone.now()) == 1
    assert not stage.world.asker.is_active(stage.held.access)


def claim(asker: Asker, rehearsal_id: Any) -> tuple[int, Any]:
    pair = base64.b64encode(f"{asker.id}:{asker.secret}".encode()).decode()
    answer = asker.http.post(f"/oauth/rehearsals/{rehearsal_id}/met", headers={"Authorization": f"Basic {pair}"})
    return answer.status_code, answer.json()
