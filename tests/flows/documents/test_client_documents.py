"""A client whose id is the address of its own description (CIMD): from the first visit to the token."""

import re
from datetime import timedelta

import pytest
from django.test import Client as Http
from django.utils import timezone

from authserver import policy, tasks
from authserver.models import Alarm, Client, Event
from authserver.services.documents import forget_unused
from tests.document_host import DocumentHost, raw
from tests.people import App, World, answer_of, tokens_of

REDIRECT = "https://app.example/callback"


def app_of(url: str, redirect_uri: str = REDIRECT) -> App:
    return App(url, redirect_uri=redirect_uri)


def make_stale(url: str) -> None:
    Client.objects.filter(client_id=url).update(cimd_expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.covers("AS-50", "CM-05")
@pytest.mark.parametrize("redirect_uri", [REDIRECT, "http://127.0.0.1:50123/callback"])
def test_a_documented_client_connects_without_registering(
    world: World, documents: DocumentHost, redirect_uri: str
) -> None:
    app = app_of(documents.publish(), redirect_uri)
    held = world.connect(world.alice, app, handle="acme")
    assert world.asker.knows(held.access)["client_id"] == app.client_id
    assert tokens_of(app.refresh(held.refresh)).access
    assert documents.connections == 1
    assert Event.objects.filter(tag=Event.Tag.CLIENT_REGISTERED, client_id=app.client_id).count() == 1


@pytest.mark.covers("AS-68", "CM-25", "CM-26")
def test_the_consent_page_names_the_host_that_vouches_and_the_host_it_returns_to(
    world: World, documents: DocumentHost
) -> None:
    asked = app_of(documents.publish(logo_uri="https://client.example/logo.png")).authorize_url()
    page = world.alice.open(asked).content.decode()
    assert "logo.png" not in page
    assert "Identified by <bdi>localhost</bdi>" in page
    assert "returns you to <bdi>app.example</bdi>" in page
    assert documents.url() in page
    assert "This app registered itself" not in page


@pytest.mark.covers("CM-01")
def test_metadata_says_that_documents_are_supported(db: None) -> None:
    told = Http().get("/.well-known/oauth-authorization-server").json()
    assert told["client_id_metadata_document_supported"] is True
    assert "none" in told["token_endpoint_auth_methods_supported"]


# --- Refused


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/register/x"])
@pytest.mark.covers("M-outbound")
def test_no_other_endpoint_causes_a_fetch(db: None, documents: DocumentHost, path: str) -> None:
    form = {"client_id": documents.publish(), "grant_type": "authorization_code", "code": "x", "token": "x"}
    assert Http().post(path, form).status_code >= 400
    assert documents.connections == 0


def test_the_sign_in_page_causes_no_fetch(db: None, documents: DocumentHost) -> None:
    url = app_of(documents.publish()).authorize_url()
    assert Http().get("/accounts/login/", {"next": url}).status_code == 200
    assert documents.connections == 0


@pytest.mark.covers("CM-12")
def test_a_redirect_uri_that_the_document_does_not_list_is_not_followed(world: World, documents: DocumentHost) -> None:
    answer = world.alice.http.get(app_of(documents.publish(), "https://evil.example/callback").authorize_url())
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()


@pytest.mark.covers("CM-08", "CM-30")
@pytest.mark.parametrize(
    ("status", "expected"),
    [("500 Oops", 503), ("403 Forbidden", 503), ("429 Slow", 503), ("404 Not Found", 400), ("204 No Content", 400)],
)
@pytest.mark.covers("CM-08", "CM-30")
def test_a_document_that_cannot_be_had_is_told_on_a_page_that_names_its_address_alone(
    db: None, documents: DocumentHost, status: str, expected: int
) -> None:
    documents.answers["/client.json"] = raw(b"{}", status=status)
    asked = app_of(documents.url()).authorize_url(state="secret-state")
    answer = Http(headers={"accept": "text/html"}).get(asked)
    page = answer.content.decode()
    assert answer.status_code == expected
    assert documents.url() in page
    assert "app.example" not in page
    assert "secret-state" not in page
    assert not Client.objects.exists()


def test_a_program_gets_the_error_as_json(db: None, documents: DocumentHost) -> None:
    documents.answers["/client.json"] = raw(b"{}", status="503 Busy")
    answer = Http(headers={"accept": "application/json"}).get(app_of(documents.url()).authorize_url())
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer["Retry-After"]


@pytest.mark.covers("CM-20")
def test_a_failure_is_not_kept_and_the_second_try_succeeds(world: World, documents: DocumentHost) -> None:
    app = app_of(documents.url())
    documents.answers["/client.json"] = raw(b"{}", status="500 Oops")
    assert world.alice.http.get(app.authorize_url()).status_code == 503
    documents.publish()
    assert world.connect(world.alice, app, handle="acme").access


def test_a_host_that_fails_again_and_again_is_left_alone_for_a_while(db: None, documents: DocumentHost) -> None:
    documents.answers["/client.json"] = raw(b"{}", status="500 Oops")
    for _ in range(policy.FETCH_FAILURES_BEFORE_PAUSE + 5):
        assert Http().get(app_of(documents.url()).authorize_url()).status_code == 503
    assert documents.connections == policy.FETCH_FAILURES_BEFORE_PAUSE


def test_one_caller_makes_us_fetch_only_so_often_a_minute_and_takes_nothing_from_others(
    db: None, documents: DocumentHost
) -> None:
    for number in range(policy.FETCHES_PER_CALLER_PER_MINUTE + 5):
        Http().get(app_of(documents.url(f"/{number}")).authorize_url())
    assert documents.connections == policy.FETCHES_PER_CALLER_PER_MINUTE
    assert Http(REMOTE_ADDR="203.0.113.7").get(app_of(documents.publish()).authorize_url()).status_code == 302


def test_one_origin_is_asked_only_so_often_a_minute_by_however_many(db: None, documents: DocumentHost) -> None:
    for number in range(policy.FETCHES_PER_ORIGIN_PER_MINUTE + 5):
        Http(REMOTE_ADDR=f"203.0.113.{number}").get(app_of(documents.url(f"/{number}")).authorize_url())
    assert documents.connections == policy.FETCHES_PER_ORIGIN_PER_MINUTE


def test_a_blocked_client_stays_blocked_whatever_its_document_says(world: World, documents: DocumentHost) -> None:
    app = app_of(documents.publish())
    assert world.alice.open(app.authorize_url()).status_code == 200
    Client.objects.update(is_active=False)
    make_stale(app.client_id)
    assert world.alice.open(app.authorize_url()).status_code == 403
    assert documents.connections == 1


# --- Kept and refreshed


def test_a_fresh_copy_is_used_without_asking_again(world: World, documents: DocumentHost) -> None:
    app = app_of(documents.publish())
    for _ in range(3):
        assert world.alice.open(app.authorize_url()).status_code == 200
    assert documents.connections == 1


def test_a_stale_copy_is_refreshed_once_behind_the_request(world: World, documents: DocumentHost) -> None:
    app = app_of(documents.publish())
    world.alice.open(app.authorize_url())
    make_stale(app.client_id)
    documents.publish(redirect_uris=[REDIRECT, "https://app.example/second"])
    for _ in range(3):
        assert world.alice.open(app.authorize_url()).status_code == 200
    assert documents.connections == 2
    assert "second" in Client.objects.get().redirect_uris
    changed = Event.objects.get(tag=Event.Tag.CLIENT_DOCUMENT_CHANGED)
    assert changed.detail["changed"] == ["redirect_uris"]
    assert not Alarm.objects.exists(), "nobody is connected to it"


@pytest.mark.covers("screen:D5")
def test_an_administrator_reads_the_document_and_what_changed_in_it(world: World, documents: DocumentHost) -> None:
    app = app_of(documents.publish(logo_uri="https://logo.example/<b>"))
    world.alice.open(app.authorize_url())
    address = f"/admin/authserver/client/{Client.objects.get().pk}/change/"
    page = world.admin.sign_in().http.get(address).content.decode()
    assert "It has said the same ever since we keep it." in page
    assert "https://logo.example/&lt;b&gt;" in page
    make_stale(app.client_id)
    documents.publish(redirect_uris=[REDIRECT, "https://app.example/second"])
    for _ in range(2):
        world.alice.open(app.authorize_url())
    page = world.admin.http.get(address).content.decode()
    rows = re.findall(r'<tr class="(removed|added)">.*?<code>\s*(.*?)</code>', page)
    assert ("removed", "&quot;logo_uri&quot;: &quot;https://logo.example/&lt;b&gt;&quot;,") in rows
    assert ("added", "&quot;https://app.example/second&quot;") in rows
    assert world.admin.http.post(address, {"name": "Mine", "reason": "x"}).status_code == 302
    assert Client.objects.get().name != "Mine"


def test_the_clock_refreshes_the_documents_of_connected_clients(world: World, documents: DocumentHost) -> None:
    used, seen = app_of(documents.publish("/used.json")), app_of(documents.publish("/seen.json"))
    world.connect(world.alice, used, handle="acme")
    world.alice.open(seen.authorize_url())
    for url in (used.client_id, seen.client_id):
        make_stale(url)
    documents.publish("/used.json", client_name="Renamed")
    assert tasks.refresh_stale_documents() == 1
    assert tasks.refresh_stale_documents() == 0
    assert Client.objects.get(client_id=used.client_id).name == "Renamed"
    assert documents.connections == 3


def test_clients_that_were_only_seen_are_forgotten_and_known_again_when_they_come(
    world: World, documents: DocumentHost
) -> None:
    used, seen = app_of(documents.publish("/used.json")), app_of(documents.publish("/seen.json"))
    world.connect(world.alice, used, handle="acme")
    world.alice.open(seen.authorize_url())
    assert forget_unused(now=timezone.now()) == 0
    assert forget_unused(now=timezone.now() + policy.UNUSED_REGISTRATION_LIFETIME * 1.1) == 1
    assert [client.client_id for client in Client.objects.all()] == [used.client_id]
    assert world.alice.open(seen.authorize_url()).status_code == 200


@pytest.mark.parametrize(
    "broken",
    [
        raw(b"{}", status="404 Not Found"),
        raw(b"nonsense"),
        raw(b'{"client_id": "https://other.example/x"}'),
        raw(b"{}", status="500 Oops"),
    ],
)
def test_the_last_good_copy_serves_whatever_comes_after_it(
    world: World, documents: DocumentHost, broken: object
) -> None:
    app = app_of(documents.publish())
    assert world.connect(world.alice, app, handle="acme").access
    make_stale(app.client_id)
    documents.answers["/client.json"] = broken  # type: ignore[assignment]
    assert world.connect(world.bob, app, handle="acme").access
    assert Client.objects.get().name == "Documented"


@pytest.mark.covers("CM-21")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"client_name": "Renamed"}, "Its name was <bdi>Documented</bdi>"),
        ({"redirect_uris": [REDIRECT, "https://other.example/callback"]}, "other addresses to return to"),
    ],
)
def test_who_allowed_the_client_is_told_that_it_changed(
    world: World, documents: DocumentHost, change: dict[str, object], told: str
) -> None:
    app = app_of(documents.publish())
    world.connect(world.alice, app, handle="acme")
    assert "changed since you allowed it" not in world.alice.open(app.authorize_url()).content.decode()
    make_stale(app.client_id)
    documents.publish(**change)
    world.alice.open(app.authorize_url())  # the stale copy serves this request and is refreshed behind it
    page = world.alice.open(app.authorize_url())
    assert "This app changed since you allowed it." in page.content.decode()
    assert told in page.content.decode()
    assert "changed since you allowed it" not in world.bob.open(app.authorize_url()).content.decode()
    assert answer_of(world.alice.decide(page, handle="acme"))["code"]
    assert "changed since you allowed it" not in world.alice.open(app.authorize_url()).content.decode()
