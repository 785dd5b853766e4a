"""A check names the step at which a client would fail, and why: against a real server, with one fault at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone, translation

from authserver import policy
from authserver.protocol.endpoints.findings import Finding
from authserver.services.endpoints import checking, results, words
from authserver.services.endpoints.checking import Busy
from tests import document_host, servers
from tests.flows.integrations import endpoint_host
from tests.flows.integrations.endpoint_host import ISSUER, EndpointHost, Reply

pytestmark = pytest.mark.covers("req:T8", "req:T4")
ELSEWHERE = "https://auth.other.example"
Seed = Callable[[EndpointHost], str]


@pytest.fixture(scope="module")
def host() -> Iterator[EndpointHost]:
    with endpoint_host.running() as running:
        yield running


def seeded(path: str, **changes: Any) -> Seed:
    return lambda host: host.publish(f"/{path}/mcp", **changes)


def told(url: str, *, handle: str = "acme", seconds: float = 3.0) -> list[words.Told]:
    found = checking.check(url, deadline=time.monotonic() + seconds)
    return [words.told(each, handle=handle) for each in found]


def moved(host: EndpointHost) -> str:
    return host.publish("/moved/mcp", document=Reply({}, 308, {"Location": f"http://127.0.0.1:{host.server_port}/"}))


def spelled_otherwise(host: EndpointHost) -> str:
    return host.publish("/slash/mcp", metadata={"resource": f"http://127.0.0.1:{host.server_port}/slash/mcp/"})


FAULTS: dict[str, tuple[Seed, str, str, str]] = {
    "a name nobody knows": (
        lambda host: f"http://acme.{'x' * 64}.example/mcp",
        "Name", f"The name acme.{'x' * 64}.example does not resolve.", f"a wildcard DNS record *.{'x' * 64}.example",
    ),
    "nobody listens": (
        lambda host: f"http://127.0.0.1:{servers.free_port()}/mcp",
        "Connection", "Nothing accepts connections at 127.0.0.1, port", "Start the resource server",
    ),
    "https where there is http": (
        lambda host: f"https://127.0.0.1:{host.server_port}/mcp",
        "Connection", "No encrypted connection came about", "speaks HTTPS",
    ),
    "no metadata": (
        seeded("missing", document=Reply({}, 404)),
        "Metadata", "answers with status 404 instead of the metadata", "Route /.well-known/oauth-protected-resource",
    ),
    "metadata that moved": (moved, "Metadata", "sends apps elsewhere (status 308)", "do not follow redirects"),
    "a web site where the metadata belongs": (
        seeded("site", document=Reply(b"<!doctype html>", headers={"Content-Type": "text/html"})),
        "Metadata", "not with a JSON object (text/html)", "Something else answers there",
    ),
    "metadata that is a list": (
        seeded("list", document=Reply([])), "Metadata", "not with a JSON object", "Something else",
    ),
    "another resource, by a slash": (spelled_otherwise, "Metadata", "/slash/mcp/, not to", "letter by letter"),
    "no authorization server": (
        seeded("none", metadata={"authorization_servers": None}),
        "Metadata", "names no authorization server", f"Set {ISSUER} as the issuer",
    ),
    "another authorization server": (
        seeded("foreign", metadata={"authorization_servers": [ELSEWHERE]}),
        "Metadata", f"to {ELSEWHERE} to sign in, not to {ISSUER}.", f"Set {ISSUER} as the issuer",
    ),
    "our issuer with a slash": (
        seeded("slashed", metadata={"authorization_servers": [f"{ISSUER}/"]}),
        "Metadata", f"to {ISSUER}/ to sign in, not to {ISSUER}.", "without a slash at the end",
    ),
    "our issuer second": (
        seeded("second", metadata={"authorization_servers": [ELSEWHERE, ISSUER]}),
        "Metadata", f"names {ELSEWHERE} before {ISSUER}", "first",
    ),
    "an issuer that is no text": (
        seeded("odd", metadata={"authorization_servers": [{"%s": "\n"}]}),
        "Metadata", 'to {"%s": "\\n"} to sign in', "Set",
    ),
    "everybody gets in": (
        seeded("open", endpoint=Reply({"jsonrpc": "2.0"})),
        "Sign-in challenge", "lets a request in without any credential (status 200)", "Put the gate in front of it",
    ),
    "no endpoint": (
        seeded("gone", endpoint=Reply({}, 404)),
        "Sign-in challenge", "with status 404 instead of 401", "Apps start to sign in at 401",
    ),
    "a challenge that is none": (
        seeded("basic", endpoint=Reply({}, 401, {"WWW-Authenticate": 'Basic realm="resource_metadata=x"'})),
        "Sign-in challenge", "does not say where its metadata is", "WWW-Authenticate: Bearer resource_metadata=",
    ),
    "a challenge that leads away": (
        seeded("away", endpoint=Reply({}, 401, {"WWW-Authenticate": f"Bearer resource_metadata={ELSEWHERE}/x"})),
        "Sign-in challenge", f"the metadata at {ELSEWHERE}/x, not at", "agree on its public address",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_with_its_cause_and_what_to_do(host: EndpointHost, name: str) -> None:
    seed, step, cause, fix = FAULTS[name]
    *before, last = told(seed(host))
    assert (last.step, last.ok) == (step, False)
    assert cause in last.cause
    assert fix in last.fix
    assert all(each.ok for each in before)


def test_an_endpoint_that_answers_passes_every_step(host: EndpointHost) -> None:
    url = host.publish("/good/mcp")
    assert [(each.step, each.ok, each.fix) for each in told(url)] == [
        ("Name", True, ""),
        ("Connection", True, ""),
        ("Metadata", True, ""),
        ("Sign-in challenge", True, ""),
    ]
    # The second request is the one that a client begins with; nothing of ours goes along.
    assert host.requests[-2:] == ["GET /.well-known/oauth-protected-resource/good/mcp", "POST /good/mcp"]


def test_a_certificate_is_held_to_the_name_and_to_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with document_host.running(tmp_path) as (host, authority):
        assert "no authority that this server trusts" in told(f"{host.origin}/mcp")[-1].cause
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert "made out to another name" in told(f"https://acme.localhost:{host.port}/mcp")[-1].cause
        assert "status 404" in told(f"{host.origin}/mcp")[-1].cause


def test_a_private_address_is_worth_a_word_in_production(host: EndpointHost, settings: Any) -> None:
    settings.PRODUCTION = True
    first, *rest = told(host.publish("/private/mcp"))
    assert "private address" in first.cause
    assert all(each.ok for each in (first, *rest))


def test_all_endpoints_together_take_no_longer_than_the_slowest_may(
    host: EndpointHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ENDPOINT_CHECK_SECONDS", 0.6)
    now, started = timezone.now(), time.monotonic()
    slow = [host.publish(f"/slow{number}/mcp") for number in range(3)]
    host.silent |= {f"/slow{number}/mcp" for number in range(3)}
    good = host.publish("/quick/mcp")
    found = checking.check_all([*slow, good, good], now=now)
    assert not isinstance(found, Busy)
    assert time.monotonic() - started < 2.0
    assert [each.answers for each in found] == [False, False, False, True]
    assert "did not answer in time" in words.told(found[0].findings[-1]).cause
    # And it is remembered, for whoever opens the page later.
    kept = results.last([*slow, good, "http://127.0.0.1:1/never"])
    assert [kept[each.url] for each in found] == found
    assert kept[good].checked_at == now
    assert len(kept) == 4


def test_one_round_too_many_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(policy.ENDPOINT_ROUNDS_AT_ONCE):
        checking._rounds.acquire()
    try:
        assert checking.check_all(["http://127.0.0.1:1/mcp"], now=timezone.now()) == Busy()
    finally:
        checking._rounds.release(policy.ENDPOINT_ROUNDS_AT_ONCE)
    assert checking.check_all([], now=timezone.now() + timedelta(seconds=1)) == []


def test_every_reason_has_words_that_its_facts_fill() -> None:
    facts = dict.fromkeys(("host", "port", "url", "status", "kind", "told", "expected", "zone"), "100%")
    with translation.override("en"):
        for reason, (cause, fix) in words.WORDS.items():
            assert str(cause) % facts, reason
            assert bool(str(fix) % facts) is (not reason.endswith("_good")), reason
    assert words.told(Finding("later", False, "unheard_of")).fix == "Check again."
    with translation.override("ar"):
        assert (
            "\u2066acme.example\u2069"
            in words.told(Finding("name", False, "name_unknown", {"host": "acme.example"})).cause
        )
