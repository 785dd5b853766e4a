"""A check walks as a client does, asks nobody else, ends in time, and its last report tells in words what is wrong."""

from __future__ import annotations

import re
import string
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone, translation

from authserver import policy
from authserver.models import Client, DoctorReport, Event
from authserver.services.endpoints import checking, places, reports, words
from authserver.services.endpoints.checking import Busy
from authserver.services.endpoints.places import Place
from gatehouse.doctor.report import TITLES, Outcome, Report, Step
from gatehouse.words import WORDS, finding
from handles.models import Handle
from tests import servers
from tests.flows.integrations import endpoint_host
from tests.gatehouse.deployment import REGISTER, Deployment, Reply
from tests.people import World

pytestmark = pytest.mark.covers("req:T8", "req:T4")
NOW = timezone.now()


@pytest.fixture
def there(settings: Any) -> Iterator[Deployment]:
    with endpoint_host.running(settings) as found:
        yield found


def check(*found: Place, profile: str = "generic") -> list[DoctorReport]:
    rows = checking.check(found, now=NOW, profile=profile)
    assert not isinstance(rows, Busy)
    return rows


def findings(row: DoctorReport) -> list[str]:
    return [found["code"] for step in row.steps for found in step["findings"]]


def test_what_is_right_is_good_and_any_app_registers_at_the_gateway_alone(world: World, there: Deployment) -> None:
    hosted, compat, gateway = check(*places.of_handle(Handle.objects.get(slug="acme")))
    assert [(row.ok, findings(row)) for row in (compat, gateway)] == [(True, []), (True, [])]
    assert [row.handle for row in (hosted, compat, gateway)] == ["acme", "acme", ""]
    assert there.asked.count(REGISTER) == 1
    assert Client.objects.get(client_id=policy.DOCTOR_CLIENT_ID).name == "Gatehouse doctor"
    assert Event.objects.filter(tag="client:registered", client_id=policy.DOCTOR_CLIENT_ID).count() == 1
    # The issuer that is meant is ours; whom the metadata names instead is told and not asked.
    assert (hosted.step, hosted.code) == ("resource_metadata", "wrong_authorization_server")
    assert not [what for what in there.asked if "old.example" in what]


def test_where_registration_is_closed_nobody_registers_and_a_certain_app_does_as_it_does(
    world: World, there: Deployment, settings: Any
) -> None:
    settings.REGISTRATION = "closed"
    gateway = Place(there.url, "gateway")
    assert check(gateway)[0].ok
    assert REGISTER not in there.asked
    (row,) = check(gateway, profile="cursor")
    assert (row.profile, row.ok, there.asked.count(REGISTER)) == ("cursor", True, 1)


def test_each_address_is_told_what_is_wrong_with_it(world: World, there: Deployment) -> None:
    """The engine's own tests seed every fault; here is what the server tells it."""
    unknown = f"https://acme.{'x' * 64}.example/mcp"
    compat = f"{there.origin}/mcp/acme/mcp"
    nobody = f"http://127.0.0.1:{servers.free_port()}/mcp"
    slash = endpoint_host.publish(there, "/slash/mcp", resource=f"{there.origin}/slash/mcp/")
    missing = endpoint_host.publish(there, "/missing/mcp")
    there.answers[f"GET {endpoint_host.WELL_KNOWN}/missing/mcp"] = Reply(404, {})
    opened = endpoint_host.publish(there, "/open/mcp")
    there.answers["POST /open/mcp"] = Reply(200, {"jsonrpc": "2.0"})
    there.answers[f"GET {endpoint_host.WELL_KNOWN}/open/mcp"] = Reply(404, {})
    elsewhere = endpoint_host.publish(there, "/else/mcp", authorization_servers=[f"{there.origin}/"])
    wanted = {
        Place(unknown, "hosted", "acme", compat): ("name", "hosted_name_missing"),
        Place(unknown + "/2", "hosted", "acme"): ("name", "host_not_found"),
        Place(nobody, "other", "acme"): ("connection", "connection_refused"),
        Place(slash, "other", "acme"): ("resource_metadata", "resource_differs"),
        Place(missing, "other", "acme"): ("resource_metadata", "not_found"),
        Place(opened, "other", "acme"): ("challenge", "no_sign_in"),
        Place(elsewhere, "other", "acme"): ("server_metadata", "issuer_differs"),
    }
    rows = check(*wanted)
    assert {row.url: (row.step, row.code) for row in rows} == {place.url: code for place, code in wanted.items()}
    said = words.told(rows[0])[0].found[0]
    assert (compat in said.cause, "wildcard DNS record" in said.fix) == (True, True)


