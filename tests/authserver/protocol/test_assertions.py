"""Client assertions: what makes one good, and each way in which it is not."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from authserver import policy
from authserver.protocol import assertions
from authserver.protocol.assertions import Assertion
from tests.signing import ISSUER, Signer

CLIENT = "https://client.example/client.json"
AUDIENCES = frozenset({ISSUER, f"{ISSUER}/oauth/token"})


def read(token: str) -> Assertion | str:
    return assertions.read(token, audiences=AUDIENCES, now=datetime.now(UTC))


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def after(seconds: float) -> Any:
    """Mark a moment so many seconds from when the test runs."""
    return ("after", seconds)


def claimed(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value[1] if isinstance(value, tuple) else value for name, value in claims.items()}


LIFE = int(policy.ASSERTION_LIFETIME_MAX.total_seconds())


@pytest.mark.parametrize("algorithm", policy.ASSERTION_ALGORITHMS)
def test_a_good_assertion_is_read_and_its_signature_checked(algorithm: str) -> None:
    signer = Signer(CLIENT, algorithm=algorithm)
    found = read(signer.assertion())
    assert isinstance(found, Assertion)
    assert found.client_id == CLIENT
    assert found.is_signed_by(signer.jwks)
    assert not found.is_signed_by({"keys": []})
    assert not found.is_signed_by({})


@pytest.mark.parametrize("header", [{"kid": None}, {"typ": "JWT"}, {"typ": "client-authentication+jwt"}])
def test_a_key_id_is_not_needed_and_a_type_does_not_matter(header: dict[str, Any]) -> None:
    signer = Signer(CLIENT)
    found = read(signer.assertion(header=header))
    assert isinstance(found, Assertion)
    assert found.is_signed_by(signer.jwks)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": None}, "issuer_or_subject"),
        ({"sub": None}, "issuer_or_subject"),
        ({"sub": "https://client.example/other"}, "issuer_or_subject"),
        ({"iss": 1, "sub": 1}, "issuer_or_subject"),
        ({"iss": "\ud800", "sub": "\ud800"}, "issuer_or_subject"),
        ({"aud": None}, "audience"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": f"{ISSUER}/"}, "audience"),
        ({"aud": f"{ISSUER}/oauth/introspect"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": [ISSUER, "https://other.example"]}, "audience"),
        ({"aud": [[ISSUER]]}, "audience"),
        ({"aud": {"a": ISSUER}}, "audience"),
        ({"jti": None}, "token_id"),
        ({"jti": ""}, "token_id"),
        ({"jti": 7}, "token_id"),
        ({"jti": "x" * 513}, "token_id"),
        ({"exp": None}, "expired"),
        ({"exp": after(-60)}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"exp": 1e400}, "expired"),
        ({"exp": after(LIFE + 120)}, "lives_too_long"),
        ({"iat": after(120)}, "not_yet"),
        ({"iat": "yesterday"}, "not_yet"),
        ({"nbf": after(120)}, "not_yet"),
    ],
)
def test_claims_that_are_not_in_order_are_refused(claims: dict[str, Any], reason: str) -> None:
    assert read(Signer(CLIENT).assertion(**claimed(claims))) == reason


@pytest.mark.parametrize("claims", [{"exp": after(-10)}, {"iat": after(10)}, {"exp": after(LIFE)}, {"iat": None}])
def test_clocks_may_differ_a_little(claims: dict[str, Any]) -> None:
    assert isinstance(read(Signer(CLIENT).assertion(**claimed(claims))), Assertion)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b",
        "a.b.c.d",
        "a.b.",
        f"{segment({})}.{segment({})}.",
        f"{segment([])}.{segment({})}.AA",
        f"{segment({'alg': 'RS256'})}.{segment('text')}.AA",
        f"{segment({'alg': 'RS256'})}.!!.AA",
        "\u00e4.b.c",
        segment([[]] * 3000) + ".e30.AA",
        base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode() + ".e30.AA",
        base64.urlsafe_b64encode(b"\xff\xfe").rstrip(b"=").decode() + ".e30.AA",
    ],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert read(token) in ("malformed", "algorithm")


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS1", "ES256K", "RS512", "", None, ["RS256"], {"a": 1}])
def test_an_algorithm_that_is_not_on_the_list_is_refused(alg: object) -> None:
    head = segment({"alg": alg})
    body = Signer(CLIENT).assertion().split(".")[1]
    assert read(f"{head}.{body}.AA") == "algorithm"


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}])
def test_an_extension_that_must_be_understood_is_refused(header: dict[str, Any]) -> None:
    body = Signer(CLIENT).assertion().split(".")[1]
    assert read(f"{segment({'alg': 'ES256', **header})}.{body}.AA") == "critical_extension"


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    """The classic confusion: HS256 under the bytes of the published RSA key."""
    signer = Signer(CLIENT, algorithm="RS256")
    secret = JWK(kty="oct", k=base64.urlsafe_b64encode(signer.key.export_to_pem()).rstrip(b"=").decode())
    token = JWS(json.dumps({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": int(time.time()) + 60, "jti": "1"}))
    token.add_signature(secret, None, json.dumps({"alg": "HS256", "kid": "key-1"}))
    assert read(token.serialize(compact=True)) == "algorithm"


def test_a_changed_claim_breaks_the_signature() -> None:
    signer = Signer(CLIENT)
    head, body, signature = signer.assertion().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"jti": "another"}
    found = read(f"{head}.{segment(claims)}.{signature}")
    assert isinstance(found, Assertion)
    assert not found.is_signed_by(signer.jwks)


def test_a_key_of_another_id_or_algorithm_proves_nothing() -> None:
    signer = Signer(CLIENT, algorithm="RS256")
    found = read(signer.assertion())
    assert isinstance(found, Assertion)
    key = signer.jwks["keys"][0]
    assert not found.is_signed_by({"keys": [key | {"kid": "key-2"}]})
    assert not found.is_signed_by({"keys": [key | {"alg": "PS256"}]})
    assert not found.knows_key({"keys": [key | {"kid": "key-2"}]})


def test_a_representation_does_not_show_the_token() -> None:
    token = Signer(CLIENT).assertion()
    assert token not in repr(read(token))


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_whatever_is_sent_is_answered_with_a_reason(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}", f"{segment({'alg': 'ES256'})}.{segment(text)}.{text}"):
        assert isinstance(read(token), str)


@given(
    st.dictionaries(
        st.sampled_from("iss sub aud exp iat nbf jti".split()),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2),
    )
)
def test_whatever_is_claimed_is_read_or_refused(claims: dict[str, Any]) -> None:
    good = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": int(time.time()) + 60, "jti": "1"}
    found = read(f"{segment({'alg': 'ES256'})}.{segment(good | claims)}.AAAA")
    assert isinstance(found, (Assertion, str))
    if isinstance(found, Assertion):
        assert not found.is_signed_by(Signer(CLIENT).jwks)
