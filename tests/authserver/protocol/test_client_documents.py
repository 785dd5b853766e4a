"""Documents: what is dropped, what is refused, and what is kept of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from authserver.protocol import client_documents
from authserver.protocol.client_documents import ClientDocument
from authserver.protocol.errors import Refusal
from tests.document_host import client_document
from tests.signing import Signer

URL = "https://client.example/client.json"
JWKS_URI = "https://client.example/jwks.json"


def parsed(**members: Any) -> ClientDocument:
    found = client_documents.parse(client_document(URL) | members, url=URL)
    assert isinstance(found, ClientDocument), found
    return found


def refused(content: object) -> Refusal:
    found = client_documents.parse(content, url=URL)
    assert isinstance(found, Refusal)
    assert found.code == "invalid_client"
    return found


def without(member: str) -> dict[str, Any]:
    return {name: value for name, value in client_document(URL).items() if name != member}


PRIVATE_RSA = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}
SHARED = {"kty": "oct", "k": "c2VjcmV0"}


# --- Refused


@pytest.mark.covers("CM-09")
@pytest.mark.parametrize("content", [None, [], "text", 1, True, [client_document(URL)]])
def test_what_is_no_object_is_refused(content: object) -> None:
    refused(content)


@pytest.mark.covers("CM-10")
@pytest.mark.parametrize(
    "client_id",
    [None, 1, "", "https://client.example/other.json", URL + "/", URL.replace("https://client", "https://Client")]
    + [URL.replace(".example/", ".example:443/"), [URL]],
)
def test_a_document_that_names_another_address_is_refused(client_id: object) -> None:
    refused(client_document(URL) | {"client_id": client_id})


@pytest.mark.covers("CM-11")
@pytest.mark.parametrize("member", ["client_id", "client_name", "redirect_uris"])
def test_a_document_without_a_required_member_is_refused(member: str) -> None:
    refused(without(member))


@pytest.mark.covers("CM-13")
@pytest.mark.parametrize(
    "members",
    [
        {"client_secret": "x"},
        {"client_secret": None},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {
            "token_endpoint_auth_method": "client_secret_post",
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
        },
    ],
)
def test_a_document_that_speaks_of_a_shared_secret_is_refused(members: dict[str, Any]) -> None:
    refused(client_document(URL) | members)


@pytest.mark.covers("CM-14")
@pytest.mark.parametrize("key", [PRIVATE_RSA, SHARED, {"kty": "oct"}, {"kty": "OKP", "crv": "Ed25519", "d": "AQ"}])
@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
def test_a_document_with_a_private_key_is_refused(key: dict[str, str], method: str) -> None:
    good = Signer(URL).jwks["keys"][0]
    refused(client_document(URL) | {"token_endpoint_auth_method": method, "jwks": {"keys": [good, key]}})


@pytest.mark.parametrize(
    "members",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://client.example/jwks.json"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://client.example:8443/jwks.json"},
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": JWKS_URI,
            "token_endpoint_auth_signing_alg": "HS256",
        },
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": None, "token_endpoint_auth_methods_supported": ["tls_client_auth"]},
        {"token_endpoint_auth_methods_supported": "none"},
        {"token_endpoint_auth_methods_supported": [1]},
        {"grant_types": ["client_credentials"]},
        {"response_types": ["token"]},
        {"redirect_uris": []},
        {"redirect_uris": ["http://app.example/callback"]},
        {"redirect_uris": ["https://app.example/callback", 1]},
        {"client_name": "  "},
        {"client_name": {"en": "Name"}},
        {"jwks": "keys"},
        {"jwks": {"keys": [{}] * 33}},
    ],
)
def test_a_document_of_which_nothing_usable_remains_is_refused(members: dict[str, Any]) -> None:
    refused(client_document(URL) | members)


def test_a_refusal_repeats_nothing_of_the_document() -> None:
    refusal = refused(client_document(URL) | {"redirect_uris": ["http://app.example/callback"]})
    assert "app.example" not in refusal.description + refusal.reason


# --- Negotiated


@pytest.mark.covers("CM-18")
def test_what_we_cannot_serve_is_dropped_and_the_client_is_kept() -> None:
    document = parsed(
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token"],
        response_types=["code", "id_token"],
        redirect_uris=["https://app.example/cb", "http://app.example/cb", "weird:/cb", "http://127.0.0.1/cb"],
        application_type="native",
        logo_uri="https://client.example/logo.png",
        jwks_uri="not an address",
        something={"unknown": [1, 2]},
    )
    assert document.metadata.redirect_uris == ("https://app.example/cb", "http://127.0.0.1/cb")
    assert document.metadata.may_refresh


@pytest.mark.covers("CM-16")
@pytest.mark.parametrize("method", [None, "none"])
def test_without_a_method_it_is_public(method: str | None) -> None:
    document = parsed(token_endpoint_auth_method=method)
    assert (document.metadata.auth_method, document.also_public) == ("none", False)


@pytest.mark.covers("CM-15", "CM-17")
@pytest.mark.parametrize(
    ("chosen", "offered", "method", "also_public"),
    [
        ("private_key_jwt", None, "private_key_jwt", False),
        ("private_key_jwt", ["private_key_jwt"], "private_key_jwt", False),
        ("private_key_jwt", ["none", "private_key_jwt"], "private_key_jwt", True),
        (None, ["none", "private_key_jwt"], "private_key_jwt", True),
        ("none", ["none", "private_key_jwt"], "private_key_jwt", True),
        ("none", None, "none", False),
        (None, ["none", "client_secret_post"], "none", False),
        (None, ["none"], "none", False),
        (None, [], "none", False),
    ],
)
def test_the_method_is_read_from_both_members(
    chosen: str | None, offered: list[str] | None, method: str, also_public: bool
) -> None:
    document = parsed(
        token_endpoint_auth_method=chosen, token_endpoint_auth_methods_supported=offered, jwks_uri=JWKS_URI
    )
    assert (document.metadata.auth_method, document.also_public) == (method, also_public)


def test_a_method_that_we_cannot_check_falls_back_to_none_where_that_is_listed() -> None:
    document = parsed(
        token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_methods_supported=["none", "private_key_jwt"]
    )
    assert (document.metadata.auth_method, document.also_public) == ("none", False)


def test_keys_that_cannot_serve_are_dropped() -> None:
    weak = JWK.generate(kty="RSA", size=1024).export_public(as_dict=True)
    curve = JWK.generate(kty="EC", crv="P-521").export_public(as_dict=True)
    good = Signer(URL).jwks["keys"][0]
    encrypts = good | {"use": "enc"}
    document = parsed(
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [weak, curve, encrypts, {"kty": "new"}, "text", good | {"x5c": ["..."]}]},
    )
    assert [key["kid"] for key in document.metadata.keys.jwks["keys"]] == [good["kid"]]
    assert "x5c" not in document.metadata.keys.jwks["keys"][0]


# --- What changed


def test_the_digest_is_the_same_for_the_same_words() -> None:
    uris = ["https://app.example/a", "https://app.example/b"]
    assert (
        parsed(redirect_uris=uris).digest() == parsed(redirect_uris=uris[::-1], logo_uri="https://x.example").digest()
    )


@pytest.mark.covers("CM-21")
@pytest.mark.parametrize(
    "members",
    [
        {"client_name": "Another"},
        {"redirect_uris": ["https://app.example/other"]},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": JWKS_URI},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": Signer(URL).jwks},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": Signer(URL, key_id="key-2").jwks},
    ],
)
def test_the_digest_changes_with_the_name_the_redirects_and_the_keys(members: dict[str, Any]) -> None:
    seen = {parsed().digest(), parsed(**members).digest()}
    assert len(seen) == 2


# --- Whatever is said

WORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = (
    "client_id client_name client_uri redirect_uris grant_types response_types token_endpoint_auth_method "
    "token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg jwks jwks_uri scope software_id tos_uri"
).split()


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(MEMBERS), WORDS, max_size=5))
def test_whatever_a_document_says_it_is_read_or_refused(members: dict[str, Any]) -> None:
    found = client_documents.parse(client_document(URL) | members, url=URL)
    if isinstance(found, Refusal):
        assert found.code == "invalid_client"
    else:
        assert found.metadata.redirect_uris
        assert found.digest()


@settings(max_examples=300)
@given(st.lists(st.dictionaries(st.sampled_from("kty kid use alg crv n e x y d".split()), WORDS, max_size=6)))
def test_whatever_a_key_set_says_it_is_read_or_refused(keys: list[Any]) -> None:
    client_documents.parse(
        client_document(URL) | {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": keys}}, url=URL
    )
