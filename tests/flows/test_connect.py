"""A client connects to a handle: the whole way, by each of the three addresses."""

import pytest

from tests.people import GATEWAY, App, World, answer_of, compat, hosted, tokens_of


@pytest.mark.parametrize("address", [hosted("acme"), compat("acme"), GATEWAY])
def test_a_client_connects_works_stays_connected_and_is_refused_after_disconnecting(
    world: World, chatgpt: App, address: str
) -> None:
    held = world.connect(world.alice, chatgpt, resource=address, handle="acme")
    known = world.asker.knows(held.access)
    assert (known["handle"], known["aud"], known["handle_role"]) == ("acme", address, "owner")

    refreshed = tokens_of(chatgpt.refresh(held.refresh))
    assert world.asker.is_active(refreshed.access)
    assert world.asker.is_active(held.access)

    page = world.alice.http.get("/connections").content.decode()
    assert "Disconnect ChatGPT from @acme" in page
    world.alice.http.post(f"/connections/{known['connection_id']}/disconnect", {"confirm": "yes"})
    assert world.asker.knows(refreshed.access) == {"active": False}
    assert chatgpt.refresh(refreshed.refresh).json()["error"] == "invalid_grant"


def test_cancel_tells_the_client_no_with_state_and_issuer(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url())
    answer = answer_of(world.alice.decide(page, "cancel"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "state-1", "http://127.0.0.1:8000")
