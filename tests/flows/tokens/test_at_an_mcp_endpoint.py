"""A personal access token at an MCP endpoint: refused by its form, before anybody is asked about it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.flows.tokens.holder import api_server, make_token
from tests.people import World
from tests.resourceserver.conftest import run_sample  # noqa: F401  (a fixture)
from tests.resourceserver.fakes import COMPAT, GATEWAY, HOSTED, OTHER
from tests.resourceserver.running import RunningSample

pytestmark = pytest.mark.covers("req:P5", "req:B3")
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()


@pytest.mark.parametrize("address", [GATEWAY, HOSTED, COMPAT, OTHER])
def test_the_gate_names_the_wrong_kind_and_asks_nobody(
    world: World,
    run_sample: Callable[..., RunningSample],  # noqa: F811
    address: str,
) -> None:
    token = make_token(world.bob.sign_in())
    sample = run_sample()
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    reply = sample.ask("POST", address.replace("{handle}", "acme"), headers=headers, body=CALL)
    assert reply.status == 401
    assert json.loads(reply.body)["error"] == "invalid_token_format"
    assert token not in reply.body.decode()
    assert sample.server.asked == []


def test_even_a_server_that_asks_is_told_it_is_nothing(world: World) -> None:
    token = make_token(world.bob.sign_in())
    assert world.asker.knows(token) == {"active": False}
    assert world.other_asker.knows(token) == {"active": False}
    assert api_server().is_active(token)
