"""Admins of a handle see everybody's connections to it: they find, pause, withhold and end them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Client, ClientRule, Connection, Event
from authserver.services.connections import listing
from handles.models import Handle, Membership
from tests.flows.changes import leave, set_handle, set_role
from tests.flows.governance.control_plane import words_of
from tests.flows.standing.control_plane import CONNECTIONS, has_button, listed, make_stream, names_on, of, owed, press
from tests.people import READS, App, Tokens, World, hosted, make_person

pytestmark = pytest.mark.covers("screen:A10")

CHATGPT_OF_BOB = "ChatGPT of bob@example.com"
CHATGPT_OF_ALICE = "ChatGPT of alice@example.com"
CLAUDE_OF_BOB = "Claude of bob@example.com"


@pytest.fixture
def claude(db: None) -> App:
    return App.register("Claude", "https://claude.ai/callback")


@pytest.fixture
def held(world: World, chatgpt: App, claude: App) -> dict[str, Tokens]:
    """Bob with both apps and alice with one at acme; one of alice's elsewhere. Alice is signed in."""
    found = {
        CHATGPT_OF_BOB: world.connect(world.bob, chatgpt, resource=hosted("acme"), scope=f"{READS} links.write"),
        CLAUDE_OF_BOB: world.connect(world.bob, claude, resource=hosted("acme")),
        CHATGPT_OF_ALICE: world.connect(world.alice, chatgpt, resource=hosted("acme")),
        "elsewhere": world.connect(world.alice, chatgpt, resource=hosted("globex")),
    }
    world.alice.sign_in()
    return found


def live(world: World, held: dict[str, Tokens]) -> list[str]:
    return [name for name, tokens in held.items() if world.asker.is_active(tokens.access)]


def without(held: dict[str, Tokens], *names: str) -> list[str]:
    return [name for name in held if name not in names]


def entry_of(app: App) -> str:
    return f"fingerprint:{Client.objects.get(client_id=app.client_id).fingerprint}"


# --- Finding


def test_everybodys_connections_to_the_handle_are_listed_and_no_others(world: World, held: dict[str, Tokens]) -> None:
    assert listed(world.alice) == [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB]
    words = words_of(world.alice.http.get(CONNECTIONS))
    assert "3 connections" in words
    assert "Read, Change" in words
    assert "Never used" in words
    assert "Unverified" in words


def test_what_has_ended_is_not_listed(world: World, held: dict[str, Tokens], chatgpt: App) -> None:
    chatgpt.revoke(held[CHATGPT_OF_BOB].refresh or "")
    assert CHATGPT_OF_BOB not in listed(world.alice)


