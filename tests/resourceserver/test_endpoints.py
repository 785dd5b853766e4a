"""Host and path to handle: deterministic, case-insensitive in the host only, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resourceserver.endpoints import EndpointPattern, EndpointTable, request_authority
from tests.resourceserver.fakes import COMPAT, GATEWAY, OTHER, endpoints

WELL_KNOWN = "/.well-known/oauth-protected-resource"
TABLE = endpoints()


def resource_at(authority: str, path: str) -> tuple[str, str | None, str] | None:
    found = TABLE.match(authority, path)
    return found and (found.endpoint.resource, found.endpoint.handle, found.door)


@pytest.mark.parametrize(
    ("authority", "path", "expected"),
    [
        ("127.0.0.1:8001", "/mcp", (GATEWAY, None, "mcp")),
        ("127.0.0.1:8001", "/mcp/acme/mcp", (COMPAT.format(handle="acme"), "acme", "mcp")),
        ("127.0.0.1:8001", "/other/mcp", (OTHER, None, "mcp")),
        ("acme.mcp.localhost:8001", "/mcp", ("http://acme.mcp.localhost:8001/mcp", "acme", "mcp")),
        ("ACME.Mcp.LocalHost:8001", "/mcp", ("http://acme.mcp.localhost:8001/mcp", "acme", "mcp")),
        ("127.0.0.1:8001", "/sse", (GATEWAY, None, "sse")),
        ("127.0.0.1:8001", "/mcp/sse", (GATEWAY, None, "sse")),
        ("127.0.0.1:8001", "/mcp/messages", (GATEWAY, None, "messages")),
        ("127.0.0.1:8001", "/mcp/acme/sse", (COMPAT.format(handle="acme"), "acme", "sse")),
        ("127.0.0.1:8001", "/mcp/acme/mcp/sse", (COMPAT.format(handle="acme"), "acme", "sse")),
        ("acme.mcp.localhost:8001", "/sse", ("http://acme.mcp.localhost:8001/mcp", "acme", "sse")),
        ("127.0.0.1:8001", WELL_KNOWN, (GATEWAY, None, "metadata")),
        ("127.0.0.1:8001", f"{WELL_KNOWN}/mcp", (GATEWAY, None, "metadata")),
        (
            "127.0.0.1:8001",
            f"{WELL_KNOWN}/mcp/acme/mcp",
            (COMPAT.format(handle="acme"), "acme", "metadata"),
        ),
        ("acme.mcp.localhost:8001", WELL_KNOWN, ("http://acme.mcp.localhost:8001/mcp", "acme", "metadata")),
    ],
)
def test_an_address_of_the_table_is_found(authority: str, path: str, expected: tuple[str, str | None, str]):
    assert resource_at(authority, path) == expected


@pytest.mark.parametrize(
    ("authority", "path"),
    [
        ("", "/mcp"),
        ("evil.example", "/mcp"),
        ("127.0.0.1", "/mcp"),
        ("127.0.0.1:8001.evil.example", "/mcp"),
        ("127.0.0.1:8001@evil.example", "/mcp"),
        ("127.0.0.1:80011", "/mcp"),
        ("shop.acme.example", "/mcp"),
        ("acme.mcp.localhost", "/mcp"),
        ("acme.mcp.localhost:8001.", "/mcp"),
        ("mcp.localhost:8001", "/mcp"),
        (".mcp.localhost:8001", "/mcp"),
        ("a.b.mcp.localhost:8001", "/mcp"),
        ("-acme.mcp.localhost:8001", "/mcp"),
        ("acme-.mcp.localhost:8001", "/mcp"),
        ("a_b.mcp.localhost:8001", "/mcp"),
        ("a" * 41 + ".mcp.localhost:8001", "/mcp"),
        ("acme.mcp.localhost:8001", "/mcp/acme/mcp"),
        ("acme.mcp.localhost:8001", "/other/mcp"),
        ("127.0.0.1:8001", "/mcp/"),
        ("127.0.0.1:8001", "//mcp"),
        ("127.0.0.1:8001", "/MCP"),
        ("127.0.0.1:8001", "/mcp/ACME/mcp"),
        ("127.0.0.1:8001", "/mcp/%61cme/mcp"),
        ("127.0.0.1:8001", "/mcp/acme%2Fmcp"),
        ("127.0.0.1:8001", "/mcp/../mcp"),
        ("127.0.0.1:8001", "/mcp/acme/mcp\n"),
        ("127.0.0.1:8001", f"{WELL_KNOWN}/"),
        ("127.0.0.1:8001", f"{WELL_KNOWN}/mcp/ACME/mcp"),
        ("127.0.0.1:8001", f"{WELL_KNOWN}/unknown"),
        ("acme.mcp.localhost:8001", f"{WELL_KNOWN}/mcp/acme/mcp"),
        ("127.0.0.1:8001", "/.well-known/oauth-authorization-server"),
    ],
)
@pytest.mark.covers("req:T7")
def test_any_other_address_matches_nothing(authority: str, path: str):
    assert TABLE.match(authority, path) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_host_and_path_makes_the_table_fail(authority: str, path: str):
    found = TABLE.match(authority, path)
    assert found is None or found.endpoint.resource.startswith("http://")


@pytest.mark.covers("req:T7")
def test_a_literal_host_wins_over_a_handle_of_the_same_name():
    table = EndpointTable(
        [
            EndpointPattern("hosted", "https://{handle}.mcp.test/mcp"),
            EndpointPattern("gateway", "https://ai.mcp.test/mcp"),
        ]
    )
    found = table.match("ai.mcp.test", "/mcp")
    assert found is not None
    assert (found.endpoint.name, found.endpoint.handle) == ("gateway", None)


@pytest.mark.parametrize("authority", ["ai.mcp.test", "ai.mcp.test:443", "AI.MCP.TEST:443"])
def test_the_default_port_may_be_written_or_not(authority: str):
    found = EndpointTable([EndpointPattern("gateway", "https://ai.mcp.test/mcp")]).match(authority, "/mcp")
    assert found is not None
    assert found.endpoint.resource == "https://ai.mcp.test/mcp"
    assert found.endpoint.metadata_url == f"https://ai.mcp.test{WELL_KNOWN}/mcp"


def test_the_default_port_of_the_other_scheme_is_another_host():
    assert (
        EndpointTable([EndpointPattern("gateway", "https://ai.mcp.test/mcp")]).match("ai.mcp.test:80", "/mcp") is None
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.test/mcp",
        "https://a.test",
        "https://a.test/",
        "https://a.test/mcp/",
        "https://a.test/mcp?x=1",
        "https://a.test/mcp#x",
        "https://user@a.test/mcp",
        "https://A.test/mcp",
        'https://a.test/"',
        "https://{handle}.a.test/{handle}/mcp",
        "https://{tenant}.a.test/mcp",
        "https://a.test/.well-known/mcp",
    ],
)
def test_a_url_that_cannot_be_an_endpoint_stops_the_start(url: str):
    with pytest.raises(ValueError, match="endpoint bad"):
        EndpointTable([EndpointPattern("bad", url)])


def test_two_endpoints_with_one_url_stop_the_start():
    with pytest.raises(ValueError, match="same URL"):
        EndpointTable([EndpointPattern("a", GATEWAY), EndpointPattern("b", GATEWAY)])


def test_a_root_form_that_would_have_to_name_a_handle_stops_the_start():
    with pytest.raises(ValueError, match="root form"):
        EndpointTable([EndpointPattern("compat", COMPAT, root_metadata=True)])


def test_a_forwarded_host_is_not_believed_without_a_trusted_proxy():
    assert request_authority("real.test", forwarded_host="forged.test", trusted_proxy_count=0) == "real.test"


def test_the_outermost_trusted_proxy_says_which_host_was_asked_for():
    forwarded = "forged.test, acme.mcp.test, inner.test"
    assert request_authority("pod:8001", forwarded_host=forwarded, trusted_proxy_count=2) == "acme.mcp.test"


def test_a_proxy_that_keeps_the_host_needs_no_forwarded_one():
    assert request_authority("acme.mcp.test", forwarded_host="", trusted_proxy_count=1) == "acme.mcp.test"
