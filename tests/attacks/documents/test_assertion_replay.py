"""One assertion, sent to several nodes at the same moment: one of them accepts it, whichever is first."""

from __future__ import annotations

from authserver.models import SeenAssertion
from tests.attacks.conftest import at_once
from tests.document_host import DocumentHost
from tests.people import App, World, tokens_of
from tests.signing import Signer

REDIRECT = "https://app.example/callback"
ROUNDS = 4
NODES = 4


def test_of_many_uses_of_one_assertion_at_once_one_is_accepted(crowd: World, documents: DocumentHost) -> None:
    signer = Signer(documents.url())
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    app = App(signer.client_id, redirect_uri=REDIRECT)
    page = crowd.alice.open(app.authorize_url())
    code = crowd.alice.decide(page, handle="acme")["Location"].partition("code=")[2].partition("&")[0]
    held = tokens_of(app.exchange(code, **signer.form()))
    for number in range(ROUNDS):
        form = signer.form()
        # Within the leeway the same refresh token answers everybody: only the assertion stands in the way.
        answers = at_once(*[lambda form=form: App(app.client_id).refresh(held.refresh, **form)] * NODES)
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * (NODES - 1)
        assert {answer.json()["error"] for answer in answers if answer.status_code == 401} == {"invalid_client"}
        assert SeenAssertion.objects.count() == number + 2


def test_a_used_assertion_stays_used_though_what_it_asked_for_was_refused(
    crowd: World, documents: DocumentHost
) -> None:
    signer = Signer(documents.url())
    documents.publish(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    app = App(signer.client_id, redirect_uri=REDIRECT)
    crowd.alice.open(app.authorize_url())
    form = signer.form()
    assert app.exchange("no such code", **form).json()["error"] == "invalid_grant"
    assert app.exchange("no such code", **form).json()["error"] == "invalid_client"
    assert SeenAssertion.objects.count() == 1
