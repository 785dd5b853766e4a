"""Resource indicators: one canonical form, and which endpoint it names, if any."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from authserver.protocol import resources
from authserver.protocol.resources import Pattern
from handles import slugs

GATEWAY = Pattern(id="g", kind="gateway", address="https://ai.example.com/mcp")
HOSTED = Pattern(id="h", kind="hosted", address="https://{handle}.mcp.example.com/mcp")
COMPAT = Pattern(id="c", kind="compatibility", address="https://ai.example.com/mcp/{handle}/mcp")
BARE = Pattern(id="b", kind="other", address="https://bare.example.com", handle="acme")
FIXED = Pattern(
    id="f", kind="other", address="https://ai.example.com/mcp/fixed/mcp", aliases=("https://old.example.com/mcp",)
)
PATTERNS = [COMPAT, HOSTED, GATEWAY, BARE, FIXED]

hosts = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?(\.[a-zA-Z]{2,6})?", fullmatch=True)
paths = st.lists(st.from_regex(r"[A-Za-z0-9._~%!$&'()*+,;=:@-]{0,8}", fullmatch=True), max_size=4)
uris = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}" + "".join(f"/{part}" for part in path),
    st.sampled_from(["http", "https", "HTTP", "Https"]),
    hosts,
    st.sampled_from(["", ":80", ":443", ":8001", ":0", ":65535"]),
    paths,
)


@pytest.mark.covers("T01", "AS-31", "AS-32", "AS-33")
@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("https://a.example/mcp", "https://a.example/mcp"),
        ("HTTPS://A.Example/mcp", "https://a.example/mcp"),
        ("https://a.example:443/mcp", "https://a.example/mcp"),
        ("http://a.example:80/mcp", "http://a.example/mcp"),
        ("https://a.example:80/mcp", "https://a.example:80/mcp"),
        ("https://a.example:8443/mcp", "https://a.example:8443/mcp"),
        ("https://a.example/", "https://a.example"),
        ("https://a.example", "https://a.example"),
        ("https://a.example/mcp/", "https://a.example/mcp/"),
        ("https://a.example//", "https://a.example//"),
        ("https://a.example/MCP", "https://a.example/MCP"),
        ("https://a.example/%2f", "https://a.example/%2f"),
        ("http://[::1]:8001/mcp", "http://[::1]:8001/mcp"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://127.0.0.1:8001/mcp", "http://127.0.0.1:8001/mcp"),
    ],
)
def test_the_canonical_form(written: str, canonical: str) -> None:
    assert resources.canonical(written) == canonical


@pytest.mark.covers("RF-07", "H4")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/mcp",
        "a.example/mcp",
        "//a.example/mcp",
        "ftp://a.example/mcp",
        "urn:x:y",
        "https:///mcp",
        "https://",
        "https:a.example",
        "https://a.example/mcp#x",
        "https://a.example/mcp#",
        "https://a.example/mcp?x=1",
        "https://a.example/mcp?",
        "https://user@a.example/mcp",
        "https://user:pass@a.example/mcp",
        "https://@a.example/mcp",
        "https://a.example/../mcp",
        "https://a.example/./mcp",
        "https://a.example/mcp/..",
        "https://a.example:x/mcp",
        "https://a.example:65536/mcp",
        "https://a.example:-1/mcp",
        "https://a_b.example/mcp",
        "https://a,b/mcp",
        "https://a%2eexample/mcp",
        "https://[::1/mcp",
        "https://[x]/mcp",
        "https://a.example/m p",
        "https://a.example/m\tp",
        "https://a.example/mcp\n",
        " https://a.example/mcp",
        "https://a.example/\x00",
        "https://ä.example/mcp",
        "https://a.example/ä",
        "https://a.example\\mcp",
        "https://a.example/{handle}",
        "https://a.example/" + "x" * resources.LENGTH_MAX,
    ],
)
def test_what_is_no_resource(uri: str) -> None:
    assert resources.canonical(uri) is None


@given(uris)
def test_the_canonical_form_of_the_canonical_form_is_itself(uri: str) -> None:
    canonical = resources.canonical(uri)
    assume(canonical is not None)
    assert resources.canonical(canonical or "") == canonical


@given(uris)
def test_spelling_the_host_or_the_default_port_differently_changes_nothing(uri: str) -> None:
    canonical = resources.canonical(uri)
    assume(canonical is not None)
    scheme, _, rest = (canonical or "").partition("://")
    host, slash, path = rest.partition("/")
    assert resources.canonical(f"{scheme.upper()}://{host.upper()}{slash}{path}") == canonical
    if ":" not in host:
        assert resources.canonical(f"{scheme}://{host}:{resources.DEFAULT_PORTS[scheme]}{slash}{path}") == canonical


@given(uris)
def test_the_path_is_never_touched(uri: str) -> None:
    canonical = resources.canonical(uri)
    assume(canonical is not None)
    path = uri.split("/", 3)[3] if uri.count("/") > 2 else ""
    assert (canonical or "").partition("://")[2].partition("/")[2] == path


@given(st.text(max_size=60))
def test_any_text_has_a_canonical_form_or_none(text: str) -> None:
    for uri in (text, "https://" + text, "https://a.example/" + text):
        canonical = resources.canonical(uri)
        assert canonical is None or canonical.isascii()
        assert resources.match(uri, PATTERNS) is None or canonical is not None


# --- Which endpoint


@pytest.mark.covers("req:T1", "req:T7", "RS-20")
@pytest.mark.parametrize(
    ("uri", "kind", "handle"),
    [
        ("https://ai.example.com/mcp", "gateway", None),
        ("https://AI.example.com:443/mcp", "gateway", None),
        ("https://acme.mcp.example.com/mcp", "hosted", "acme"),
        ("https://ACME.mcp.example.com/mcp", "hosted", "acme"),
        ("https://ai.example.com/mcp/acme/mcp", "compatibility", "acme"),
        ("https://bare.example.com", "other", "acme"),
        ("https://bare.example.com/", "other", "acme"),
        ("https://ai.example.com/mcp/fixed/mcp", "other", None),
        ("https://old.example.com/mcp", "other", None),
    ],
)
def test_an_indicator_names_one_endpoint(uri: str, kind: str, handle: str | None) -> None:
    target = resources.match(uri, PATTERNS)
    assert target is not None
    assert (target.kind, target.handle) == (kind, handle)
    assert resources.match(target.uri, PATTERNS) == target


def test_another_spelling_is_stored_as_the_address() -> None:
    target = resources.match("https://old.example.com/mcp", PATTERNS)
    assert target is not None
    assert target.uri == "https://ai.example.com/mcp/fixed/mcp"


@pytest.mark.covers("req:T6", "req:T7", "H4")
@pytest.mark.parametrize(
    "uri",
    [
        "https://ai.example.com",
        "https://ai.example.com/mcp/",
        "https://ai.example.com/mcp/acme",
        "https://ai.example.com/mcp/acme/mcp/",
        "https://ai.example.com/mcp/acme/x/mcp",
        "https://ai.example.com/mcp//mcp",
        "https://ai.example.com/mcp/ACME/mcp",
        "https://ai.example.com/mcp/ac%6de/mcp",
        "https://ai.example.com/mcp/@acme/mcp",
        "https://a.b.mcp.example.com/mcp",
        "https://.mcp.example.com/mcp",
        "https://mcp.example.com/mcp",
        "https://acme-.mcp.example.com/mcp",
        "https://xn--acme-x.mcp.example.com/mcp",
        "https://acme.mcp.example.com:8443/mcp",
        "https://acme.mcp.example.com.evil.example/mcp",
        "https://customers-own.example/mcp",
        "http://ai.example.com/mcp",
    ],
)
def test_anything_else_names_none(uri: str) -> None:
    assert resources.match(uri, PATTERNS) is None


slug_texts = st.from_regex(slugs.SLUG, fullmatch=True).filter(lambda each: slugs.parse(each) == each)


@given(slug_texts)
def test_every_handle_has_its_address_and_every_address_its_handle(slug: str) -> None:
    for pattern in (HOSTED, COMPAT):
        target = resources.match(resources.fill(pattern.address, slug), [pattern])
        assert target is not None
        assert target.handle == slug


@given(slug_texts, slug_texts)
def test_two_handles_never_share_an_address(one: str, two: str) -> None:
    assume(one != two)
    for pattern in (HOSTED, COMPAT):
        assert resources.fill(pattern.address, one) != resources.fill(pattern.address, two)


@given(
    st.permutations(PATTERNS),
    st.sampled_from(["https://ai.example.com/mcp/fixed/mcp", "https://acme.mcp.example.com/mcp"]),
)
def test_the_order_of_the_rows_decides_nothing(patterns: list[Pattern], uri: str) -> None:
    assert resources.match(uri, patterns) == resources.match(uri, PATTERNS)


# --- Patterns


@pytest.mark.parametrize("address", [GATEWAY.address, HOSTED.address, COMPAT.address, BARE.address])
def test_a_canonical_address_is_a_pattern(address: str) -> None:
    assert resources.parse_pattern(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://{handle}.example.com/{handle}",
        "https://{Handle}.example.com/mcp",
        "https://{handle.example.com/mcp",
        "https://A.example.com/mcp",
        "https://a.example.com:443/mcp",
        "https://a.example.com/",
        "https://a.example.com/mcp#x",
        "{handle}",
        "https://{}.example.com",
    ],
)
def test_an_address_that_is_not_canonical_is_no_pattern(address: str) -> None:
    assert resources.parse_pattern(address) is None
