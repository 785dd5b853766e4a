"""A credential is for one endpoint, named when the person allowed it: at no step can it be made for another."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.models import AccessToken, Connection, ProtectedResource
from tests.people import GATEWAY, App, World, answer_of, compat, hosted, tokens_of

OTHER = "http://127.0.0.1:8001/other/mcp"  # registered, another resource server's
FOREIGN = [
    "https://evil.example/mcp",
    "http://127.0.0.1:8001",
    "http://127.0.0.1:8001/",
    GATEWAY + "/",
    GATEWAY + "?x=1",
    GATEWAY + "#x",
    GATEWAY + "/../mcp",
    GATEWAY + "%2F",
    GATEWAY.upper(),
    GATEWAY.replace("/mcp", "//mcp"),
    GATEWAY.replace("http", "https"),
    GATEWAY.replace("8001", "8002"),
    GATEWAY.replace("//", "//user@"),
    compat("acme") + "/",
    compat("acme/mcp/globex"),
    compat("Acme Inc"),
    compat(".."),
    compat(""),
    hosted("acme.globex"),
    hosted("xn--a"),
    hosted("-acme"),
    hosted("a" * 41),
    hosted("*"),
    hosted("{handle}"),
    "http://acme.mcp.localhost.evil.example:8001/mcp",
    "mcp",
    "urn:example:mcp",
    "http://",
    "http://[::1",
    "\u2603",
    "x" * 4000,
]


def start(world: World, app: App, **parameters: str | None) -> Any:
    return world.alice.sign_in().http.get(app.authorize_url(**parameters))


@pytest.mark.covers("H4", "req:T6", "RF-07")
@pytest.mark.parametrize("resource", FOREIGN)
def test_a_resource_that_is_not_registered_is_refused_at_the_client(world: World, chatgpt: App, resource: str) -> None:
    answer = answer_of(start(world, chatgpt, resource=resource))
    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_target", "state-1", "http://127.0.0.1:8000")
    assert Connection.objects.count() == 0


@pytest.mark.covers("H4", "RF-07")
@pytest.mark.parametrize("second", [hosted("acme"), "https://evil.example/mcp", OTHER])
def test_two_resources_are_refused(world: World, chatgpt: App, second: str) -> None:
    answer = answer_of(world.alice.sign_in().http.get(chatgpt.authorize_url() + f"&resource={second}"))
    assert answer["error"] == "invalid_target"


@pytest.mark.covers("H4")
def test_the_same_resource_twice_is_one(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url() + f"&resource={GATEWAY.replace('http', 'HTTP')}")
    assert page.status_code == 200


@pytest.mark.covers("H4", "RF-07")
def test_a_withdrawn_endpoint_is_no_resource(world: World, chatgpt: App) -> None:
    ProtectedResource.objects.filter(kind="gateway").update(is_active=False)
    assert answer_of(start(world, chatgpt))["error"] == "invalid_target"
    assert answer_of(start(world, chatgpt, resource=None))["error"] == "invalid_target"


@pytest.mark.covers("req:T2", "req:T6")
def test_a_handle_that_does_not_exist_gets_no_connection(world: World, chatgpt: App) -> None:
    page = start(world, chatgpt, resource=hosted("nowhere"))
    assert page.status_code == 404
    assert Connection.objects.count() == 0


@pytest.mark.covers("req:P2")
def test_a_handle_of_others_gets_no_connection(world: World, chatgpt: App) -> None:
    page = world.bob.open(chatgpt.authorize_url(hosted("globex")))
    assert page.status_code == 403
    assert "not a member" in page.content.decode()


# --- At the exchange and the refresh


def code_for(world: World, app: App, resource: str | None) -> str:
    page = world.alice.open(app.authorize_url(resource))
    return answer_of(world.alice.decide(page, handle="acme"))["code"]


@pytest.mark.covers("H4", "RF-08", "T02")
@pytest.mark.parametrize(
    "resource", [hosted("acme"), compat("acme"), OTHER, "https://evil.example/mcp", GATEWAY + "/", "x"]
)
def test_the_exchange_cannot_change_the_resource(world: World, chatgpt: App, resource: str) -> None:
    code = code_for(world, chatgpt, GATEWAY)
    answer = chatgpt.exchange(code, resource=resource)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert AccessToken.objects.count() == 0
    held = tokens_of(chatgpt.exchange(code, resource=GATEWAY))
    assert world.asker.knows(held.access)["aud"] == GATEWAY


@pytest.mark.covers("H4", "RF-08", "T02")
@pytest.mark.parametrize(
    "resource", [hosted("acme"), compat("acme"), OTHER, "https://evil.example/mcp", GATEWAY + "/", "x"]
)
def test_a_refresh_cannot_change_or_add_a_resource(world: World, chatgpt: App, resource: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    for sent in (resource, [GATEWAY, resource]):
        answer = chatgpt.refresh(held.refresh, resource=sent)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert AccessToken.objects.count() == 1
    assert chatgpt.refresh(held.refresh, resource=GATEWAY).status_code == 200


@pytest.mark.covers("H4", "RF-08")
@pytest.mark.parametrize("resource", [OTHER, hosted("acme"), "https://evil.example/mcp"])
def test_leaving_it_out_at_the_start_does_not_leave_it_open(world: World, chatgpt: App, resource: str) -> None:
    code = code_for(world, chatgpt, None)
    assert chatgpt.exchange(code, resource=resource).json()["error"] == "invalid_target"
    held = tokens_of(chatgpt.exchange(code))
    assert chatgpt.refresh(held.refresh, resource=resource).json()["error"] == "invalid_target"
    assert world.asker.knows(held.access)["aud"] == GATEWAY
    assert world.other_asker.knows(held.access) == {"active": False}


# --- Between endpoints and handles


@pytest.mark.covers("RS-20", "req:T2", "req:T9")
def test_each_endpoint_has_a_connection_of_its_own(world: World, chatgpt: App) -> None:
    for resource in (GATEWAY, hosted("acme"), compat("acme")):
        world.connect(world.alice, chatgpt, resource=resource, handle="acme")
    assert Connection.objects.filter(ended_at=None, handle__slug="acme").count() == 3
    assert len(set(Connection.objects.values_list("resource", flat=True))) == 3


@pytest.mark.covers("req:T2")
def test_a_second_handle_at_the_gateway_is_a_second_connection_and_changes_nothing_of_the_first(
    world: World, chatgpt: App
) -> None:
    acme = world.connect(world.alice, chatgpt, handle="acme")
    globex = world.connect(world.alice, chatgpt, handle="globex")
    assert world.asker.knows(acme.access)["handle"] == "acme"
    assert world.asker.knows(tokens_of(chatgpt.refresh(acme.refresh)).access)["handle"] == "acme"
    assert world.asker.knows(globex.access)["handle"] == "globex"


@pytest.mark.covers("req:T9", "RS-20")
def test_a_draft_and_its_production_are_two_resources(world: World, chatgpt: App) -> None:
    draft = ProtectedResource.objects.create(
        name="Draft", address="https://draft.example/mcp", stage=ProtectedResource.Stage.DRAFT
    )
    live = ProtectedResource.objects.create(name="Live", address="https://live.example/mcp")
    held = {
        each.address: world.connect(world.alice, chatgpt, resource=each.address, handle="acme")
        for each in (draft, live)
    }
    assert Connection.objects.count() == 2
    for token in held.values():
        assert world.asker.knows(token.access) == {"active": False}  # neither is one of its own


@pytest.mark.covers("req:T6")
def test_an_endpoint_limited_to_some_scopes_gives_no_others(world: World, chatgpt: App) -> None:
    limited = ProtectedResource.objects.create(name="Links only", address="https://links.example/mcp")
    limited.scopes.set(["mcp.connect", "links.read"])
    held = world.connect(
        world.alice, chatgpt, resource=limited.address, handle="acme", scope="mcp.connect links.read pages.read"
    )
    assert held.scope == "mcp.connect links.read"
