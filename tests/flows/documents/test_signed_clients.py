"""A client that proves itself by signing (private_key_jwt): with keys in its document, and with keys at an address."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Http
from django.utils import timezone

from authserver import policy
from authserver.models import Client, SeenAssertion
from authserver.services import purge
from tests.document_host import DocumentHost, raw
from tests.people import App, World, answer_of, post_form, tokens_of
from tests.signing import ISSUER, Signer

REDIRECT = "https://app.example/callback"
pytestmark = pytest.mark.django_db


@pytest.fixture
def signer(documents: DocumentHost) -> Signer:
    """A client that must sign, its key in its document."""
    signer = Signer(documents.url())
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    return signer


def code_for(world: World, app: App) -> str:
    page = world.alice.open(app.authorize_url())
    assert page.status_code == 200, page.content.decode()
    return answer_of(world.alice.decide(page, handle="acme"))["code"]


def app_of(signer: Signer) -> App:
    return App(signer.client_id, redirect_uri=REDIRECT)


@pytest.mark.parametrize("algorithm", policy.ASSERTION_ALGORITHMS)
@pytest.mark.parametrize("aud", [ISSUER, f"{ISSUER}/oauth/token", [ISSUER]])
def test_a_client_connects_with_each_algorithm_and_audience(
    world: World, documents: DocumentHost, algorithm: str, aud: Any
) -> None:
    signer = Signer(documents.url(), algorithm=algorithm, aud=aud)
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    app = app_of(signer)
    held = tokens_of(app.exchange(code_for(world, app), **signer.form()))
    assert tokens_of(app.refresh(held.refresh, **signer.form())).access


def test_a_client_need_not_repeat_its_id_beside_the_assertion(world: World, signer: Signer) -> None:
    app = app_of(signer)
    form = {
        "grant_type": "authorization_code",
        "code": code_for(world, app),
        "code_verifier": app.verifier,
        "redirect_uri": REDIRECT,
    }
    assert tokens_of(post_form(app.http, "/oauth/token", form | signer.form())).access


@pytest.mark.covers("RF-03")
def test_metadata_names_the_method_and_its_algorithms() -> None:
    told = Http().get("/.well-known/oauth-authorization-server").json()
    for endpoint in ("token", "revocation"):
        assert "private_key_jwt" in told[f"{endpoint}_endpoint_auth_methods_supported"]
        assert "none" not in told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert {"RS256", "ES256"} <= set(told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"])


def test_the_revocation_endpoint_takes_assertions_too(world: World, signer: Signer) -> None:
    app = app_of(signer)
    held = tokens_of(app.exchange(code_for(world, app), **signer.form()))
    assert app.revoke(held.access).status_code == 401
    form = {"token": held.access, "client_id": app.client_id} | signer.form()
    assert post_form(app.http, "/oauth/revoke", form).status_code == 200
    assert not world.asker.is_active(held.access)


# --- Refused


def refused(answer: Any) -> str:
    assert answer.status_code == 401, answer.content
    return answer.json()["error"]


def test_a_client_that_must_sign_is_refused_without(world: World, signer: Signer) -> None:
    app = app_of(signer)
    assert refused(app.exchange(code_for(world, app))) == "invalid_client"


def test_an_assertion_is_accepted_once(world: World, signer: Signer) -> None:
    app = app_of(signer)
    form = signer.form()
    held = tokens_of(app.exchange(code_for(world, app), **form))
    assert refused(app.refresh(held.refresh, **form)) == "invalid_client"
    assert world.asker.is_active(held.access)


def test_two_assertions_with_one_jti_are_one(world: World, signer: Signer) -> None:
    app = app_of(signer)
    held = tokens_of(app.exchange(code_for(world, app), **signer.form(jti="the-same")))
    assert refused(app.refresh(held.refresh, **signer.form(jti="the-same"))) == "invalid_client"


@pytest.mark.parametrize(
    "change",
    [
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ""},
        {"client_id": "https://localhost/other"},
        {"client_secret": "something"},
        {"client_assertion": "a.b.c"},
        {"client_assertion": "not a token"},
    ],
)
def test_a_proof_that_is_not_exactly_one_is_refused(world: World, signer: Signer, change: dict[str, str]) -> None:
    app = app_of(signer)
    form = {"client_id": app.client_id} | signer.form() | change
    assert refused(app.exchange(code_for(world, app), **form)) == "invalid_client"


def test_basic_is_refused_for_a_client_with_a_document(world: World, documents: DocumentHost) -> None:
    app = App(documents.publish(), redirect_uri=REDIRECT)
    code = code_for(world, app)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": app.verifier,
        "redirect_uri": REDIRECT,
    }
    assert refused(app.token(basic=True, **form)) == "invalid_client"
    assert tokens_of(app.token(**form)).access


def test_a_signature_by_another_key_is_refused(world: World, signer: Signer) -> None:
    app = app_of(signer)
    thief = Signer(signer.client_id, key_id="key-2")
    code = code_for(world, app)
    assert refused(app.exchange(code, **thief.form(header={"kid": "key-1"}))) == "invalid_client"
    assert refused(app.exchange(code, **thief.form())) == "invalid_client"


def test_a_public_client_cannot_be_impersonated_into_signing(world: World, documents: DocumentHost) -> None:
    app = App(documents.publish(), redirect_uri=REDIRECT)
    form = Signer(app.client_id).form()
    assert refused(app.exchange(code_for(world, app), **form)) == "invalid_client"


# --- Keys at an address


@pytest.fixture
def remote(documents: DocumentHost) -> Signer:
    """A client that may sign or not, its keys at an address: what ChatGPT publishes."""
    signer = Signer(documents.url(), algorithm="RS256")
    documents.publish_json("/jwks.json", signer.jwks)
    documents.publish(
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
        token_endpoint_auth_signing_alg="RS256",
        jwks_uri=documents.url("/jwks.json"),
    )
    return signer


def paths(documents: DocumentHost) -> list[str]:
    return [request.split(" ")[1] for request in documents.requests]


@pytest.mark.parametrize("signs", [True, False])
def test_a_client_that_may_do_either_connects_as_it_prefers(world: World, remote: Signer, signs: bool) -> None:
    app = app_of(remote)
    held = tokens_of(app.exchange(code_for(world, app), **(remote.form() if signs else {})))
    assert tokens_of(app.refresh(held.refresh, **(remote.form() if signs else {}))).access


def test_keys_are_fetched_once_and_again_when_an_unknown_one_signs(
    world: World, documents: DocumentHost, remote: Signer
) -> None:
    app = app_of(remote)
    held = tokens_of(app.exchange(code_for(world, app), **remote.form()))
    held = tokens_of(app.refresh(held.refresh, **remote.form()))
    assert paths(documents).count("/jwks.json") == 1
    rotated = Signer(remote.client_id, algorithm="RS256", key_id="key-2")
    documents.publish_json("/jwks.json", rotated.jwks)
    with time_machine.travel(timezone.now() + timedelta(seconds=policy.KEYS_RETRY_SECONDS + 1), tick=True):
        held = tokens_of(app.refresh(held.refresh, **rotated.form()))
        assert paths(documents).count("/jwks.json") == 2
        assert refused(app.refresh(held.refresh, **remote.form())) == "invalid_client"


def test_junk_does_not_make_us_fetch_again_and_again(world: World, documents: DocumentHost, remote: Signer) -> None:
    app = app_of(remote)
    held = tokens_of(app.exchange(code_for(world, app), **remote.form()))
    for number in range(5):
        junk = Signer(remote.client_id, algorithm="ES256", key_id=f"junk-{number}")
        assert refused(app.refresh(held.refresh, **junk.form())) == "invalid_client"
    assert paths(documents).count("/jwks.json") == 1


def test_a_client_that_may_come_without_proof_is_let_in_where_its_keys_cannot_be_had(
    world: World, documents: DocumentHost, remote: Signer
) -> None:
    documents.answers["/jwks.json"] = raw(b"{}", status="403 Forbidden")
    app = app_of(remote)
    assert tokens_of(app.exchange(code_for(world, app), **remote.form())).access


def test_a_client_that_must_sign_waits_where_its_keys_cannot_be_had(
    world: World, documents: DocumentHost, remote: Signer
) -> None:
    documents.answers["/jwks.json"] = raw(b"{}", status="403 Forbidden")
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks_uri=documents.url("/jwks.json"))
    app = app_of(remote)
    answer = app.exchange(code_for(world, app), **remote.form())
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("content", [{"keys": "none"}, [], {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}])
def test_a_key_set_of_a_wrong_form_proves_nobody(
    world: World, documents: DocumentHost, remote: Signer, content: object
) -> None:
    documents.publish_json("/jwks.json", content)
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks_uri=documents.url("/jwks.json"))
    app = app_of(remote)
    assert app.exchange(code_for(world, app), **remote.form()).status_code == 503


def test_a_known_set_outlives_an_outage(world: World, documents: DocumentHost, remote: Signer) -> None:
    app = app_of(remote)
    held = tokens_of(app.exchange(code_for(world, app), **remote.form()))
    documents.answers["/jwks.json"] = raw(b"{}", status="500 Oops")
    Client.objects.update(jwks_fetched_at=timezone.now() - policy.KEYS_AGE_MAX - timedelta(hours=1))
    assert tokens_of(app.refresh(held.refresh, **remote.form())).access


def test_used_assertions_are_forgotten_once_they_are_expired(world: World, signer: Signer) -> None:
    app = app_of(signer)
    app.exchange(code_for(world, app), **signer.form())
    purge.purge_expired(now=timezone.now())
    assert SeenAssertion.objects.count() == 1
    purge.purge_expired(now=timezone.now() + policy.ASSERTION_LIFETIME_MAX * 2)
    assert SeenAssertion.objects.count() == 0


# --- Registered dynamically


@pytest.mark.parametrize("at_an_address", [True, False])
def test_a_client_that_registers_may_sign_too(world: World, documents: DocumentHost, at_an_address: bool) -> None:
    signer = Signer("not known yet", algorithm="RS256")
    keys = {"jwks_uri": documents.publish_json("/jwks.json", signer.jwks)} if at_an_address else {"jwks": signer.jwks}
    app = App.register("Signer", REDIRECT, token_endpoint_auth_method="private_key_jwt", **keys)
    assert app.registration["token_endpoint_auth_method"] == "private_key_jwt"
    assert app.secret is None
    assert {name: app.registration[name] for name in keys} == keys
    signer.client_id = app.client_id
    code = code_for(world, app)
    assert refused(app.exchange(code)) == "invalid_client"
    held = tokens_of(app.exchange(code, **signer.form()))
    assert tokens_of(app.refresh(held.refresh, **signer.form())).access


def test_a_registration_with_a_private_key_is_refused() -> None:
    body = {
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
    }
    answer = Http().post("/oauth/register", body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_a_registration_that_wants_to_sign_without_keys_is_public_and_told_so() -> None:
    app = App.register("Signer", REDIRECT, token_endpoint_auth_method="private_key_jwt")
    assert app.registration["token_endpoint_auth_method"] == "none"
