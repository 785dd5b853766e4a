"""A token is believed only if everything about it is right."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from resourceserver.events import sets
from resourceserver.events.sets import VERIFICATION, News, SetRefused, Verification
from resourceserver.events.subjects import EVERYTHING, Subject
from tests.resourceserver.authority import CHANGED, REVOKED, connection, key, sign
from tests.resourceserver.fakes import ISSUER, NOW

OURS = key("key-1")


def claims(**changes: Any) -> dict[str, Any]:
    made = {
        "iss": ISSUER,
        "aud": "rs-main",
        "iat": NOW,
        "jti": "jti-1",
        "txn": "request-1",
        "sub_id": connection("connection-1"),
        "events": {REVOKED: {"event_timestamp": NOW}},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def read(compact: str) -> News:
    sets.key_id(compact)
    return sets.read(compact, key=OURS, issuer=ISSUER, audience="rs-main", now=NOW)


def refused(compact: str) -> str:
    with pytest.raises(SetRefused) as caught:
        read(compact)
    return caught.value.code


def part(members: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def test_a_good_token_says_whose_access_ended():
    assert read(sign(claims())) == News("jti-1", Subject(connection="connection-1"), None)


def test_a_good_token_names_its_key():
    assert sets.key_id(sign(claims())) == "key-1"


def test_a_token_for_several_resource_servers_is_for_each_of_them():
    assert read(sign(claims(aud=["rs-other", "rs-main"]))).jti == "jti-1"


def test_a_verification_says_its_state_and_stream_and_ends_nothing():
    token = sign(claims(sub_id={"format": "opaque", "id": "stream-1"}, events={VERIFICATION: {"state": "s"}}))
    assert read(token) == News("jti-1", None, Verification("s", "stream-1"))


@pytest.mark.parametrize(
    "events",
    [{"https://example.com/unheard-of": {}}, {REVOKED: {}, "urn:x": {}}, {VERIFICATION: {"state": "s"}, "urn:x": {}}],
)
def test_an_event_that_is_not_understood_ends_every_answer(events: Any):
    assert read(sign(claims(events=events))).subject == EVERYTHING


@pytest.mark.parametrize(
    ("events", "subject"),
    [
        ({VERIFICATION: {}}, {"format": "opaque", "id": "stream-1"}),
        ({VERIFICATION: {"state": 7}}, {"format": "opaque", "id": "stream-1"}),
        ({VERIFICATION: "s"}, {"format": "opaque", "id": "stream-1"}),
        ({VERIFICATION: {"state": "s"}}, {"format": "uri", "uri": ISSUER}),
        ({VERIFICATION: {"state": "s"}}, {"format": "opaque"}),
        ({VERIFICATION: {"state": "s"}}, None),
    ],
)
def test_half_a_verification_verifies_nothing(events: Any, subject: Any):
    assert read(sign(claims(events=events, sub_id=subject))).verification is None


# --- Refusals -------------------------------------------------------------------------------------------------------


def test_a_token_of_another_key_under_our_keys_name_is_refused():
    assert refused(sign(claims(), by=key("key-2"), kid="key-1")) == "authentication_failed"


def test_a_token_whose_claims_were_changed_is_refused():
    header, _, signature = sign(claims()).split(".")
    assert refused(f"{header}.{part(claims(aud='rs-main', jti='other'))}.{signature}") == "authentication_failed"


def test_a_token_without_a_signature_is_refused():
    header = part({"typ": "secevent+jwt", "alg": "none", "kid": "key-1"})
    assert refused(f"{header}.{part(claims())}.") == "invalid_request"
    assert refused(f"{header}.{part(claims())}.AA") == "invalid_key"


def test_a_token_signed_with_the_public_key_as_a_password_is_refused():
    password = base64.urlsafe_b64encode(OURS.export_to_pem()).decode().rstrip("=")
    forged = sign(claims(), by=JWK(kty="oct", k=password), alg="HS256", kid="key-1")
    assert refused(forged) == "invalid_key"
    with pytest.raises(SetRefused):
        sets.read(forged, key=OURS, issuer=ISSUER, audience="rs-main", now=NOW)


def test_another_curve_is_refused():
    assert refused(sign(claims(), by=JWK.generate(kty="EC", crv="P-384"), alg="ES384", kid="key-1")) == "invalid_key"


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "application/secevent+jwt", "", 7])
def test_a_token_of_another_kind_is_refused(typ: Any):
    assert refused(sign(claims(), typ=typ)) == "invalid_request"


@pytest.mark.parametrize("member", ["jwk", "jku", "x5c", "x5u", "zip", "cty"])
def test_a_header_that_brings_more_is_refused(member: str):
    assert refused(sign(claims(), **{member: "x"})) == "invalid_request"


@pytest.mark.parametrize("kid", [None, "", 7])
def test_a_token_that_names_no_key_is_refused(kid: Any):
    assert refused(sign(claims(), kid=kid)) == "invalid_request"


@pytest.mark.parametrize("iss", [None, "", ISSUER + "/", "https://evil.example", [ISSUER], 7])
def test_another_issuers_token_is_refused(iss: Any):
    assert refused(sign(claims(iss=iss))) == "invalid_issuer"


@pytest.mark.parametrize("aud", [None, "", "rs-other", [], ["rs-other"], {"rs-main": 1}, "rs-main "])
def test_a_token_for_another_resource_server_is_refused(aud: Any):
    assert refused(sign(claims(aud=aud))) == "invalid_audience"


@pytest.mark.parametrize("iat", [None, "now", True, NOW - 3601, NOW + 61, 1e300, float("nan"), float("inf"), -NOW])
def test_a_token_from_too_long_ago_or_the_future_is_refused(iat: Any):
    assert refused(sign(claims(iat=iat))) == "invalid_request"


@pytest.mark.parametrize("iat", [NOW - 3600, NOW + 60, NOW - 0.5])
def test_clocks_may_differ_a_little(iat: float):
    assert read(sign(claims(iat=iat)))


@pytest.mark.parametrize("jti", [None, "", 7, "x" * 201])
def test_a_token_without_a_name_is_refused(jti: Any):
    assert refused(sign(claims(jti=jti))) == "invalid_request"


@pytest.mark.parametrize("events", [None, {}, [], "x", 7])
def test_a_token_without_events_is_refused(events: Any):
    assert refused(sign(claims(events=events))) == "invalid_request"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "e30.e30.e30",
        "€.e30.e30",
        "e30=.e30.e30",
        "{}",
        "W10.e30.AA",
        "!" * 20,
        "A.A.A",
    ],
)
def test_what_is_no_token_is_refused(text: str):
    assert refused(text) == "invalid_request"


def test_a_json_serialization_is_refused():
    header, payload, signature = sign(claims()).split(".")
    whole = json.dumps({"protected": header, "payload": payload, "signature": signature})
    assert refused(whole) == "invalid_request"


def test_claims_that_are_no_object_are_refused():
    assert refused(sign("[]")) == "invalid_request"
    assert refused(sign("not json")) == "invalid_request"


def test_a_member_that_stands_twice_is_refused():
    text = json.dumps(claims())[:-1] + ', "jti": "jti-2"}'
    assert refused(sign(text)) == "invalid_request"


def test_deep_nesting_is_refused_and_not_followed():
    assert refused(sign('{"a":' * 1500 + "1" + "}" * 1500)) in ("invalid_request", "invalid_issuer")


def test_a_token_that_is_too_long_is_refused():
    assert refused(sign(claims(txn="x" * 20_000))) == "invalid_request"


def test_a_refusal_quotes_nothing_of_the_token():
    with pytest.raises(SetRefused) as caught:
        read(sign(claims(iss="secret-text")))
    assert "secret-text" not in str(caught.value)


@given(st.text(max_size=200))
def test_junk_is_refused_and_never_an_error(text: str):
    assert refused(text) in ("invalid_request", "invalid_key")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["iss", "aud", "iat", "jti", "sub_id", "events"]), JUNK)
def test_well_signed_junk_is_read_or_refused_and_never_an_error(member: str, value: Any):
    with suppress(SetRefused):
        assert isinstance(read(sign(claims(**{member: value}))), News)


def test_a_change_of_claims_is_about_its_subject_too():
    assert read(sign(claims(events={CHANGED: {"claims": {}}}))).subject == Subject(connection="connection-1")
