"""The signing keys: one is made when first needed, it is published before it signs, and its private half stays shut."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jws import JWS

from authserver import policy
from authserver.models import Event, SigningKey
from authserver.services.receipts import keys

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TYP = "secevent+jwt"

pytestmark = pytest.mark.django_db


def header_of(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def kids() -> set[str]:
    return {key["kid"] for key in keys.public_set()["keys"]}


def tags() -> list[str]:
    return list(Event.objects.order_by("id").values_list("tag", flat=True))


def is_good(token: str) -> bool:
    """Tell whether a stranger who has only the published set accepts this signature."""
    jws = JWS()
    jws.deserialize(token)
    published = JWKSet.from_json(json.dumps(keys.public_set()))
    key = published.get_key(header_of(token)["kid"])
    if key is None:
        return False
    jws.verify(key, alg="ES256")
    return True


def test_the_first_signature_makes_a_key_that_anybody_can_check_by_the_published_set() -> None:
    token = keys.sign({"hello": "world"}, typ=TYP)
    assert header_of(token) == {"typ": TYP, "alg": "ES256", "kid": SigningKey.objects.get().kid}
    assert is_good(token)
    assert tags() == ["signing_key:created"]
    assert kids() == {header_of(keys.sign(b"bytes too", typ="x"))["kid"]}


def test_asking_for_the_set_makes_the_first_key_too() -> None:
    (key,) = keys.public_set()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert JWK(**key).thumbprint() == key["kid"]


def test_no_private_half_is_published_stored_in_clear_or_shown() -> None:
    keys.public_set()
    row = SigningKey.objects.get()
    signer = keys.signer()
    number = signer.key.private_numbers().private_value
    secret = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
    kept = json.dumps([row.public_jwk, keys.public_set()]) + bytes(row.sealed_private).decode("latin-1")
    assert secret not in kept
    assert secret not in repr(signer) + str(row) + repr(row)
    assert secret not in json.dumps(list(Event.objects.values()), default=str)


def test_a_new_key_is_published_an_hour_before_it_signs_and_the_old_one_a_month_after() -> None:
    with time_machine.travel(NOW, tick=False):
        first = header_of(keys.sign({}, typ=TYP))["kid"]
    due = NOW + policy.SIGNING_KEY_LIFETIME
    assert keys.turn(now=due - timedelta(minutes=1)) == 0
    assert keys.turn(now=due) == 1
    second = SigningKey.objects.get(number=2).kid
    with time_machine.travel(due, tick=False):
        assert header_of(keys.sign({}, typ=TYP))["kid"] == first
        assert kids() == {first, second}
    signs = due + policy.SIGNING_KEY_NOTICE
    assert keys.turn(now=signs) == 1
    with time_machine.travel(signs, tick=False):
        assert header_of(keys.sign({}, typ=TYP))["kid"] == second
        assert kids() == {first, second}
    with time_machine.travel(signs + policy.SIGNING_KEY_RETENTION, tick=False):
        assert kids() == {second}
    assert tags() == ["signing_key:created", "signing_key:created", "signing_key:retired"]


def test_a_retired_key_loses_its_private_half_and_still_proves_what_it_signed() -> None:
    with time_machine.travel(NOW, tick=False):
        seal = keys.sign({"month": "2026-10"}, typ="seal")
    keys.rotate(now=NOW)
    keys.turn(now=NOW + policy.SIGNING_KEY_NOTICE)
    assert bytes(SigningKey.objects.get(number=1).sealed_private) == b""
    with time_machine.travel(NOW + timedelta(days=900), tick=False):
        assert keys.verify(seal, typ="seal") == b'{"month":"2026-10"}'


@pytest.mark.parametrize("junk", ["", "x", "a.b.c", "....", "e30.e30.e30", "é"])
def test_what_is_no_signature_of_ours_proves_nothing(junk: str) -> None:
    keys.public_set()
    assert keys.verify(junk, typ="seal") is None


def test_a_signature_of_another_kind_or_another_key_or_changed_proves_nothing() -> None:
    token = keys.sign({"a": 1}, typ="seal")
    head, _, tail = token.split(".")
    changed = base64.urlsafe_b64encode(b'{"a":2}').rstrip(b"=").decode()
    assert keys.verify(token, typ=TYP) is None
    assert keys.verify(f"{head}.{changed}.{tail}", typ="seal") is None
    foreign = keys.Signer(keys.signer().kid, ec.generate_private_key(ec.SECP256R1())).sign({"a": 1}, typ="seal")
    assert keys.verify(foreign, typ="seal") is None
    unsigned = JWS(b'{"a":1}')
    unsigned.allowed_algs = ["HS256"]
    header = json.dumps({"typ": "seal", "alg": "HS256", "kid": keys.signer().kid})
    unsigned.add_signature(JWK(kty="oct", k=keys.public_set()["keys"][0]["x"]), None, header)
    assert keys.verify(unsigned.serialize(compact=True), typ="seal") is None


def test_a_changed_secret_key_with_its_fallback_goes_on_and_seals_anew(settings: Any) -> None:
    first = keys.signer().kid
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key of this deployment"
    assert keys.signer().kid == first
    assert keys.reseal() == 1
    settings.SECRET_KEY_FALLBACKS = []
    assert keys.signer().kid == first


def test_a_secret_key_lost_without_fallback_makes_another_key_and_stops_nothing(settings: Any) -> None:
    first = keys.signer().kid
    settings.SECRET_KEY = "another key of this deployment"
    second = keys.signer().kid
    assert second != first
    assert keys.signer().kid == second
    assert kids() == {first, second}  # another node may still sign with the first


def test_the_database_without_the_secret_key_signs_nothing(settings: Any) -> None:
    keys.signer()
    row = SigningKey.objects.get()
    settings.SECRET_KEY = "what a thief of the database might guess"
    assert keys._open(row) is None
    row.kid = "A" * 43  # a sealed half does not fit another key's row
    settings.SECRET_KEY = "a key for tests only, long enough to please every check"
    assert keys._open(row) is None


def test_turning_twice_at_once_makes_one_key() -> None:
    assert keys.turn(now=NOW) == 1
    assert keys._make(1, signs_from=NOW, now=NOW) is False
    assert keys.turn(now=NOW) == 0
    assert SigningKey.objects.count() == 1