SEARCHES = {
    "q=bob": [CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "q=BOB@EXAMPLE.com": [CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "q=claude": [CLAUDE_OF_BOB],
    "q=globex": [],
    "q=%25": [],
    "q=%00": [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "order=oldest": [CHATGPT_OF_BOB, CLAUDE_OF_BOB, CHATGPT_OF_ALICE],
    "order=nonsense": [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "status=live": [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "status=paused": [],
    "status=unused": [],
    "status=nonsense": [],
    "app=nonsense": [],
    "app=fingerprint:": [],
    "app=client_id:%00x": [],
    "person=nonsense": [],
    "after=nonsense": [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    f"after=-{'9' * 20}.{'0' * 32}": [CHATGPT_OF_ALICE, CLAUDE_OF_BOB, CHATGPT_OF_BOB],
    "q=" + "x" * 5000: [],
}


def test_a_search_finds_what_it_asks_for(world: World, held: dict[str, Tokens]) -> None:
    assert {query: listed(world.alice, query) for query in SEARCHES} == SEARCHES


def test_the_list_is_filtered_by_person_and_by_app(world: World, held: dict[str, Tokens], chatgpt: App) -> None:
    assert listed(world.alice, f"person={world.bob.user.pk}") == [CLAUDE_OF_BOB, CHATGPT_OF_BOB]
    assert listed(world.alice, f"app={entry_of(chatgpt)}") == [CHATGPT_OF_ALICE, CHATGPT_OF_BOB]
    assert listed(world.alice, f"app={entry_of(chatgpt)}&person={world.bob.user.pk}") == [CHATGPT_OF_BOB]


def test_a_person_who_has_nothing_here_is_not_named(world: World, held: dict[str, Tokens]) -> None:
    page = world.alice.http.get(f"{CONNECTIONS}?person={world.carol.user.pk}")
    assert names_on(page) == []
    assert "carol" not in page.content.decode()


def test_what_was_not_used_for_ninety_days_says_so(world: World, held: dict[str, Tokens]) -> None:
    long_ago = timezone.now() - policy.UNUSED_BADGE_AFTER - timedelta(days=1)
    bobs = of(world, held[CHATGPT_OF_BOB].access)
    Connection.objects.filter(pk=bobs.pk).update(created_at=long_ago, last_used_at=long_ago)
    assert listed(world.alice, "status=unused") == [CHATGPT_OF_BOB]
    world.asker.knows(held[CLAUDE_OF_BOB].access)
    assert listed(world.alice, "order=used") == [CLAUDE_OF_BOB, CHATGPT_OF_BOB, CHATGPT_OF_ALICE]
    assert "Unused for 90 days" in words_of(world.alice.http.get(f"{CONNECTIONS}?status=unused"))


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        ("membership", "This person is no member any more."),
        ("account", "This person's account is closed."),
        ("client", "The people who run this server blocked this app."),
        ("rule", "Your handle does not let this app in."),
    ],
)
def test_a_connection_that_is_refused_says_why(
    world: World, held: dict[str, Tokens], chatgpt: App, loss: str, why: str
) -> None:
    if loss == "membership":
        leave(world.bob, "acme")
    elif loss == "account":
        type(world.bob.user).objects.filter(email="bob@example.com").update(is_active=False)
    elif loss == "client":
        Client.objects.filter(client_id=chatgpt.client_id).update(is_active=False)
    else:
        acme = Handle.objects.get(slug="acme")
        ClientRule.objects.create(handle=acme, kind="client_id", value=chatgpt.client_id, decision="block")
    words = words_of(world.alice.http.get(f"{CONNECTIONS}?person={world.bob.user.pk}&app={entry_of(chatgpt)}"))
    assert "Refused now" in words
    assert why in words
    assert not world.asker.is_active(held[CHATGPT_OF_BOB].access)


@pytest.mark.parametrize("order", listing.ORDERS)
def test_pages_by_key_show_each_connection_once(
    world: World, held: dict[str, Tokens], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CONNECTIONS_PAGE", 2)
    if order in ("used", "unused"):
        world.asker.knows(held[CLAUDE_OF_BOB].access)
    first = world.alice.http.get(f"{CONNECTIONS}?order={order}")
    second = world.alice.http.get(first.context["page"]["next"])
    assert len(names_on(first)) == 2
    assert sorted(names_on(first) + names_on(second)) == sorted(without(held, "elsewhere"))
    assert second.context["page"]["next"] == ""
    assert "First page" in words_of(second)


def test_what_comes_while_somebody_turns_pages_moves_nothing(
    world: World, held: dict[str, Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CONNECTIONS_PAGE", 2)
    first = world.alice.http.get(CONNECTIONS)
    world.connect(world.alice, App.register("Newest"), resource=hosted("acme"))
    assert names_on(world.alice.http.get(first.context["page"]["next"])) == [CHATGPT_OF_BOB]


def test_more_connections_cost_no_more_queries(
    world: World, held: dict[str, Tokens], django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    world.alice.http.get(CONNECTIONS)
    with django_assert_max_num_queries(20) as few:
        world.alice.http.get(CONNECTIONS)
    acme, before = Handle.objects.get(slug="acme"), Connection.objects.first()
    assert before is not None
    for number in range(30):
        person = make_person(f"person{number}@example.com").user
        Membership.objects.create(handle=acme, user=person, role="member")
        Connection.objects.create(
            user=person,
            client=before.client,
            handle=acme,
            protected_resource=before.protected_resource,
            resource=before.resource,
            scopes="mcp.connect links.read",
        )
    with django_assert_num_queries(len(few.captured_queries)):
        page = world.alice.http.get(CONNECTIONS)
    assert len(names_on(page)) == 33


# --- Pausing and withholding


def test_a_paused_connection_is_refused_until_it_is_resumed(world: World, held: dict[str, Tokens]) -> None:
    page = press(world.alice, f"Pause {CHATGPT_OF_BOB}")
    assert f"{CHATGPT_OF_BOB} is paused until an admin resumes it. It holds everywhere at once" in words_of(page)
    assert live(world, held) == without(held, CHATGPT_OF_BOB)
    assert "Paused by an admin of the handle" in words_of(page)
    assert listed(world.alice, "status=paused") == [CHATGPT_OF_BOB]
    page = press(world.alice, f"Resume {CHATGPT_OF_BOB}")
    assert f"{CHATGPT_OF_BOB} is resumed" in words_of(page)
    assert live(world, held) == list(held)
    tags = Event.objects.filter(tag__in=["connection:paused", "connection:resumed"]).order_by("pk")
    assert [(each.tag, each.actor, each.actor_id) for each in tags] == [
        ("connection:paused", "person", str(world.alice.user.pk)),
        ("connection:resumed", "person", str(world.alice.user.pk)),
    ]


@pytest.mark.parametrize("who", ["person", "administrator"])
def test_what_somebody_else_paused_is_not_the_handles_to_resume(
    world: World, held: dict[str, Tokens], who: str
) -> None:
    bobs = of(world, held[CHATGPT_OF_BOB].access)
    Connection.objects.filter(pk=bobs.pk).update(paused_at=timezone.now(), paused_by=who)
    assert not has_button(world.alice, f"Resume {CHATGPT_OF_BOB}")
    assert not has_button(world.alice, f"Pause {CHATGPT_OF_BOB}")
    for act in ("pause", "resume"):
        page = world.alice.http.post(f"{CONNECTIONS}/{bobs.pk}/{act}", follow=True)
        assert "paused" in words_of(page)
    assert Connection.objects.get(pk=bobs.pk).paused_by == who


def withhold(world: World, held: dict[str, Tokens], *kept: str) -> Any:
    """Leave only these boxes ticked on the page of bob's ChatGPT."""
    page = world.alice.http.get(f"{CONNECTIONS}/{of(world, held[CHATGPT_OF_BOB].access).pk}")
    return press(world.alice, "Save what it may do", page, scope=list(kept))  # type: ignore[arg-type]


def test_a_withheld_scope_is_gone_at_the_next_request_and_comes_back(world: World, held: dict[str, Tokens]) -> None:
    bobs = held[CHATGPT_OF_BOB].access
    page = world.alice.http.get(f"{CONNECTIONS}/{of(world, bobs).pk}")
    assert "@acme lets ChatGPT" in words_of(page)
    assert "What you untick stops with the next request, although bob@example.com allowed it" in words_of(page)
    answer = withhold(world, held, "skills.read", "links.read")
    assert "It holds everywhere at once" in words_of(answer)
    assert world.asker.knows(bobs)["scope"] == READS
    withhold(world, held, "skills.read", "links.read", "links.write")
    assert world.asker.knows(bobs)["scope"] == f"{READS} links.write"
    changes = Event.objects.filter(tag__in=["connection:narrowed", "connection:widened"]).order_by("pk")
    assert list(changes.values_list("tag", flat=True)) == ["connection:narrowed", "connection:widened"]


def test_a_person_cannot_allow_what_the_handle_withholds(world: World, held: dict[str, Tokens], chatgpt: App) -> None:
    withhold(world, held, "skills.read", "links.read")
    again = world.connect(world.bob, chatgpt, resource=hosted("acme"), scope=f"{READS} links.write")
    assert world.asker.knows(again.access)["scope"] == READS


def test_the_required_scope_cannot_be_withheld(world: World, held: dict[str, Tokens]) -> None:
    withhold(world, held)
    assert "mcp.connect" in world.asker.knows(held[CHATGPT_OF_BOB].access)["scope"].split()


def test_saving_what_is_so_already_says_that_nothing_changed(world: World, held: dict[str, Tokens]) -> None:
    answer = withhold(world, held, "skills.read", "links.read", "links.write")
    assert "Nothing was changed." in words_of(answer)


def test_what_a_connection_gained_while_the_page_was_open_is_not_withheld(
    world: World, held: dict[str, Tokens], chatgpt: App
) -> None:
    bobs = of(world, held[CLAUDE_OF_BOB].access)
    page = world.alice.http.get(f"{CONNECTIONS}/{bobs.pk}")
    Connection.objects.filter(pk=bobs.pk).update(scopes=f"{READS} links.write")
    press(world.alice, "Save what it may do", page)
    assert Connection.objects.get(pk=bobs.pk).withheld_scopes == ""


# --- Ending


def test_one_connection_ends_after_a_page_in_between(world: World, held: dict[str, Tokens]) -> None:
    page = press(world.alice, f"Disconnect {CHATGPT_OF_BOB} from @acme")
    assert "Disconnect ChatGPT of bob@example.com from @acme?" in words_of(page)
    assert live(world, held) == list(held)
    page = press(world.alice, "Disconnect", page)
    assert f"{CHATGPT_OF_BOB} no longer has access to @acme." in words_of(page)
    assert live(world, held) == without(held, CHATGPT_OF_BOB)
    event = Event.objects.get(tag="connection:revoked")
    assert (event.actor, event.actor_id, event.detail["reason"]) == ("person", str(world.alice.user.pk), "handle_admin")


@pytest.mark.parametrize(
    ("by", "ended", "whose"),
    [
        ("app", [CHATGPT_OF_BOB, CHATGPT_OF_ALICE], "of ChatGPT"),
        ("person", [CHATGPT_OF_BOB, CLAUDE_OF_BOB], "of bob@example.com"),
        ("search", [CHATGPT_OF_BOB, CHATGPT_OF_ALICE], "found by “chat”"),
    ],
)
def test_all_of_an_app_or_of_a_person_end_together(
    world: World, held: dict[str, Tokens], chatgpt: App, by: str, ended: list[str], whose: str
) -> None:
    query = {"app": f"app={entry_of(chatgpt)}", "person": f"person={world.bob.user.pk}", "search": "q=chat"}[by]
    page = press(world.alice, "Disconnect all", world.alice.http.get(f"{CONNECTIONS}?{query}"))
    assert f"Disconnect 2 connections {whose} from @acme?" in words_of(page)
    assert live(world, held) == list(held)
    page = press(world.alice, "Disconnect 2", page)
    assert f"2 connections {whose} to @acme ended." in words_of(page)
    assert live(world, held) == without(held, *ended)


def test_all_end_together_and_other_handles_notice_nothing(world: World, held: dict[str, Tokens]) -> None:
    page = press(world.alice, "Disconnect all")
    assert "3 connections of 2 people end" in words_of(page)
    page = press(world.alice, "Disconnect 3", page)
    assert "3 connections to @acme ended." in words_of(page)
    assert live(world, held) == ["elsewhere"]


def test_a_list_that_grew_meanwhile_is_shown_again(world: World, held: dict[str, Tokens]) -> None:
    page = press(world.alice, "Disconnect all")
    newest = world.connect(world.alice, App.register("Newest"), resource=hosted("acme"))
    again = press(world.alice, "Disconnect 3", page)
    assert "The list changed while you read it. Nothing has ended yet." in words_of(again)
    assert live(world, held) == list(held)
    assert world.asker.is_active(newest.access)
    press(world.alice, "Disconnect 4", again)
    assert live(world, held) == ["elsewhere"]
    assert not world.asker.is_active(newest.access)


@pytest.mark.parametrize("count", ["", "2", "4", "03", "three", "-3"])
def test_another_count_ends_nothing(world: World, held: dict[str, Tokens], count: str) -> None:
    page = press(world.alice, "Disconnect all")
    press(world.alice, "Disconnect 3", page, count=count)
    assert live(world, held) == list(held)


def test_a_second_press_finds_nothing_left(world: World, held: dict[str, Tokens], chatgpt: App) -> None:
    page = press(world.alice, "Disconnect all", world.alice.http.get(f"{CONNECTIONS}?app={entry_of(chatgpt)}"))
    press(world.alice, "Disconnect 2", page)
    assert "Nothing is left to disconnect" in words_of(press(world.alice, "Disconnect 2", page))


def test_many_end_in_batches_that_say_how_many(
    world: World, held: dict[str, Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ENDED_AT_ONCE_MAX", 2)
    page = press(world.alice, "Disconnect all")
    assert "2 end at a time" in words_of(page)
    page = press(world.alice, "Disconnect 2", page)
    assert "2 connections ended. 1 is left." in words_of(page)
    assert len(live(world, held)) == 2
    page = press(world.alice, "Disconnect 1", page)
    assert "1 connection to @acme ended." in words_of(page)
    assert live(world, held) == ["elsewhere"]


def test_servers_that_remember_answers_are_told_of_each_act(world: World, held: dict[str, Tokens]) -> None:
    stream = make_stream(world.asker.id)
    bobs = str(of(world, held[CHATGPT_OF_BOB].access).pk)
    subject = {"format": "complex", "session": {"format": "opaque", "id": bobs}}
    withhold(world, held, "skills.read")
    press(world.alice, f"Pause {CHATGPT_OF_BOB}")
    press(world.alice, f"Resume {CHATGPT_OF_BOB}")
    press(world.alice, "Disconnect", press(world.alice, f"Disconnect {CHATGPT_OF_BOB} from @acme"))
    for tag in ("connection:narrowed", "connection:paused", "connection:resumed", "connection:revoked"):
        assert owed(stream, tag) == [subject], tag


# --- Overview


def test_the_overview_counts(world: World, held: dict[str, Tokens]) -> None:
    press(world.alice, f"Pause {CHATGPT_OF_BOB}")
    words = words_of(world.alice.http.get("/handles/acme"))
    assert "3 connections of 2 people, 1 of them paused" in words
    assert "2 apps" in words


def test_a_member_who_becomes_admin_sees_the_pages_at_once(world: World, held: dict[str, Tokens]) -> None:
    world.bob.sign_in()
    assert world.bob.http.get(CONNECTIONS).status_code == 404
    set_role(world.bob, "acme", "admin")
    assert len(listed(world.bob)) == 3
    set_handle("acme", status="suspended")
    assert world.bob.http.get(CONNECTIONS).status_code == 404
