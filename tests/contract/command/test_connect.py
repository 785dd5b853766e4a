"""The set-up command against the running product: what it prints brings a code, and what is wrong it names."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.contract import product
from tests.contract.person import Person

CALLBACK = "https://app.example/callback"
# So that no test here starts a product of its own in the tier without a browser.
pytestmark = pytest.mark.usefixtures("alice")


def connect(*arguments: str) -> tuple[int, dict]:
    """Run the command as it is installed: with Python alone."""
    command = [sys.executable, "-S", "-m", "gatehouse", "connect", *arguments, "--redirect-uri", CALLBACK, "--json"]
    done = subprocess.run(command, cwd=product.ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def authorize_url(issuer: str, report: dict) -> str:
    """The address that a connector opens, given what the command printed."""
    asked = {
        "response_type": "code",
        "client_id": report["client_id"],
        "redirect_uri": report["redirect_uris"][0],
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "resource": report["mcp_server_url"],
        "scope": " ".join(report["default_scopes"]),
    }
    return f"{issuer}/oauth/authorize?{urlencode(asked)}"


@pytest.mark.covers("req:C4")
def test_what_the_command_prints_brings_a_code(short_lived: dict, alice: Person) -> None:
    issuer = short_lived["issuer"]
    status, report = connect("--issuer", issuer, "--handle", "acme")
    assert (status, report["mcp_server_url"]) == (0, product.address(short_lived, "hosted acme"))
    page = alice.opens(authorize_url(issuer, report))
    expect(page.get_by_role("heading", level=1)).to_contain_text("app.example wants to connect")
    with page.expect_request(lambda request: request.url.startswith(CALLBACK)) as returning:
        page.get_by_role("button", name="Allow").click()
    brought = parse_qs(urlsplit(returning.value.url).query)
    assert (bool(brought["code"]), brought["iss"]) == (True, [report["authorization_server"]])
    page.close()


def test_the_command_again_means_the_same_client_and_another_issuer_is_noticed(short_lived: dict) -> None:
    gateway, issuer = short_lived["gateway_url"], short_lived["issuer"]
    first, again = (connect("--issuer", issuer, *where) for where in (("--gateway",), ("--url", gateway)))
    assert first == again
    assert (first[0], first[1]["mcp_server_url"]) == (0, gateway)
    status, wrong = connect("--issuer", "https://ai.example.com", "--url", gateway)
    assert (status, wrong["error"]) == (1, "wrong_authorization_server")
    assert issuer in wrong["cause"]
