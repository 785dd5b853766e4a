"""What a client says of itself: kept where it can be served, refused where nothing usable remains, never believed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol import client_metadata, names, redirects
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal

CALLBACK = "https://chatgpt.com/connector/oauth/abc"
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")


def parsed(**members: Any) -> ClientMetadata:
    found = client_metadata.parse({"redirect_uris": [CALLBACK]} | members)
    assert isinstance(found, ClientMetadata), found
    return found


def refused(body: object) -> Refusal:
    found = client_metadata.parse(body)
    assert isinstance(found, Refusal)
    return found


@pytest.mark.covers("T07", "DC-04", "H7")
@pytest.mark.parametrize(
    "grants",
    [
        ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        ["client_credentials", "authorization_code"],
        None,
    ],
)
def test_grants_that_are_not_served_are_passed_over(grants: list[str] | None) -> None:
    found = parsed(grant_types=grants)
    assert found.may_refresh == (grants is None or "refresh_token" in grants)


@pytest.mark.covers("DC-07", "DC-15", "Q11")
@pytest.mark.parametrize(
    ("method", "registered"),
    [
        (None, "none"),
        ("none", "none"),
        ("client_secret_basic", "client_secret_basic"),
        ("client_secret_post", "client_secret_post"),
        ("private_key_jwt", "none"),
        ("tls_client_auth", "none"),
        ("", "none"),
    ],
)
def test_the_authentication_method_is_one_that_works(method: str | None, registered: str) -> None:
    assert parsed(token_endpoint_auth_method=method).auth_method == registered


@pytest.mark.covers("DC-08")
@pytest.mark.parametrize("body", [None, [], "x", 1, True, [{}]])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert refused(body).code == "invalid_client_metadata"


@pytest.mark.covers("DC-08")
@pytest.mark.parametrize("uris", [None, [], {}, "x", [1], [None], ["http://a.example/"], ["x"]])
def test_without_a_usable_redirect_uri_it_is_refused(uris: Any) -> None:
    assert refused({"redirect_uris": uris}).code == "invalid_redirect_uri"


@pytest.mark.covers("T16")
def test_usable_redirect_uris_are_kept_once_and_in_order() -> None:
    given_uris = ["myapp:/x", "cursor://x", CALLBACK, "cursor://x", "http://a.example/"]
    assert parsed(redirect_uris=given_uris).redirect_uris == ("cursor://x", CALLBACK)


@pytest.mark.covers("DC-14", "DC-03", "DC-04")
@pytest.mark.parametrize(
    "members",
    [
        {"scope": ""},
        {"scope": None},
        {"scope": "offline_access mcp.connect"},
        {"application_type": "native"},
        {"application_type": 5},
        {"jwks": {"keys": []}},
        {"contacts": ["a@b.example"]},
        {"unknown": {"deeply": ["nested"]}},
        {"response_types": ["code", "token"]},
        {"client_name": None},
    ],
)
def test_what_real_clients_send_is_accepted(members: dict[str, Any]) -> None:
    assert parsed(**members).redirect_uris == (CALLBACK,)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)
members = st.dictionaries(
    st.sampled_from([*client_metadata.TEXTS, *client_metadata.LISTS, "redirect_uris", "client_id", "x"]), json_values
)


@given(members, st.booleans())
def test_any_object_is_read_or_refused_in_a_clean_sentence(body: dict[str, Any], with_callback: bool) -> None:
    found = client_metadata.parse(body | ({"redirect_uris": [CALLBACK]} if with_callback else {}))
    if isinstance(found, Refusal):
        assert found.code in ("invalid_client_metadata", "invalid_redirect_uri")
        assert DESCRIPTION.fullmatch(found.description)
        return
    assert found.auth_method in client_metadata.AUTH_METHODS
    assert found.redirect_uris
    assert not any(redirects.problem_with(uri) for uri in found.redirect_uris)
    assert 0 < len(found.name) <= policy.CLIENT_NAME_LENGTH_MAX


# --- Names


@pytest.mark.covers("DC-10")
@given(st.text(max_size=120))
def test_a_cleaned_name_is_short_printable_and_clean_already(name: str) -> None:
    cleaned = names.clean(name)
    assert 0 < len(cleaned) <= policy.CLIENT_NAME_LENGTH_MAX
    assert cleaned.isprintable()
    assert names.clean(cleaned) == cleaned


@pytest.mark.covers("DC-10")
@pytest.mark.parametrize("name", ["", " ", "\u200b", "\x00\x01", "\u202e\u2066"])
def test_a_name_of_nothing_is_unnamed(name: str) -> None:
    assert names.clean(name) == names.UNNAMED


@pytest.mark.covers("DC-10")
@pytest.mark.parametrize(
    "name",
    [
        "Gatehouse",
        "gate house",
        "G-a-t-e-h-o-u-s-e",
        "Gatеhouse",
        "ＧＡＴＥＨＯＵＳＥ",
        "Gatehouse Security",
        "Gateh0use",
        "Chаtgpt",
    ],
)
def test_a_name_that_passes_for_another_is_refused(name: str) -> None:
    assert refused({"redirect_uris": [CALLBACK], "client_name": name}).code == "invalid_client_metadata"


@pytest.mark.parametrize(
    "name", ["ChatGPT", "Claude", "Ёлка", "Αθήνα", "日本語", "Café ☕", "x" * 500, "MCP CLI Proxy (2)"]
)
def test_an_honest_name_is_kept(name: str) -> None:
    assert parsed(client_name=name).name == names.clean(name)


# --- Which registrations are one


@pytest.mark.covers("DC-09")
def test_registrations_are_one_only_where_they_say_the_same() -> None:
    first = parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/cb"])
    assert key(parsed(client_name="A", redirect_uris=["http://127.0.0.1:2/cb"], scope="x")) == key(first)
    for other in (
        parsed(client_name="B", redirect_uris=["http://127.0.0.1:1/cb"]),
        parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/other"]),
        parsed(client_name="A", redirect_uris=["http://localhost:1/cb"]),
        parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/cb", CALLBACK]),
        parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/cb"], client_uri="https://a.example"),
        parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/cb"], grant_types=["authorization_code"]),
        parsed(client_name="A", redirect_uris=["http://127.0.0.1:1/cb"], software_id="x"),
    ):
        assert key(other) != key(first)


def key(metadata: ClientMetadata) -> str:
    return metadata.registration_key


def test_the_port_of_another_host_makes_another_client() -> None:
    assert key(parsed(redirect_uris=["https://a.example:1/"])) != key(parsed(redirect_uris=["https://a.example:2/"]))
