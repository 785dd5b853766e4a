"""Draft and production endpoints of one project are two resources: two connections, and no credential crosses
(requirement T9)."""

from __future__ import annotations

import pytest

from authserver.models import ProtectedResource, Scope
from authserver.services import resource_servers
from handles.models import Handle
from tests.flows.changes import delete_handle, leave, live_connections, set_handle
from tests.people import READS, App, Asker, Tokens, World, answer_of, hosted, tokens_of

DRAFT = "https://draft.acme.example/mcp"
PRODUCTION = "https://www.acme.example/mcp"


@pytest.fixture
def project(world: World) -> dict[str, Asker]:
    """A project of acme's with two endpoints, each with a resource server of its own."""
    acme = Handle.objects.get(slug="acme")
    askers = {}
    for stage, address in (("draft", DRAFT), ("production", PRODUCTION)):
        row = ProtectedResource.objects.create(name=f"Shop, {stage}", address=address, handle=acme, stage=stage)
        server, secret = resource_servers.create(stage, [row])
        askers[stage] = Asker(str(server.pk), secret)
    return askers


@pytest.fixture
def draft(world: World, chatgpt: App, project: dict[str, Asker]) -> Tokens:
    return world.connect(world.alice, chatgpt, resource=DRAFT)


@pytest.fixture
def production(world: World, chatgpt: App, project: dict[str, Asker]) -> Tokens:
    return world.connect(world.alice, chatgpt, resource=PRODUCTION)


def test_a_credential_for_the_draft_is_nothing_to_production_and_the_other_way(
    project: dict[str, Asker], draft: Tokens, production: Tokens, world: World
) -> None:
    assert project["draft"].is_active(draft.access)
    assert project["production"].is_active(production.access)
    for asker in (project["production"], world.asker, world.other_asker):
        assert asker.knows(draft.access) == {"active": False}
    for asker in (project["draft"], world.asker, world.other_asker):
        assert asker.knows(production.access) == {"active": False}


def test_they_are_two_connections_of_one_handle(project: dict[str, Asker], draft: Tokens, production: Tokens) -> None:
    one, other = project["draft"].knows(draft.access), project["production"].knows(production.access)
    assert one["connection_id"] != other["connection_id"]
    assert (one["handle"], one["aud"]) == ("acme", DRAFT)
    assert (other["handle"], other["aud"]) == ("acme", PRODUCTION)


def test_ending_one_leaves_the_other(
    project: dict[str, Asker], draft: Tokens, production: Tokens, chatgpt: App
) -> None:
    chatgpt.revoke(draft.refresh or "")
    assert not project["draft"].is_active(draft.access)
    assert project["production"].is_active(production.access)


@pytest.mark.parametrize("other", [PRODUCTION, hosted("acme"), "http://127.0.0.1:8001/mcp"])
def test_a_draft_s_refresh_token_buys_nothing_elsewhere(draft: Tokens, chatgpt: App, other: str) -> None:
    assert chatgpt.refresh(draft.refresh, resource=other).json()["error"] == "invalid_target"


def test_a_code_for_the_draft_cannot_be_exchanged_for_production(
    world: World, project: dict[str, Asker], chatgpt: App
) -> None:
    code = answer_of(world.alice.decide(world.alice.open(chatgpt.authorize_url(DRAFT))))["code"]
    assert chatgpt.exchange(code, resource=PRODUCTION).json()["error"] == "invalid_target"
    assert project["draft"].is_active(tokens_of(chatgpt.exchange(code, resource=DRAFT)).access)


def test_a_request_for_both_at_once_is_refused(world: World, project: dict[str, Asker], chatgpt: App) -> None:
    answer = answer_of(world.alice.http.get(f"{chatgpt.authorize_url(DRAFT)}&resource={PRODUCTION}"))
    assert (answer["error"], answer["state"]) == ("invalid_target", "state-1")


def test_a_withdrawn_draft_is_refused_while_production_goes_on(
    world: World, project: dict[str, Asker], draft: Tokens, production: Tokens, chatgpt: App
) -> None:
    ProtectedResource.objects.filter(address=DRAFT).update(is_active=False)
    assert not project["draft"].is_active(draft.access)
    assert project["production"].is_active(production.access)
    assert answer_of(world.alice.http.get(chatgpt.authorize_url(DRAFT)))["error"] == "invalid_target"


def test_the_handle_is_the_project_s_and_cannot_be_chosen(
    world: World, project: dict[str, Asker], chatgpt: App
) -> None:
    page = world.alice.open(chatgpt.authorize_url(DRAFT))
    assert "Connecting to <bdi>@acme</bdi>" in page.content.decode()
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="globex"))["code"]))
    assert project["draft"].knows(held.access)["handle"] == "acme"


def test_only_members_connect_to_the_project(world: World, project: dict[str, Asker], chatgpt: App) -> None:
    assert world.carol.open(chatgpt.authorize_url(DRAFT)).status_code == 403
    assert live_connections() == 0


def test_leaving_or_suspending_the_handle_ends_both(
    world: World, project: dict[str, Asker], draft: Tokens, production: Tokens
) -> None:
    set_handle("acme", status="suspended")
    assert not project["draft"].is_active(draft.access)
    set_handle("acme", status="active")
    assert project["draft"].is_active(draft.access)
    leave(world.alice, "acme")
    assert not project["draft"].is_active(draft.access)
    assert not project["production"].is_active(production.access)


def test_deleting_the_handle_takes_its_endpoints_and_connections_along(
    project: dict[str, Asker], draft: Tokens, production: Tokens
) -> None:
    delete_handle("acme")
    assert not project["draft"].is_active(draft.access)
    assert live_connections() == 0


def test_an_endpoint_that_offers_few_scopes_grants_no_others(
    world: World, project: dict[str, Asker], chatgpt: App
) -> None:
    ProtectedResource.objects.get(address=DRAFT).scopes.set(
        Scope.objects.filter(name__in=["mcp.connect", "links.read"])
    )
    page = world.alice.open(chatgpt.authorize_url(DRAFT, scope=f"{READS} links.write"))
    told = answer_of(world.alice.decide(page, scope=["skills.read", "links.read", "links.write"]))
    held = tokens_of(chatgpt.exchange(told["code"]))
    assert held.scope == "mcp.connect links.read"
    assert project["draft"].knows(held.access)["scope"] == "mcp.connect links.read"


def test_an_endpoint_of_no_handle_lets_the_person_choose(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url("http://127.0.0.1:8001/other/mcp"))
    held = tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, handle="globex"))["code"]))
    assert world.other_asker.knows(held.access)["handle"] == "globex"
    assert not world.asker.is_active(held.access)
