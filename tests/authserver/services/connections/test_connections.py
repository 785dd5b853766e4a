"""The life of a connection: approved, exchanged, ended. Refreshing has a file of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Client, Connection, Event, RefreshToken
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal
from authserver.services import catalog, connections, registration
from authserver.services.connections import EndReason, Issued
from handles.models import Handle
from tests.authserver.services.conftest import NOW, READS, Approving, approve, exchange, issued, reason, refresh
from tests.people import App, World, hosted

SECOND = timedelta(seconds=1)
LIFETIME = policy.AUTHORIZATION_CODE_LIFETIME


def other_client() -> Client:
    return Client.objects.get(client_id=App.register("Other").client_id)


# --- Codes: no


def test_an_unknown_code_is_refused(pair: Issued, client_row: Client) -> None:
    assert reason(exchange("unknown", client_row)) == "code:unknown"


def test_a_code_of_another_client_is_refused_and_stays_usable(approval: Approving, client_row: Client) -> None:
    code = approve(approval())
    assert reason(exchange(code, other_client())) == "code:foreign_client"
    assert issued(exchange(code, client_row))


def test_a_code_ends_with_its_minute_to_the_second(approval: Approving, client_row: Client) -> None:
    one, other = approve(approval()), approve(approval())
    assert issued(exchange(one, client_row, NOW + LIFETIME - SECOND))
    assert reason(exchange(other, client_row, NOW + LIFETIME)) == "code:expired"


def test_a_code_seen_twice_ends_the_connection_whenever_it_comes(approval: Approving, client_row: Client) -> None:
    code = approve(approval())
    held = issued(exchange(code, client_row))
    assert reason(exchange(code, client_row, NOW + timedelta(days=20))) == "code:replayed"
    assert Connection.objects.get().end_reason == EndReason.CODE_REPLAY
    assert reason(refresh(held.refresh_token, client_row)) == "connection:ended_code_replay"


def test_a_replayed_code_of_an_ended_connection_is_refused_and_ends_nothing_twice(
    approval: Approving, client_row: Client
) -> None:
    code = approve(approval())
    exchange(code, client_row)
    exchange(code, client_row)
    assert reason(exchange(code, client_row)) == "code:replayed"
    assert Event.objects.filter(tag="connection:revoked").count() == 1


def test_a_replayed_code_leaves_other_connections_alone(approval: Approving, client_row: Client) -> None:
    code = approve(approval())
    exchange(code, client_row)
    other = issued(exchange(approve(approval(handle=Handle.objects.get(slug="globex"))), client_row))
    exchange(code, client_row)
    assert issued(refresh(other.refresh_token, client_row))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: Client.objects.filter(pk=c.client_id).update(is_active=False), "client:blocked"),
        (lambda c: c.protected_resource.__class__.objects.update(is_active=False), "resource:withdrawn"),
        (lambda c: c.user.memberships.all().delete(), "person:may_not_act_for_handle"),
        (lambda c: Handle.objects.update(status="suspended"), "person:may_not_act_for_handle"),
        (lambda c: c.user.__class__.objects.update(is_active=False), "person:may_not_act_for_handle"),
        (lambda c: connections.revoke(c, reason=EndReason.PERSON, now=NOW), "connection:ended_person"),
    ],
)
def test_nothing_is_issued_under_a_connection_that_does_not_work(
    approval: Approving, client_row: Client, change, expected: str
) -> None:
    code = approve(approval())
    change(Connection.objects.get())
    assert reason(exchange(code, client_row)) == expected
    assert not AccessToken.objects.exists()


def test_every_dead_code_is_publicly_the_same(approval: Approving, client_row: Client) -> None:
    code, late = approve(approval()), approve(approval())
    exchange(code, client_row)
    dead = [
        exchange("unknown", client_row),
        exchange(late, other_client()),
        exchange(late, client_row, NOW + LIFETIME),
        exchange(code, client_row),
    ]
    assert {(each.code, each.description) for each in dead if isinstance(each, Refusal)} == {
        ("invalid_grant", "The code or refresh token is not valid. Start the authorization again.")
    }


# --- Approving


def test_the_same_page_allowed_twice_replaces_the_code(approval: Approving, client_row: Client) -> None:
    page = approval()
    first, second = approve(page), approve(page)
    assert reason(exchange(first, client_row)) == "code:unknown"
    assert issued(exchange(second, client_row))
    assert AuthorizationCode.objects.count() == 1


def test_the_same_page_allowed_again_after_its_code_was_fetched_is_refused_and_changes_nothing(
    approval: Approving, client_row: Client
) -> None:
    page = approval()
    exchange(approve(page), client_row)
    events = Event.objects.count()
    wider = approval(consent_id=page.consent_id, wanted=(*READS, "links.write"), granted=(*READS, "links.write"))
    assert reason(connections.approve(wider, now=NOW)) == "consent:answered"
    elsewhere = approval(consent_id=page.consent_id, handle=Handle.objects.get(slug="globex"))
    assert reason(connections.approve(elsewhere, now=NOW)) == "consent:answered"
    assert Connection.objects.get().scopes == " ".join(READS)
    assert Event.objects.count() == events


def test_the_same_page_allowed_for_another_handle_ends_what_nobody_holds(
    approval: Approving, client_row: Client
) -> None:
    page = approval()
    approve(page)
    approve(approval(consent_id=page.consent_id, handle=Handle.objects.get(slug="globex")))
    left = Connection.objects.get(handle__slug="acme")
    assert left.end_reason == EndReason.UNUSED
    assert Connection.objects.get(handle__slug="globex").is_live


def test_the_same_page_allowed_for_another_handle_keeps_a_connection_that_is_held(
    approval: Approving, pair: Issued, client_row: Client
) -> None:
    page = approval()
    approve(page)
    approve(approval(consent_id=page.consent_id, handle=Handle.objects.get(slug="globex")))
    assert Connection.objects.get(handle__slug="acme").is_live
    assert issued(refresh(pair.refresh_token, client_row))


def test_a_second_approval_grows_the_connection_and_keeps_what_it_does_not_mention(
    approval: Approving, pair: Issued
) -> None:
    later = NOW + timedelta(days=1)
    approve(approval(wanted=("mcp.connect", "links.write"), granted=("mcp.connect", "links.write")), later)
    connection = Connection.objects.get()
    assert connection.scopes == "mcp.connect skills.read links.read links.write"
    assert (connection.created_at, connection.approved_at) == (NOW, later)


def test_a_second_approval_takes_away_what_was_unticked(approval: Approving, pair: Issued) -> None:
    approve(approval(granted=("mcp.connect",)))
    assert Connection.objects.get().scopes == "mcp.connect"


def test_each_resource_has_a_connection_of_its_own(approval: Approving) -> None:
    approve(approval())
    approve(approval(target=catalog.target_of(hosted("acme"))))
    assert Connection.objects.count() == 2
    assert {row.protected_resource.kind for row in Connection.objects.all()} == {"gateway", "hosted"}


def test_an_ended_connection_is_not_revived_by_approving(approval: Approving, pair: Issued, client_row: Client) -> None:
    ended = Connection.objects.get()
    connections.revoke(ended, reason=EndReason.PERSON, now=NOW)
    approve(approval(granted=("mcp.connect",)))
    assert Connection.objects.count() == 2
    assert Connection.objects.get(ended_at=None).scopes == "mcp.connect"
    assert reason(refresh(pair.refresh_token, client_row)) == "connection:ended_person"


def test_the_database_itself_refuses_a_second_live_connection(approval: Approving) -> None:
    approve(approval())
    live = Connection.objects.get()
    live.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.bulk_create([Connection(**{f.attname: getattr(live, f.attname) for f in live._meta.fields})])


# --- What is kept


def test_only_digests_are_kept(approval: Approving, client_row: Client) -> None:
    code = approve(approval())
    held = issued(exchange(code, client_row))
    assert bytes(AuthorizationCode.objects.get().digest) == credentials.digest(code)
    assert bytes(AccessToken.objects.get().digest) == credentials.digest(held.access_token)
    assert bytes(RefreshToken.objects.get().digest) == credentials.digest(held.refresh_token or "")


def test_no_secret_shows_in_a_representation(approval: Approving, pair: Issued) -> None:
    shown = repr(pair) + repr(list(AccessToken.objects.all())) + repr(list(RefreshToken.objects.all()))
    assert pair.access_token not in shown
    assert (pair.refresh_token or "") not in shown


def test_the_answer_of_a_pair_counts_whole_seconds_and_never_below_zero(pair: Issued) -> None:
    assert pair.body(NOW)["expires_in"] == 600
    assert pair.body(NOW + timedelta(milliseconds=1))["expires_in"] == 599
    assert pair.body(NOW + timedelta(hours=1))["expires_in"] == 0
    assert pair.body(NOW)["scope"] == " ".join(READS)


def test_a_client_that_may_not_refresh_gets_no_refresh_token(approval: Approving, client_row: Client) -> None:
    client_row.may_refresh = False
    client_row.save()
    held = issued(exchange(approve(approval()), client_row))
    assert held.refresh_token is None
    assert "refresh_token" not in held.body(NOW)


# --- Ending


def test_ending_twice_keeps_the_first_reason_and_time(pair: Issued) -> None:
    connection = Connection.objects.get()
    assert connections.revoke(connection, reason=EndReason.PERSON, now=NOW)
    assert not connections.revoke(connection, reason=EndReason.ADMINISTRATOR, now=NOW + SECOND)
    connection.refresh_from_db()
    assert (connection.end_reason, connection.ended_at) == (EndReason.PERSON, NOW)


def test_many_are_ended_and_those_that_were_live_counted(approval: Approving, world: World) -> None:
    for slug in ("acme", "globex"):
        approve(approval(handle=Handle.objects.get(slug=slug)))
    rows = list(Connection.objects.all())
    connections.revoke(rows[0], reason=EndReason.CLIENT, now=NOW)
    by = world.admin.user
    assert connections.revoke_all(rows, reason=EndReason.ADMINISTRATOR, now=NOW, by=by, note="tidying") == 1


@pytest.mark.parametrize("token", ["", "x", "mcprt_" + "0" * 49, "\ud800"])
def test_an_unknown_token_ends_nothing(pair: Issued, client_row: Client, token: str) -> None:
    assert not connections.revoke_by_token(token, client=client_row, now=NOW)
    assert Connection.objects.get().is_live


def test_another_client_s_token_ends_nothing(pair: Issued) -> None:
    for token in (pair.access_token, pair.refresh_token or ""):
        assert not connections.revoke_by_token(token, client=other_client(), now=NOW)
    assert Connection.objects.get().is_live


def test_a_token_that_has_run_out_still_ends_its_connection(pair: Issued, client_row: Client) -> None:
    assert connections.revoke_by_token(pair.access_token, client=client_row, now=NOW + timedelta(days=90))
    assert not Connection.objects.get().is_live


def test_deleting_a_client_ends_its_connections_and_keeps_its_name(pair: Issued, client_row: Client) -> None:
    registration.delete(client_row, now=NOW)
    assert Connection.objects.get().end_reason == EndReason.CLIENT_DELETED
    assert Client.objects.get(pk=client_row.pk).name == "ChatGPT"


@pytest.mark.parametrize(
    ("passed", "ends"),
    [
        (timedelta(0), False),
        (policy.ACCESS_TOKEN_LIFETIME, False),
        (policy.REFRESH_TOKEN_IDLE_LIFETIME - SECOND, False),
        (policy.REFRESH_TOKEN_IDLE_LIFETIME, True),
    ],
)
def test_a_connection_ends_by_itself_only_once_nobody_holds_anything(
    pair: Issued, passed: timedelta, ends: bool
) -> None:
    pk = Connection.objects.get().pk
    assert connections.end_if_nobody_holds_it(pk, now=NOW + passed) is ends
    assert Connection.objects.get().is_live is not ends


def test_a_code_on_its_way_holds_a_connection_for_its_minute(approval: Approving) -> None:
    approve(approval())
    pk = Connection.objects.get().pk
    assert not connections.end_if_nobody_holds_it(pk, now=NOW + LIFETIME - SECOND)
    assert connections.end_if_nobody_holds_it(pk, now=NOW + LIFETIME)
