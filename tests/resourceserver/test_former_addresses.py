"""A resource server during a move: each address is told as itself, and a credential for one is good at all of the same
endpoint and handle, and nowhere else."""

from collections.abc import Callable

import pytest

from resourceserver.introspection import Identity, Rejected, Unreachable
from resourceserver.sample.config import ConfigurationError, read
from tests.resourceserver.fakes import FakeAuthorizationServer, grant, introspection, run
from tests.resourceserver.running import ENVIRONMENT, RunningSample

OLD = "http://old.example.com"
MOVED = {
    **ENVIRONMENT,
    "FORMER_ISSUERS": OLD,
    "FORMER_GATEWAY_URLS": f"{OLD}/mcp,http://older.example.com/mcp",
    "FORMER_HOSTED_URLS": "http://{handle}.mcp.old.example.com/mcp",
    "FORMER_COMPAT_URLS": f"{OLD}/mcp/{{handle}}/mcp",
}
NEW = {"gateway": "http://127.0.0.1:8001/mcp", "hosted": "http://acme.mcp.localhost:8001/mcp"}


def identify(host: str, path: str, **changes: object) -> object:
    found = read(MOVED).endpoints.match(host, path)
    assert found is not None
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant(**changes))
    return run(introspection(server, former_issuers=[OLD]).identify(bearer, found.endpoint))


@pytest.mark.covers("ask:20")
@pytest.mark.parametrize(
    ("host", "path", "good", "foreign"),
    [
        ("old.example.com", "/mcp", [f"{OLD}/mcp", NEW["gateway"], "http://older.example.com/mcp"], [NEW["hosted"]]),
        ("127.0.0.1:8001", "/mcp", [f"{OLD}/mcp", NEW["gateway"]], [f"{OLD}/mcp/", f"{OLD}/mcp/acme/mcp"]),
        (
            "acme.mcp.old.example.com",
            "/mcp",
            ["http://acme.mcp.old.example.com/mcp", NEW["hosted"]],
            ["http://globex.mcp.old.example.com/mcp", NEW["gateway"], "http://globex.mcp.localhost:8001/mcp"],
        ),
        ("old.example.com", "/mcp/acme/mcp", [f"{OLD}/mcp/acme/mcp"], [f"{OLD}/mcp/globex/mcp", f"{OLD}/mcp"]),
        ("127.0.0.1:8001", "/other/mcp", ["http://127.0.0.1:8001/other/mcp"], [f"{OLD}/other/mcp", f"{OLD}/mcp"]),
    ],
)
def test_a_credential_is_good_at_every_address_of_its_endpoint_and_nowhere_else(
    host: str, path: str, good: list[str], foreign: list[str]
) -> None:
    for audience in good:
        assert isinstance(identify(host, path, aud=audience), Identity)
    for audience in foreign:
        assert identify(host, path, aud=audience) == Rejected("foreign_resource")


def test_only_the_named_issuers_are_believed_and_addresses_stay_apart() -> None:
    assert isinstance(identify("old.example.com", "/mcp", iss=OLD), Identity)
    for issuer in (f"{OLD}/", "http://evil.example", "http://old.example.com:80"):
        with pytest.raises(Unreachable):
            identify("old.example.com", "/mcp", iss=issuer)
    for host in ("evil.example", "acme.mcp.old.example.com.evil.example", "older.example.com.evil.example"):
        assert read(MOVED).endpoints.match(host, "/mcp") is None
    with pytest.raises(ConfigurationError, match="^FORMER_ISSUERS: "):
        read({**ENVIRONMENT, "FORMER_ISSUERS": f"{OLD}/"})
    with pytest.raises(ConfigurationError, match="the same URL"):
        read({**ENVIRONMENT, "FORMER_GATEWAY_URLS": NEW["gateway"]})


def test_metadata_is_told_for_the_address_that_was_asked(run_sample: Callable[..., RunningSample]) -> None:
    sample = run_sample(**MOVED)
    for host, resource, issuer in (
        ("old.example.com", f"{OLD}/mcp", OLD),
        ("127.0.0.1:8001", NEW["gateway"], "http://127.0.0.1:8000"),
    ):
        told = sample.ask("GET", f"http://{host}/.well-known/oauth-protected-resource/mcp").json
        assert (told["resource"], told["authorization_servers"]) == (resource, [issuer])
