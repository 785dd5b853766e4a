"""A walk where nothing is wrong, for each client; where it may go, how long it takes, and what it never shows."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import pytest

from gatehouse import words
from gatehouse.doctor import endpoints, engine, network
from gatehouse.doctor.clients import CLIENTS
from gatehouse.doctor.engine import examine
from gatehouse.doctor.report import PROFILES, STEPS, Outcome, Report
from tests.gatehouse.deployment import AS_METADATA, MCP, REGISTER, RS_METADATA, Deployment, Reply
from tests.gatehouse.doctor import world
from tests.gatehouse.doctor.world import AUTHORIZE, HTML, REMOVE, TOKEN, authorizing, registering, says
from tests.house import ROOT

NO_DOCUMENTS = says(AS_METADATA, client_id_metadata_document_supported=None)


@pytest.fixture
def there() -> Iterator[Deployment]:
    with world.running() as found:
        yield found


def outcome(report: Report, step: str) -> Outcome:
    return next(each.outcome for each in report.steps if each.name == step)


@pytest.mark.parametrize("client", PROFILES)
@pytest.mark.parametrize("documents", [True, False])
def test_a_sound_deployment_is_good_to_every_client(there: Deployment, client: str, documents: bool) -> None:
    if not documents:
        NO_DOCUMENTS(there)
    report = examine(there.url, profile=client, expected_issuer=there.origin)
    assert [step.name for step in report.steps] == list(STEPS)
    assert report.codes == ()
    # A client without pages has nothing to look at; nothing else is left out.
    skipped = {step.name for step in report.steps if step.outcome is Outcome.SKIPPED}
    assert skipped == (set() if CLIENTS[client].page_origin else {"cors"})
    assert report.ok


def test_a_slash_that_stands_everywhere_is_no_fault(there: Deployment) -> None:
    says(AS_METADATA, issuer="{origin}/")(there)
    says(RS_METADATA, authorization_servers=["{origin}/"])(there)
    there.answers[AUTHORIZE] = authorizing(returns={"iss": f"{there.origin}/"})
    assert examine(there.url, profile="generic").codes == ()


def test_each_client_opens_as_it_does(there: Deployment) -> None:
    opened = {}
    for client in PROFILES:
        there.requests.clear()
        examine(there.url, profile=client)
        what, headers = there.requests[0]
        opened[client] = (what, headers.get("User-Agent"), headers.get("Mcp-Method"), headers.get("Origin"))
    assert opened["generic"] == (MCP, None, "server/discover", None)
    assert opened["chatgpt"] == (MCP, "openai-mcp/1.0.0", "server/discover", None)
    assert opened["mcp-remote"][0] == "GET /mcp"
    assert opened["gemini"][0] == "HEAD /mcp"
    assert (opened["inspector"][3], opened["browser"][3]) == (None, "http://localhost:6274")


def test_what_is_registered_is_marked_and_removed(there: Deployment) -> None:
    examine(there.url, profile="cursor")
    assert [said["client_name"] for said in there.registered] == ["Cursor (doctor)"]
    assert there.asked[-1] == REMOVE
    assert there.requests[-1][1]["Authorization"] == "Bearer mcr_hidden"


def test_what_is_registered_may_stay_but_for_what_has_a_secret(there: Deployment) -> None:
    assert examine(there.url, profile="cursor", keeps_registration=True).ok
    assert REMOVE not in there.asked
    NO_DOCUMENTS(there)
    assert examine(there.url, profile="claude", keeps_registration=True).ok
    assert there.asked[-1] == REMOVE


@pytest.mark.parametrize(
    "told",
    [
        {"client_id_issued_at": 1},  # somebody's, who registered the same long ago
        {"registration_client_uri": "http://127.0.0.2:1/register/c-1"},  # the token goes nowhere else
        {"registration_access_token": None},
    ],
)
def test_what_is_not_ours_is_left_alone(there: Deployment, told: dict[str, object]) -> None:
    there.answers[REGISTER] = registering(**told)
    assert examine(there.url, profile="cursor").ok
    assert REMOVE not in there.asked


def test_an_existing_client_is_examined_and_none_registered(there: Deployment) -> None:
    there.registered.append({"redirect_uris": ["https://app.example/callback"]})
    asked = {"client_id": "c-1", "redirect_uris": ["https://app.example/callback"]}
    report = examine(there.url, profile="generic", **asked)  # type: ignore[arg-type]
    assert (report.codes, outcome(report, "registration")) == ((), Outcome.SKIPPED)
    assert REGISTER not in there.asked


def test_a_callback_of_one_connection_leads_to_the_document_of_that_connection(there: Deployment) -> None:
    """ChatGPT's app page shows it; whoever has it can look at that very connection."""
    report = examine(there.url, profile="chatgpt", redirect_uris=["https://chatgpt.com/connector/oauth/mcp"])
    assert report.codes == ()
    asked = next(step.sent for step in report.steps if step.name == "registration")
    assert asked == "client_id=https://chatgpt.com/oauth/mcp/client.json"


