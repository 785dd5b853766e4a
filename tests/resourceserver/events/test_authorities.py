"""An issuer whose certificate a private authority vouches for: by the standard variables, and past every proxy."""

from pathlib import Path

import pytest

from resourceserver.events.calls import Caller
from resourceserver.introspection import Identity, IntrospectionClient, Unreachable
from tests import document_host
from tests.resourceserver.fakes import ISSUER, SECRETS, credential, endpoints, grant, run


async def _identify(url: str) -> Identity | None:
    asking = IntrospectionClient(url, issuer=ISSUER, secrets=SECRETS)
    found = endpoints().match("127.0.0.1:8001", "/mcp")
    assert found is not None
    answer = await asking.identify(credential(1), found.endpoint)
    return answer if isinstance(answer, Identity) else None


async def _call(origin: str) -> int:
    async with Caller(origin, account="rs-main", secret="rss_main") as line:
        return (await line.get("/x")).status


def test_a_private_authority_counts_once_the_environment_names_it_and_a_proxy_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    with document_host.running(tmp_path) as (host, authority):
        asked = host.publish_json("/oauth/introspect", {"active": True, **grant()})
        host.publish_json("/x", {})
        with pytest.raises(Unreachable):
            run(_identify(asked))
        assert host.requests == []  # nothing was said to a stranger

        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert run(_identify(asked)) is not None
        assert run(_call(host.origin)) == 200
        assert "authorization: basic" in host.requests[0].lower()


def test_a_file_of_authorities_that_cannot_be_used_stops_the_start_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "none.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        with pytest.raises(OSError, match="SSL_CERT_FILE or SSL_CERT_DIR cannot be used"):
            IntrospectionClient(f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets=SECRETS)
