"""Every client of the corpus connects with default settings: what it publishes or registers, consent, exchange,
refresh. Only the network to the clients' own hosts is replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Http

from authserver import policy
from authserver.management.commands import corpus as command
from authserver.models import Client, Rehearsal
from authserver.services import corpus, fetcher
from authserver.services.corpus import Entry
from authserver.services.fetcher import Fetched, FetchFailed
from tests.people import App, World, answer_of, tokens_of
from tests.signing import Signer

DOCUMENTS = corpus.documents()
REGISTRATIONS = corpus.registrations()
EXPECTED = {
    "documents": {
        "chatgpt", "chatgpt-per-connection", "chatgpt-plural", "claude", "claude-code", "codex", "cursor", "grok",
        "opencode", "vscode", "zed",
    },
    "registrations": {
        "chatgpt", "claude", "claude-code", "codex", "cursor", "fastmcp", "gemini-cli", "inspector", "mcp-remote",
        "opencode", "sdk-python-1", "sdk-python-2", "sdk-typescript-1", "sdk-typescript-2", "vscode",
    },
}  # fmt: skip
Network = dict[str, object]


def named(entries: tuple[Entry, ...]) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.slug)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """What stands at each address; nothing else can be reached. An address that fails has its failure."""
    there: Network = {}

    def fetch(url: str, *, bytes_max: int) -> Fetched | FetchFailed:
        found = there.get(url, FetchFailed("fetch:name_unknown", False))
        if isinstance(found, FetchFailed):
            return found
        body = json.dumps(found).encode()
        assert len(body) <= bytes_max
        return Fetched(body, 300)

    monkeypatch.setattr(fetcher, "fetch", fetch)
    return there


def scope_of(entry: Entry) -> str | None:
    return entry.body.get("scope") or None


def connect(world: World, app: App, prove: Callable[[], dict[str, str]] = dict, scope: str | None = None) -> None:
    """Take a client the whole way, as `prove` lets it authenticate, and see that what it holds works."""
    preflight = Http(headers={"accept": "*/*"}).get(app.authorize_url(scope=scope))  # FastMCP does, before the browser
    assert preflight.status_code in (200, 302)
    page = world.alice.open(app.authorize_url(scope=scope, prompt="consent"))
    assert page.status_code == 200, page.content.decode()
    answer = answer_of(world.alice.decide(page, handle="acme"))
    assert (answer["iss"], answer["state"]) == ("http://127.0.0.1:8000", app.state)
    held = tokens_of(app.exchange(answer["code"], **prove()))
    assert world.asker.knows(held.access)["client_id"] == app.client_id
    if held.refresh:
        assert world.asker.is_active(tokens_of(app.refresh(held.refresh, **prove())).access)


# --- Documents


@named(DOCUMENTS)
@pytest.mark.covers("CM-12", "CM-17", "CM-18", "T10")
def test_a_client_with_a_document_connects_in_each_way_it_may_prove_itself(
    world: World, network: Network, entry: Entry
) -> None:
    network[entry.url] = entry.body
    signer = Signer(entry.url, algorithm="RS256")
    if "jwks_uri" in entry.body:
        network[entry.body["jwks_uri"]] = signer.jwks
    app = App(entry.url, redirect_uri=entry.redirect_uri)
    client = world.alice.open(app.authorize_url()) and Client.objects.get()
    if client.signs:
        connect(world, app, prove=signer.form)
    if not client.signs or client.also_public:
        connect(world, app)
    assert client.may_refresh == ("refresh_token" in entry.body.get("grant_types", ["refresh_token"]))


@named(DOCUMENTS)
def test_the_consent_page_says_which_host_vouches_for_it(world: World, network: Network, entry: Entry) -> None:
    network[entry.url] = entry.body
    page = world.alice.open(App(entry.url, redirect_uri=entry.redirect_uri).authorize_url()).content.decode()
    assert f"Identified by <bdi>{urlsplit(entry.url).hostname}</bdi>" in page
    assert f"<bdi>{entry.body['client_name']}</bdi> wants to connect" in page


@named(DOCUMENTS)
def test_a_document_whose_host_refuses_us_is_replaced_by_its_copy_or_told_as_an_outage(
    world: World, network: Network, entry: Entry
) -> None:
    network[entry.url] = FetchFailed("fetch:status_403", True)
    app = App(entry.url, redirect_uri=entry.redirect_uri)
    if entry.is_pinned:
        connect(world, app)
        assert Client.objects.get().document_fetched_at is None
    else:
        assert world.alice.http.get(app.authorize_url()).status_code == 503


def test_a_copy_stands_in_for_its_exact_address_only(world: World, network: Network) -> None:
    for url in ("https://chatgpt.com/oauth/client.json?x", "https://chatgpt.com:443/oauth/client.json"):
        network[url] = FetchFailed("fetch:status_403", True)
        app = App(url, redirect_uri="https://chatgpt.com/connector_platform_oauth_redirect")
        assert world.alice.http.get(app.authorize_url()).status_code == 503


def test_a_copy_does_not_stand_in_for_a_document_that_is_there_and_wrong(world: World, network: Network) -> None:
    entry = next(entry for entry in DOCUMENTS if entry.is_pinned)
    network[entry.url] = entry.body | {"client_id": "https://other.example/"}
    app = App(entry.url, redirect_uri=entry.redirect_uri)
    assert world.alice.http.get(app.authorize_url()).status_code == 400


def test_a_copy_gives_way_to_the_document_once_that_is_reached(world: World, network: Network) -> None:
    entry = next(entry for entry in DOCUMENTS if entry.slug == "claude")
    network[entry.url] = FetchFailed("fetch:status_403", True)
    app = App(entry.url, redirect_uri=entry.redirect_uri)
    connect(world, app)
    network[entry.url] = entry.body | {"client_name": "Claude, renamed"}
    Client.objects.update(cimd_expires_at=Client.objects.get().created)
    world.alice.open(app.authorize_url())
    assert Client.objects.get().name == "Claude, renamed"
    assert Client.objects.get().document_fetched_at is not None


# --- Registrations


@named(REGISTRATIONS)
@pytest.mark.covers("DC-06", "DC-13", "DC-14", "T07", "T08", "T16")
def test_a_client_that_registers_connects(world: World, entry: Entry) -> None:
    answer = Http().post("/oauth/register", json.dumps(entry.body), content_type="application/json")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert told["client_name"] == entry.body["client_name"]
    assert told["redirect_uris"] == entry.body["redirect_uris"]
    assert told["token_endpoint_auth_method"] == entry.body.get("token_endpoint_auth_method", "none")
    assert ("client_secret" in told) == (told["token_endpoint_auth_method"] != "none")
    app = App(told["client_id"], told.get("client_secret"), entry.redirect_uri, told)
    connect(world, app, scope=scope_of(entry))


@named(REGISTRATIONS)
def test_every_callback_that_it_registered_can_be_used(world: World, entry: Entry) -> None:
    for redirect_uri in entry.body["redirect_uris"]:
        told = Http().post("/oauth/register", json.dumps(entry.body), content_type="application/json").json()
        page = world.alice.open(App(told["client_id"], redirect_uri=redirect_uri).authorize_url())
        assert page.status_code == 200
        assert answer_of(world.alice.decide(page, "cancel"))["error"] == "access_denied"


# --- The corpus itself


def test_the_corpus_is_complete() -> None:
    assert {entry.slug for entry in DOCUMENTS} == EXPECTED["documents"]
    assert {entry.slug for entry in REGISTRATIONS} == EXPECTED["registrations"]


@named(DOCUMENTS + REGISTRATIONS)
def test_every_entry_says_where_and_when_it_was_seen(entry: Entry) -> None:
    assert entry.source
    assert date(2026, 1, 1) <= date.fromisoformat(entry.date)
    assert len(json.dumps(entry.body)) <= policy.DOCUMENT_BYTES_MAX


def test_the_page_of_clients_is_what_the_server_does(tmp_path: Path) -> None:
    call_command("corpus", "matrix", output=tmp_path / "clients.md")
    assert command.PAGE.read_text() == (tmp_path / "clients.md").read_text()
    rows = re.findall(r"^\| (?!client |fault |---)", command.PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(DOCUMENTS) + len(REGISTRATIONS) + len(Rehearsal.Fault)
    assert {"Python SDK 2.3.0", "TypeScript SDK 2.4.0"} <= {entry.client for entry in corpus.rehearsed()}
    assert all(list(entry.results) == Rehearsal.Fault.values for entry in corpus.rehearsed())


def test_the_check_is_quiet_while_nothing_changed(network: Network) -> None:
    network |= {entry.url: entry.body for entry in DOCUMENTS}
    told = StringIO()
    call_command("corpus", "check", stdout=told)
    assert told.getvalue().count("unchanged") == len(DOCUMENTS)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"client_name": "Other"}, "changed: client_name"),
        ({"new_member": 1, "grant_types": None}, "changed: grant_types, new_member"),
        (FetchFailed("fetch:status_404", False), "changed: "),
        ([], "changed: it is no document any more"),
    ],
)
def test_the_check_names_what_changed_and_fails(network: Network, now: Any, said: str) -> None:
    network |= {entry.url: entry.body for entry in DOCUMENTS}
    first = DOCUMENTS[0]
    network[first.url] = first.body | now if isinstance(now, dict) else now
    told = StringIO()
    with pytest.raises(CommandError, match="1 changed"):
        call_command("corpus", "check", stdout=told)
    assert f"{first.client}: {said}" in told.getvalue()


def test_the_check_does_not_take_an_outage_for_a_change(network: Network) -> None:
    network |= {entry.url: FetchFailed("fetch:status_403", True) for entry in DOCUMENTS}
    told = StringIO()
    call_command("corpus", "check", stdout=told)
    assert told.getvalue().count("not reached: fetch:status_403") == len(DOCUMENTS)