def test_no_secret_is_shown_even_where_the_server_repeats_it(there: Deployment) -> None:
    NO_DOCUMENTS(there)
    echo = {"error": "mcs_once", "error_description": "mcs_once and mcr_hidden"}
    there.answers |= {TOKEN: Reply(400, echo), AUTHORIZE: authorizing(error="mcs_once", returns={"code": "c0de"})}
    report = examine(there.url, profile="chatgpt")
    assert {"code_unasked", "token_error_unclear"} <= set(report.codes)
    for secret in ("mcs_once", "mcr_hidden", "c0de"):
        assert secret not in repr(report)


def test_other_origins_are_not_called(there: Deployment) -> None:
    with world.running() as other:
        says(RS_METADATA, authorization_servers=[other.origin])(there)
        report = examine(there.url, profile="generic", origins=[there.origin, "no origin"])
        assert other.requests == []
    assert report.codes == ("not_called",)
    assert outcome(report, "server_metadata") is Outcome.FAILED
    assert examine(there.url, profile="generic", origins=[]).codes[0] == "not_called"


def test_a_walk_ends_in_its_time(there: Deployment) -> None:
    there.answers[MCP] = lambda handler: bool(there.over.wait(20)) and None
    began = time.monotonic()
    report = examine(there.url, profile="generic", expected_issuer=there.origin, seconds=0.5)
    assert time.monotonic() - began < 15  # of the 20 that it keeps silent
    assert set(report.codes) == {"too_slow", "out_of_time"}


def test_a_resolver_that_hangs_is_left_behind(there: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there.over.wait(20))
    report = examine(there.url, profile="generic", seconds=0.3)
    assert report.codes == ("too_slow",)


def test_a_fault_of_ours_is_told_as_one(there: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    steps = tuple((name, broken if name == "challenge" else look) for name, look in engine.WALK)
    monkeypatch.setattr(engine, "WALK", steps)
    assert "doctor_failed" in examine(there.url, profile="generic").codes


def test_addresses_without_ipv4_are_noted_for_who_calls_by_it(
    there: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))]
    monkeypatch.setattr(network, "_resolve", lambda host: six)
    assert examine(there.url, profile="claude").codes == ("no_ipv4",)
    assert examine(there.url, profile="gemini").codes == ()


@pytest.mark.parametrize(
    ("url", "internal"),
    [
        ("https://ai.example.com/token", False),
        ("https://8.8.8.8/token", False),
        ("https://localhost/token", True),
        ("https://web/token", True),
        ("https://web.default.svc.cluster.local/token", True),
        ("https://AI.Internal/token", True),
        ("https://10.0.0.3:8000/token", True),
        ("https://[::1]/token", True),
    ],
)
def test_addresses_that_lead_nowhere_from_outside(url: str, internal: bool) -> None:
    assert endpoints.is_internal(url) is internal


def test_an_internal_endpoint_is_named_in_public_only(there: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "internal_address" not in examine(there.url, profile="generic").codes
    monkeypatch.setattr("gatehouse.doctor.walk.Walk.is_local", False)
    report = examine(there.url, profile="generic")
    assert set(report.codes) == {"internal_address"}
    assert outcome(report, "endpoints") is Outcome.FAILED
    assert outcome(report, "authorization") is Outcome.FAILED  # the sign-in page


@pytest.mark.parametrize("what", [MCP, RS_METADATA, AS_METADATA, REGISTER, AUTHORIZE, TOKEN])
@pytest.mark.parametrize(
    "spoilt",
    [
        Reply(200, b"\xff\x00", HTML),
        Reply(200, b"[" * 100_000, {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        Reply(200, {"resource": 1, "issuer": [], "error": {}, "client_id": 7, "scopes_supported": "x"}),
        Reply(302, b"", {"Location": "http://[::1"}),
        Reply(302, b"", {}),
        Reply(401, {"error": "\x1b[31m" + "x" * 5000}, {"WWW-Authenticate": 'Bearer resource_metadata="/m", a="\\'}),
    ],
)
def test_whatever_a_server_answers_there_is_a_report(there: Deployment, what: str, spoilt: Reply) -> None:
    there.answers[what] = spoilt
    for client in ("generic", "browser"):
        report = examine(there.url, profile=client, seconds=10)
        assert "doctor_failed" not in report.codes
        assert not any("\x1b" in line for step in report.steps for line in (step.sent, step.got))
        assert all(len(line) < 400 for step in report.steps for line in (step.sent, step.got))


def test_the_guide_names_every_code_and_every_client() -> None:
    guide = (ROOT / "docs/doctor.md").read_text()
    codes = re.findall(r"^\| `([a-z_0-9]+)` \|", guide.partition("## The codes")[2], re.MULTILINE)
    assert sorted(codes) == sorted(words.WORDS)
    assert re.findall(r"^\| `--as ([a-z-]+)` \|", guide, re.MULTILINE) == list(PROFILES)
    assert list(CLIENTS) == list(PROFILES)
