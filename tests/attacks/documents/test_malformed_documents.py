"""Ten thousand documents that are broken in ten thousand ways: none breaks us, each is told the right error."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from django.test import Client as Http

from authserver.models import Client
from authserver.protocol import client_documents
from authserver.protocol.errors import Refusal
from authserver.services import fetcher
from authserver.services.fetcher import Fetched
from tests.document_host import client_document
from tests.people import App

URL = "https://client.example/client.json"
DOCUMENTS = 10_000
WHOLE_WAY = 500
SEED = 20261120
ODD: list[Any] = [
    None, True, 0, -1, 1e308, "", " ", "\x00", "\ud800", "\u202e", "x" * 3_000, [], [[]], {}, {"a": []}, [None], [1],
    ["\x00"], ["https://app.example/cb"] * 40, "https://", "none", ["none"], ["private_key_jwt"], "private_key_jwt",
    "client_secret_basic", {"keys": []}, {"keys": [{}]}, {"keys": [{"kty": "RSA", "n": "AA", "e": "AA"}]},
    {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "\x00"}]}, {"keys": [{"kty": "OKP", "crv": "Ed25519"}]},
    {"keys": [{"kty": "oct", "k": "AA"}]}, "http://127.0.0.1:*/cb", ["cursor:"], ["//x"], ["https://[::1"],
    float("nan"),
]  # fmt: skip
MEMBERS = (
    "client_id client_name redirect_uris grant_types response_types token_endpoint_auth_method jwks jwks_uri scope "
    "token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg client_uri policy_uri tos_uri software_id"
).split()
BODIES = [b"", b"null", b"[", b"[" * 5_000, b'{"a":' * 900, b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"1e999", b"9" * 5_000]


def broken(chance: random.Random) -> bytes:
    """Return a document with one to three members gone wrong, or with a piece of its text torn out or changed."""
    if chance.random() < 0.05:
        return chance.choice(BODIES)
    content = client_document(URL)
    for member in chance.sample(MEMBERS, chance.randint(1, 3)):
        content[member] = chance.choice(ODD)
    text = json.dumps(content).encode("utf-8", "surrogatepass")
    if chance.random() < 0.4:
        place = chance.randrange(len(text))
        text = text[:place] + chance.randbytes(chance.randint(0, 3)) + text[place + chance.randint(0, 5) :]
    return text


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the host answers: the last of these."""
    bodies: list[bytes] = []
    monkeypatch.setattr(fetcher, "fetch", lambda url, *, bytes_max: Fetched(bodies[-1], 600))
    return bodies


def test_every_broken_document_is_refused_as_an_invalid_client_or_read_for_what_is_good_of_it() -> None:
    chance = random.Random(SEED)
    good = 0
    for _ in range(DOCUMENTS):
        found = client_documents.parse(Fetched(broken(chance), 600).content(), url=URL)
        if isinstance(found, Refusal):
            assert found.code == "invalid_client"
        else:
            good += 1
            assert found.metadata.redirect_uris
    assert 0 < good < DOCUMENTS / 2


@pytest.mark.django_db
def test_a_person_sees_the_same_page_for_each(published: list[bytes]) -> None:
    chance = random.Random(SEED + 1)
    asked = App(URL, redirect_uri="https://app.example/callback").authorize_url()
    seen = set()
    for _ in range(WHOLE_WAY):
        published.append(broken(chance))
        answer = Http(headers={"accept": "application/json"}).get(asked)
        seen.add((answer.status_code, answer.json()["error"] if answer.status_code == 400 else ""))
        Client.objects.all().delete()
    assert seen <= {(302, ""), (400, "invalid_client"), (400, "invalid_redirect_uri")}
    assert (400, "invalid_client") in seen
