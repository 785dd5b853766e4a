"""The set-up command against the running product: what it prints works, and what is wrong it names."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.contract import product

CALLBACK = "https://app.example/callback"


def connect(*arguments: str) -> tuple[int, dict]:
    """Run the command as it is installed: with Python alone."""
    command = [sys.executable, "-S", "-m", "gatehouse", "connect", *arguments, "--redirect-uri", CALLBACK, "--json"]
    done = subprocess.run(command, cwd=product.ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def authorize(ready: dict, report: dict, **changed: str) -> tuple[int, str]:
    """Open the authorization endpoint as a browser does. Return the status and where it ends."""
    asked = {
        "response_type": "code",
        "client_id": report["client_id"],
        "redirect_uri": report["redirect_uris"][0],
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "resource": report["mcp_server_url"],
        "scope": " ".join(report["default_scopes"]),
    }
    url = f"{ready['issuer']}/oauth/authorize?{urlencode(asked | changed)}"
    try:
        with urlopen(Request(url, headers={"Accept": "text/html"})) as answer:
            return answer.status, answer.url
    except HTTPError as error:
        with error:
            return error.code, error.url


@pytest.mark.covers("req:C4")
def test_what_the_command_prints_leads_to_the_sign_in_page(short_lived: dict) -> None:
    issuer = short_lived["issuer"]
    status, report = connect("--issuer", issuer, "--handle", "acme")
    assert (status, report["mcp_server_url"]) == (0, product.address(short_lived, "hosted acme"))
    status, sign_in = authorize(short_lived, report)
    assert (status, sign_in.startswith(f"{issuer}/accounts/login")) == (200, True)
    assert authorize(short_lived, report, client_id="00000000-0000-4000-8000-000000000000")[0] == 400
    status, again = connect("--issuer", issuer, "--gateway")
    assert (status, again["mcp_server_url"]) == (0, short_lived["gateway_url"])
    assert again["client_id"] == report["client_id"]
    status, wrong = connect("--issuer", "https://ai.example.com", "--url", short_lived["gateway_url"])
    assert (status, wrong["error"]) == (1, "wrong_authorization_server")
    assert issuer in wrong["cause"]