def test_all_together_take_no_longer_than_the_slowest_may_and_are_kept(
    world: World, there: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ENDPOINT_CHECK_SECONDS", 2.0)
    slow = [Place(f"{there.origin}/slow{number}/mcp", "other", "acme") for number in range(3)]
    for place in slow:
        there.answers[f"POST /{place.url.rpartition(there.origin + '/')[2]}"] = lambda handler: there.over.wait(20)
    compat = Place(f"{there.origin}/mcp/acme/mcp", "compatibility", "acme")
    started = time.monotonic()
    rows = check(*slow, compat)
    assert time.monotonic() - started < 2 * 2.0 + 1.9  # one after the other they would take 6
    assert [row.ok for row in rows] == [False, False, False, True]
    assert {code for row in rows[:3] for code in findings(row)} & {"too_slow", "out_of_time"}
    # Whoever opens the page later reads the same, and since when it has been so.
    kept = reports.last([place.url for place in slow] + [compat.url, "http://127.0.0.1:1/never"])
    assert {url: row.failed_since for url, row in kept.items()} == {
        **{place.url: NOW for place in slow},
        compat.url: None,
    }


def test_one_round_too_many_is_told_to_come_back(world: World) -> None:
    for _ in range(policy.ENDPOINT_ROUNDS_AT_ONCE):
        checking._rounds.acquire()
    try:
        assert checking.check([Place("http://127.0.0.1:1/mcp", "other")], now=NOW) == Busy()
    finally:
        checking._rounds.release(policy.ENDPOINT_ROUNDS_AT_ONCE)
    assert checking.check([], now=NOW + timedelta(seconds=1)) == []
    # A round keeps a thread of the pages waiting, and needs another one at the same time.
    assert 2 * policy.ENDPOINT_ROUNDS_AT_ONCE < policy.PAGE_THREADS


NAMED = {"code": "not_found", "facts": {"url": "https://acme.example", "what": "the resource metadata"}}
LANGUAGES = [code for code, _ in django_settings.LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_words_in_every_language_that_its_facts_fill(language: str) -> None:
    names = {name for pair in WORDS.values() for text in pair for _, name, _, _ in string.Formatter().parse(text)}
    facts = {name: f"100% {{{name}}}" for name in names if name}
    steps = [Step(name=name, outcome=Outcome.GOOD, sent="GET", got="200") for name in TITLES]
    steps += [Step(name="name", outcome=Outcome.FAILED, finding=finding(code, **facts)) for code in WORDS]
    row = DoctorReport(steps=[reports._plain(step) for step in steps])
    with translation.override(language):
        told = words.told(row)
    assert all(each.title and each.word for each in told)
    said = [each.found[0] for each in told[len(TITLES) :]]
    assert all(each.cause and each.fix for each in said)
    assert not [each for each in said if re.search(r"(?<!100% )\{", each.cause + each.fix)]
    isolated = any(words.ISOLATE in each.cause for each in said)
    assert isolated is (language == "ar")
    row.steps = [steps[0].__dict__ | {"outcome": "failed", "findings": [NAMED]}]
    with translation.override(language):
        cause = words.told(row)[0].found[0].cause
    assert ("the resource metadata" in cause) is (language == "en")


def test_what_another_version_found_has_words_too() -> None:
    row = DoctorReport()
    place = Place("https://acme.example/mcp", "hosted", "acme")
    step = {"name": "later", "outcome": "later", "sent": "", "got": ""}
    unknown = [{"code": "unheard_of", "facts": {}}, {"code": "host_not_found", "facts": {"other": place.url}}]
    row.steps = [step | {"findings": unknown}, step]
    told, bare = words.told(row)
    assert bare.found == ()
    assert [said.fix for said in told.found] == ["Check again.", "Check again."]
    assert (told.title, told.word, words.profile_name("later")) == ("later", "later", "later")
    assert Report(url=place.url, profile="generic").ok
