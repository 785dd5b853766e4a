"""The doctor against the running product: it finds nothing wrong as any client at any of the three URLs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gatehouse.doctor.engine import examine
from gatehouse.doctor.report import PROFILES
from tests.contract import product

# So that no test here starts a product of its own in the tier without a browser.
pytestmark = pytest.mark.usefixtures("alice")


@pytest.mark.covers("req:D3")
def test_nothing_is_wrong_as_any_client_at_any_url_and_another_issuer_is_noticed(short_lived: dict) -> None:
    issuer = short_lived["issuer"]
    urls = [product.address(short_lived, place) for place in ("gateway acme", "hosted acme", "compat acme")]
    found = {
        (url, client): report.codes
        for url in urls
        for client in PROFILES
        if (report := examine(url, profile=client, expected_issuer=issuer)).codes
    }
    assert found == {}
    command = [sys.executable, "-S", "-m", "gatehouse", "doctor", urls[1], "--issuer", "https://ai.example.com"]
    done = subprocess.run(command, cwd=product.ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"sends clients to the authorization server {issuer}, not to https://ai.example.com" in done.stdout
