"""Redirect URIs: which may be registered, which match, where they lead."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol import redirects

GOOD = [
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://chatgpt.com/connector/oauth/abc",
    "https://claude.ai/api/mcp/auth_callback",
    "https://a.example",
    "https://a.example:8443/cb?x=1&y=%20",
    "https://[2001:db8::1]/cb",
    "https://xn--bcher-kva.example/cb",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:33418/",
    "http://localhost:8787/callback",
    "http://[::1]:1/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "vscode:/callback",
    "https://a.example/;x=1,2/(y)'z*!",
]
loopback_hosts = st.sampled_from(["127.0.0.1", "localhost", "[::1]"])
ports = st.one_of(st.just(""), st.integers(0, 65535).map(lambda port: f":{port}"))
tails = st.from_regex(r"(/[a-z0-9._~-]{0,6}){0,3}(\?[a-z0-9=&]{0,8})?", fullmatch=True)


@pytest.mark.covers("AS-08", "T16", "req:C2")
@pytest.mark.parametrize("uri", GOOD)
def test_what_clients_use_may_be_registered(uri: str) -> None:
    assert redirects.problem_with(uri) is None
    assert redirects.is_registered(uri, [uri])


@pytest.mark.covers("AS-08", "H8")
@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("http://a.example/cb", "https"),
        ("http://127.0.0.2/cb", "https"),
        ("ftp://127.0.0.1/cb", "https"),
        ("javascript:alert(1)", "host"),
        ("myapp:/cb", "host"),
        ("cursor:", "place"),
        ("https://u@a.example/", "user name"),
        ("https://a.example/#x", "fragment"),
        ("https://a b/", "space"),
        ("/cb", "absolute"),
        ("https://a.example:*/", "absolute"),
        ("https://*.a.example/", "host that is none"),
        ("https://a.example/" + "x" * policy.REDIRECT_URI_LENGTH_MAX, "longer"),
    ],
)
def test_what_may_not_is_told_in_a_sentence(uri: str, word: str) -> None:
    problem = redirects.problem_with(uri) or ""
    assert word in problem
    assert problem.endswith(".")


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    for uri in (text, "https://" + text, "http://127.0.0.1:" + text, "cursor:" + text):
        if redirects.problem_with(uri) is None:
            assert uri.isascii()
            assert not set(uri) & set(' \t\r\n#"<>\\^`{|}\x00\x7f')
            assert redirects.destination(uri).uri == uri
        else:
            assert isinstance(redirects.problem_with(uri), str)


@given(st.text("ab.-:/*,;'%?@[]", max_size=3), st.text("ab.-:/*,;'%?@[]", max_size=3))
def test_what_goes_into_a_header_is_one_source_and_nothing_else(one: str, two: str) -> None:
    """`form-action` takes the origin: a space, comma, semicolon, quote or star would say something else there."""
    uri = f"https://a{one}a.example{two}"
    if redirects.problem_with(uri):
        return
    source = redirects.destination(uri).form_action
    assert not set(source) & set(" ,;'*\"")
    assert urlsplit(source).path == ""


# --- Matching


@pytest.mark.covers("AS-11", "AS-64", "RF-11")
@given(st.sampled_from(GOOD), st.integers(0, 60), st.characters(codec="ascii"))
def test_one_changed_character_is_another_address(uri: str, place: int, character: str) -> None:
    place %= len(uri)
    changed = uri[:place] + character + uri[place + 1 :]
    assume(changed != uri)
    assume(not redirects.is_loopback(uri))
    assert not redirects.is_registered(changed, [uri])


@pytest.mark.covers("T10", "Q13", "RF-11")
@given(loopback_hosts, ports, ports, tails)
def test_of_a_loopback_address_only_the_port_is_free(host: str, one: str, two: str, tail: str) -> None:
    registered, asked = f"http://{host}{one}{tail}", f"http://{host}{two}{tail}"
    assert redirects.is_registered(asked, [registered])
    assert not redirects.is_registered(asked + "x", [registered])
    assert not redirects.is_registered(asked.replace("http", "https", 1), [registered])


@pytest.mark.covers("T10")
@given(loopback_hosts, loopback_hosts, tails)
def test_the_names_of_this_computer_are_not_one_another(one: str, two: str, tail: str) -> None:
    assert redirects.is_registered(f"http://{one}:1{tail}", [f"http://{two}{tail}"]) == (one == two)


@given(ports, ports, tails)
def test_of_any_other_address_the_port_is_not_free(one: str, two: str, tail: str) -> None:
    assert redirects.is_registered(f"https://a.example{one}{tail}", [f"https://a.example{two}{tail}"]) == (one == two)


@given(st.sampled_from(GOOD))
def test_nothing_matches_where_nothing_is_registered(uri: str) -> None:
    assert not redirects.is_registered(uri, [])


@pytest.mark.parametrize(
    "asked",
    [
        "http://127.0.0.1:1@evil.example/cb",
        "http://127.0.0.1:1.evil.example/cb",
        "http://127.0.0.1:/cb/",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1:1:2/cb",
        "http://127.0.0.1:99999/cb",
        "HTTP://127.0.0.1:1/cb",
        "http://evil.example#http://127.0.0.1/cb",
    ],
)
def test_nothing_hides_in_the_port(asked: str) -> None:
    assert redirects.problem_with(asked) or not redirects.is_registered(asked, ["http://127.0.0.1/cb"])


# --- Where it leads


@pytest.mark.covers("AS-66", "AS-67")
@pytest.mark.parametrize(
    ("uri", "kind", "host", "source"),
    [
        ("https://chatgpt.com/x", "https", "chatgpt.com", "https://chatgpt.com"),
        ("https://a.example:8443/x", "https", "a.example", "https://a.example:8443"),
        ("http://127.0.0.1:33418/x", "loopback", "127.0.0.1", "http://127.0.0.1:33418"),
        ("http://localhost/x", "loopback", "localhost", "http://localhost"),
        ("cursor://anysphere.cursor-mcp/x", "app", "cursor", "cursor:"),
    ],
)
def test_a_destination_is_taken_apart_for_a_person(uri: str, kind: str, host: str, source: str) -> None:
    found = redirects.destination(uri)
    assert (found.kind, found.host, found.form_action) == (kind, host, source)


def test_an_international_name_is_shown_in_its_own_letters_too() -> None:
    assert redirects.destination("https://xn--bcher-kva.example/").unicode_host == "bücher.example"
    assert redirects.destination("https://xn--999999999.example/").unicode_host == ""
    assert redirects.destination("https://a.example/").unicode_host == ""


@given(
    st.sampled_from([uri for uri in GOOD if "?" not in uri]),
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=9), max_size=4),
)
def test_what_is_added_can_be_read_back(uri: str, parameters: dict[str, str]) -> None:
    for start in (uri, uri + "?own=1"):
        told = redirects.with_parameters(start, parameters)
        assert told.startswith(start)
        assert told.isascii()
        query = told.partition("?")[2]
        assert dict(parse_qsl(query)) == ({"own": "1"} if "own=1" in start else {}) | parameters


@pytest.mark.parametrize(
    ("asked", "registered", "place"),
    [
        ("https://a.example/cb", ["https://a.example/cc"], 20),
        ("https://a.example/cb/", ["https://a.example/cb"], 21),
        ("https://a.example/cb", ["https://b.example/cb", "https://a.example/c"], 20),
        ("http://127.0.0.1:5/cx", ["http://127.0.0.1:4242/cb"], 21),
        ("http://localhost:5/cb", ["http://127.0.0.1:5/cb"], 8),
        ("https://a.example/cb", [], 1),
    ],
)
def test_the_place_where_a_redirect_uri_leaves_the_registered_one(
    asked: str, registered: list[str], place: int
) -> None:
    assert redirects.differs_at(asked, registered) == place
