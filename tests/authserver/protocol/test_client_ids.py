"""Which client ids are addresses of documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.protocol import client_ids

pytestmark = pytest.mark.covers("CM-02", "CM-03", "CM-04")


@pytest.mark.parametrize(
    "address",
    [
        "https://chatgpt.com/oauth/client.json",
        "https://chatgpt.com:443/oauth/client.json",
        "https://client.example/",
        "https://client.example/a?version=2",
        "https://client.example/a..b/.well-known/client",
        "https://xn--bcher-kva.example/client.json",
        "https://192.0.2.1/client.json",
        "https://[2001:db8::1]/client.json",
    ],
)
def test_an_https_address_with_a_path_is_one(address: str) -> None:
    assert client_ids.document_url(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7e1f5b5e-2a0c-4f0e-9d1c-000000000000",
        "http://client.example/client.json",
        "HTTPS://client.example/client.json",
        "https:client.example/client.json",
        "https://",
        "https:///client.json",
        "https://client.example",
        "https://client.example?x=/client.json",
        "https://Client.example/client.json",
        "https://client.example/client.json#",
        "https://client.example/client.json#part",
        "https://user@client.example/client.json",
        "https://user:secret@client.example/client.json",
        "https://client.example@evil.example/client.json",
        "https://client.example/a/../client.json",
        "https://client.example/./client.json",
        "https://client.example/a/..",
        "https://client.example/%2e%2E/client.json",
        "https://client.example/.%2e/client.json",
        "https://client.example/client.json\n",
        "https://client.example/client json",
        "https://client.example/cl\u00efent.json",
        "https://client.example/%zz",
        "https://client.example\\@evil.example/client.json",
        "https://client.example:/client.json",
        "https://client.example:80/client.json",
        "https://client.example:8443/client.json",
        "https://client.example:99999/client.json",
        "https://client.example:port/client.json",
        "https://*.example/client.json",
        "https://[fe80::1%25eth0]/client.json",
        "https://[::1/client.json",
        "https://" + "a" * 250 + ".example/",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert client_ids.document_url(text) is None


def test_another_port_is_for_development_only() -> None:
    address = "https://localhost:9443/client.json"
    assert client_ids.document_url(address) is None
    assert client_ids.document_url(address, any_port=True) == address


def test_the_host_that_vouches_is_the_one_in_the_address() -> None:
    assert client_ids.host_of("https://chatgpt.com:443/oauth/client.json") == "chatgpt.com"
    assert client_ids.host_of("7e1f5b5e-2a0c-4f0e-9d1c-000000000000") == ""


@given(st.text(max_size=300), st.booleans())
def test_whatever_is_said_is_answered_with_itself_or_nothing(text: str, any_port: bool) -> None:
    for candidate in (text, "https://" + text, "https://client.example/" + text):
        assert client_ids.document_url(candidate, any_port=any_port) in (candidate, None)
