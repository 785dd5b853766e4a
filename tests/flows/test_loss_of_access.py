"""What a connection is worth is asked live: whoever loses what it rests on loses it with the next request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flows import changes
from tests.flows.changes import ask_for_code, set_role, set_scope
from tests.people import READS, App, Tokens, World, answer_of, hosted, tokens_of

Change = Callable[[World, App], None]

# What happens, and what puts it right again (None: nothing does, short of connecting anew).
LOSSES: dict[str, tuple[Change, Change | None]] = {
    "left the handle": (
        lambda world, app: changes.leave(world.bob, "acme"),
        lambda world, app: changes.join(world.bob, "acme"),
    ),
    "person deactivated": (
        lambda world, app: changes.set_person(world.bob, is_active=False),
        lambda world, app: changes.set_person(world.bob, is_active=True),
    ),
    "handle suspended": (
        lambda world, app: changes.set_handle("acme", status="suspended"),
        lambda world, app: changes.set_handle("acme", status="active"),
    ),
    "client blocked": (
        lambda world, app: changes.set_client(app, is_active=False),
        lambda world, app: changes.set_client(app, is_active=True),
    ),
    "resource withdrawn": (
        lambda world, app: changes.set_endpoint("hosted", is_active=False),
        lambda world, app: changes.set_endpoint("hosted", is_active=True),
    ),
    "person deleted": (lambda world, app: world.bob.user.delete() and None, None),
    "handle deleted": (lambda world, app: changes.delete_handle("acme"), None),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    return world.connect(world.bob, chatgpt, resource=hosted("acme"))


def expected_error(name: str) -> tuple[int, str]:
    return (401, "invalid_client") if name == "client blocked" else (400, "invalid_grant")


@every_loss
def test_the_next_request_is_refused_and_nothing_is_told_about_why(
    world: World, chatgpt: App, held: Tokens, name: str
) -> None:
    assert world.asker.is_active(held.access)
    LOSSES[name][0](world, chatgpt)
    assert world.asker.knows(held.access) == {"active": False}


@every_loss
def test_it_cannot_be_refreshed(world: World, chatgpt: App, held: Tokens, name: str) -> None:
    LOSSES[name][0](world, chatgpt)
    answer = chatgpt.refresh(held.refresh)
    assert (answer.status_code, answer.json()["error"]) == expected_error(name)


@every_loss
def test_a_pair_issued_before_is_not_answered_again(world: World, chatgpt: App, held: Tokens, name: str) -> None:
    chatgpt.refresh(held.refresh)
    LOSSES[name][0](world, chatgpt)
    answer = chatgpt.refresh(held.refresh)
    assert (answer.status_code, answer.json()["error"]) == expected_error(name)


@every_loss
def test_a_code_on_its_way_cannot_be_exchanged(world: World, chatgpt: App, name: str) -> None:
    code = ask_for_code(world.bob, chatgpt, hosted("acme"))
    LOSSES[name][0](world, chatgpt)
    answer = chatgpt.exchange(code)
    assert (answer.status_code, answer.json()["error"]) == expected_error(name)


@every_loss
def test_nothing_can_be_allowed_any_more(world: World, chatgpt: App, held: Tokens, name: str) -> None:
    page = world.bob.open(chatgpt.authorize_url(hosted("acme")))
    before = changes.live_connections()
    LOSSES[name][0](world, chatgpt)
    answer = world.bob.decide(page)
    assert "code=" not in answer.get("Location", "")
    assert changes.live_connections() <= before


@pytest.mark.parametrize("name", [name for name, (_, undo) in LOSSES.items() if undo])
def test_what_comes_back_brings_the_connection_back(world: World, chatgpt: App, held: Tokens, name: str) -> None:
    lose, undo = LOSSES[name]
    lose(world, chatgpt)
    assert not world.asker.is_active(held.access)
    assert undo is not None
    undo(world, chatgpt)
    assert world.asker.is_active(held.access)
    assert world.asker.is_active(tokens_of(chatgpt.refresh(held.refresh)).access)


@every_loss
def test_others_notice_nothing(world: World, chatgpt: App, held: Tokens, name: str) -> None:
    other = world.connect(world.alice, App.register("Claude"), handle="globex")
    LOSSES[name][0](world, chatgpt)
    assert world.asker.is_active(other.access)


# --- Roles and scopes

WIDE = f"{READS} links.write site.deployments.write"


def allow_all(world: World, app: App) -> Tokens:
    """Connect alice to acme with everything ticked, a Manage scope too."""
    page = world.alice.open(app.authorize_url(hosted("acme"), scope=WIDE))
    return tokens_of(app.exchange(answer_of(world.alice.decide(page, scope=WIDE.split()))["code"]))


@pytest.mark.parametrize(
    ("role", "left"), [("owner", WIDE), ("admin", WIDE), ("member", f"{READS} links.write"), ("public", READS)]
)
def test_a_lowered_role_shrinks_the_scopes_of_a_live_credential(
    world: World, chatgpt: App, role: str, left: str
) -> None:
    held = allow_all(world, chatgpt)
    set_role(world.alice, "acme", role)
    known = world.asker.knows(held.access)
    assert (known["scope"], known["handle_role"]) == (left, role)
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == left


def test_a_role_that_nobody_knows_is_worth_nothing(world: World, chatgpt: App, held: Tokens) -> None:
    set_role(world.bob, "acme", "emperor")
    answer = world.asker.ask(held.access)
    assert answer.status_code == 200
    assert answer.json() == {"active": False}


def test_a_role_raised_again_gives_back_what_was_allowed_and_no_more(world: World, chatgpt: App) -> None:
    held = allow_all(world, chatgpt)
    set_role(world.alice, "acme", "member")
    assert world.asker.knows(held.access)["scope"] == f"{READS} links.write"
    set_role(world.alice, "acme", "owner")
    assert world.asker.knows(held.access)["scope"] == WIDE


def test_a_raised_role_gives_nothing_that_was_not_allowed(world: World, chatgpt: App, held: Tokens) -> None:
    set_role(world.bob, "acme", "owner")
    known = world.asker.knows(held.access)
    assert (known["scope"], known["handle_role"]) == (READS, "owner")


def test_a_scope_taken_out_of_the_catalog_leaves_every_connection_and_returns(
    world: World, chatgpt: App, held: Tokens
) -> None:
    set_scope("links.read", is_active=False)
    assert world.asker.knows(held.access)["scope"] == "mcp.connect skills.read"
    assert tokens_of(chatgpt.refresh(held.refresh)).scope == "mcp.connect skills.read"
    page = world.bob.open(chatgpt.authorize_url(hosted("acme"), scope=READS, prompt="consent")).content.decode()
    assert 'value="skills.read"' in page
    assert 'value="links.read"' not in page
    assert "links.read" not in chatgpt.http.get("/.well-known/oauth-authorization-server").content.decode()
    set_scope("links.read", is_active=True)
    assert world.asker.knows(held.access)["scope"] == READS


def test_a_scope_that_now_needs_a_higher_role_leaves_those_who_have_it_not(
    world: World, chatgpt: App, held: Tokens
) -> None:
    set_scope("links.read", role="admin")
    assert world.asker.knows(held.access)["scope"] == "mcp.connect skills.read"


def test_a_connection_of_which_every_scope_is_gone_is_worth_nothing(world: World, chatgpt: App, held: Tokens) -> None:
    for name in READS.split():
        set_scope(name, is_active=False)
    assert world.asker.knows(held.access)["scope"] == ""
    assert chatgpt.refresh(held.refresh).json().get("scope", "") == ""
