"""What was allowed yesterday is asked again today: a person, a seat, a handle, a client or an endpoint that is gone
takes every credential with it, from the next request on, and gives it back when it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from accounts.models import User
from authserver.models import Client, Connection, ProtectedResource, ResourceServer, Scope
from authserver.services import catalog
from handles.models import Handle, Membership
from tests.people import App, World, answer_of, hosted, tokens_of

ALICE = "alice@example.com"


@dataclass(frozen=True)
class Loss:
    """Something that ends, the code that the token endpoint answers with, and how it comes back."""

    name: str
    take: Callable[[], object]
    give: Callable[[], object] | None = None
    error: str = "invalid_grant"


def membership() -> Membership:
    return Membership.objects.get(user__email=ALICE, handle__slug="acme")


LOSSES = [
    Loss(
        "person deactivated",
        lambda: User.objects.filter(email=ALICE).update(is_active=False),
        lambda: User.objects.filter(email=ALICE).update(is_active=True),
    ),
    Loss("membership removed", lambda: membership().delete()),
    Loss(
        "handle suspended",
        lambda: Handle.objects.filter(slug="acme").update(status=Handle.Status.SUSPENDED),
        lambda: Handle.objects.filter(slug="acme").update(status=Handle.Status.ACTIVE),
    ),
    Loss(
        "client blocked",
        lambda: Client.objects.update(is_active=False),
        lambda: Client.objects.update(is_active=True),
        error="invalid_client",
    ),
    Loss(
        "endpoint withdrawn",
        lambda: ProtectedResource.objects.filter(kind="hosted").update(is_active=False),
        lambda: ProtectedResource.objects.filter(kind="hosted").update(is_active=True),
    ),
    Loss("person deleted", lambda: User.objects.get(email=ALICE).delete()),
    Loss("handle deleted", lambda: Handle.objects.get(slug="acme").delete()),
]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name.replace(" ", "-"))
each_that_returns = pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if loss.give], ids=lambda loss: loss.name.replace(" ", "-")
)


@pytest.mark.covers("C5", "RS-10")
@each_loss
def test_introspection_answers_inactive_and_nothing_else(world: World, chatgpt: App, loss: Loss) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    assert world.asker.is_active(held.access)
    loss.take()
    assert world.asker.knows(held.access) == {"active": False}


@pytest.mark.covers("C5")
@each_loss
def test_a_refresh_mints_nothing(world: World, chatgpt: App, loss: Loss) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    loss.take()
    assert chatgpt.refresh(held.refresh).json()["error"] == loss.error


@pytest.mark.covers("C5")
@each_loss
def test_a_code_in_hand_buys_nothing(world: World, chatgpt: App, loss: Loss) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme")))
    code = answer_of(world.alice.decide(page))["code"]
    loss.take()
    assert chatgpt.exchange(code).json()["error"] == loss.error


@pytest.mark.covers("C5")
@each_loss
def test_an_open_consent_page_grants_nothing(world: World, chatgpt: App, loss: Loss) -> None:
    page = world.alice.open(chatgpt.authorize_url(hosted("acme")))
    loss.take()
    answer = world.alice.decide(page)
    assert "code=" not in answer.headers.get("Location", "")
    assert answer.status_code in (302, 400, 403, 404)
    assert Connection.objects.count() == 0


@pytest.mark.covers("C5")
@each_that_returns
def test_what_comes_back_works_again_without_a_new_consent(world: World, chatgpt: App, loss: Loss) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    loss.take()
    chatgpt.refresh(held.refresh)
    assert loss.give is not None
    loss.give()
    assert world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 200


@pytest.mark.covers("req:S3")
def test_a_lower_role_takes_its_scopes_out_of_the_credential_in_use(world: World, chatgpt: App) -> None:
    asked = "mcp.connect links.write site.deployments.write"
    page = world.alice.open(chatgpt.authorize_url(scope=asked))
    code = answer_of(world.alice.decide(page, handle="acme", scope=asked.split()))["code"]
    held = tokens_of(chatgpt.exchange(code))
    assert world.asker.knows(held.access)["scope"] == asked
    Membership.objects.filter(pk=membership().pk).update(role="member")
    known = world.asker.knows(held.access)
    assert (known["handle_role"], set(known["scope"].split())) == ("member", {"mcp.connect", "links.write"})
    assert set(chatgpt.refresh(held.refresh).json()["scope"].split()) == {"mcp.connect", "links.write"}


@pytest.mark.covers("C5")
def test_a_scope_taken_out_of_the_catalog_leaves_the_credential_in_use(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    Scope.objects.filter(name="links.read").update(is_active=False)
    catalog.touch()
    assert world.asker.knows(held.access)["scope"] == "mcp.connect skills.read"


@pytest.mark.covers("req:P2")
def test_a_handle_that_turns_private_lets_its_guests_go(world: World, chatgpt: App) -> None:
    Handle.objects.filter(slug="acme").update(visibility=Handle.Visibility.PUBLIC)
    held = world.connect(world.carol, chatgpt, resource=hosted("acme"))
    assert world.asker.knows(held.access)["handle_role"] == "public"
    Handle.objects.filter(slug="acme").update(visibility=Handle.Visibility.PRIVATE)
    assert world.asker.knows(held.access) == {"active": False}
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"


@pytest.mark.covers("C2")
def test_a_resource_server_that_was_switched_off_learns_nothing_more(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    ResourceServer.objects.filter(pk=world.asker.id).update(is_active=False)
    answer = world.asker.ask(held.access)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.covers("C5")
def test_a_deactivated_person_is_signed_out_of_their_pages(world: World) -> None:
    world.alice.sign_in()
    assert world.alice.http.get("/connections").status_code == 200
    User.objects.filter(email=ALICE).update(is_active=False)
    answer = world.alice.http.get("/connections")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
