"""What admins of a handle decide about clients, and administrators about all of them. `verdicts` has what follows."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import Client, ClientPolicy, ClientRule, Connection, Event
from authserver.protocol import governance
from authserver.protocol.errors import Refusal
from authserver.protocol.governance import Decision, Entry, Mode
from authserver.services import connections, events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.governance import verdicts
from authserver.services.receipts import Subject
from handles.models import Handle

QUEUE_FULL = Refusal("access_denied", "Too many apps wait for this handle already.", "client:queue_full")


@transaction.atomic
def ask(handle: Handle, client: Client, *, by: User) -> ClientRule | Refusal:
    """File a person's wish to connect this client, once for all who wish it, and return the handle's rule on it.

    Registrations of one product are one entry. What was decided already stays decided. Records client:ruled.

    Refuses: access_denied, reason client:queue_full, beyond policy.PENDING_CLIENTS_MAX.
    """
    entry = verdicts.entry_of(client)
    found = _rule(handle, entry)
    if found:
        return found
    waiting = ClientRule.objects.filter(handle=handle, decision=Decision.PENDING).count()
    if waiting >= policy.PENDING_CLIENTS_MAX:
        return QUEUE_FULL
    rule, is_new = ClientRule.objects.get_or_create(
        handle=handle,
        kind=entry.kind,
        value=entry.value,
        defaults={"client_name": client.name, "decision": Decision.PENDING, "asked_by": by},
    )
    if is_new:
        _record(rule, by=by, client=client)
    return rule


@transaction.atomic
def decide(
    handle: Handle, entry: Entry, decision: Decision, *, by: User, now: datetime, client_name: str = ""
) -> ClientRule:
    """Allow or block what an entry speaks of at this handle; it holds from the next question on.

    A block ends no connection: where it is lifted, those who kept their tokens work again. Records client:ruled, unless
    it was decided so before.
    """
    before = _rule(handle, entry)
    if before and before.decision == decision:
        return before
    client = Client.objects.filter(**verdicts.clients_of(entry)).order_by("-pk").first()
    name = client.name if client else client_name
    rule, _ = ClientRule.objects.update_or_create(
        handle=handle,
        kind=entry.kind,
        value=entry.value,
        defaults={"decision": decision, "decided_at": now} | ({"client_name": name} if name else {}),
    )
    event = _record(rule, by=by, client=client)
    receipts.claims_changed(Subject(handle=handle), event=event, now=now)
    return rule


def _rule(handle: Handle, entry: Entry) -> ClientRule | None:
    return ClientRule.objects.filter(handle=handle, kind=entry.kind, value=entry.value).first()


def _record(rule: ClientRule, *, by: User, client: Client | None) -> Event:
    return events.record(
        Tag.CLIENT_RULED,
        actor=Actor.PERSON,
        by=by,
        client=client,
        handle=rule.handle.slug,
        decision=rule.decision,
        kind=rule.kind,
        value=rule.value,
    )


@transaction.atomic
def set_policy(handle: Handle, mode: Mode, *, by: User, now: datetime) -> None:
    """Set what a handle does about clients that it has no rule for; it holds from the next question on.

    Only `ask` looks back: clients that are let in and have live connections get a rule that allows them, so that
    nobody's work stops for a question that was answered. Records client_policy:set, unless it was so before.
    """
    Handle.objects.select_for_update(no_key=True).get(pk=handle.pk)  # two admins, one after the other
    found = ClientPolicy.objects.filter(handle=handle).first()
    before = found.mode if found else Mode.ALL.value
    if before == mode:
        return
    kept = _keep_who_is_in(handle, mode=before, now=now) if mode == Mode.ASK else 0
    ClientPolicy.objects.update_or_create(handle=handle, defaults={"mode": mode})
    event = events.record(
        Tag.CLIENT_POLICY_SET,
        actor=Actor.PERSON,
        by=by,
        handle=handle.slug,
        mode=mode.value,
        before=before,
        kept=kept,
    )
    receipts.claims_changed(Subject(handle=handle), event=event, now=now)


def _keep_who_is_in(handle: Handle, *, mode: str, now: datetime) -> int:
    """Allow the clients that the mode until now lets in and people use; return how many entries that are.

    What it refuses stays out, although its connections stand: they are only waiting to be let in again.
    """
    used = Client.objects.filter(connections__handle=handle, connections__ended_at=None, is_active=True).distinct()
    words = verdicts.words_of(handle)
    names = {
        entry: client.name
        for client in used
        if (entry := governance.entry_to_keep(verdicts.facts_of(client), mode=mode, words=words))
    }
    for entry, name in names.items():
        defaults = {"client_name": name, "decision": Decision.ALLOW, "decided_at": now}
        ClientRule.objects.update_or_create(handle=handle, kind=entry.kind, value=entry.value, defaults=defaults)
    return len(names)


def disconnect_everyone(handle: Handle, entry: Entry, *, by: User, now: datetime) -> int:
    """End every live connection of an entry's clients at this handle, whoever allowed it; return how many ended.

    Other handles are not touched, and nothing keeps a person from connecting again: block the entry for that. Records
    connection:revoked for each.
    """
    found = verdicts.live_connections(handle, entry)
    return connections.revoke_all(found, reason=Connection.EndReason.HANDLE_ADMIN, now=now, by=by)


# --- By administrators, for every handle


@transaction.atomic
def block(client: Client, *, by: User, note: str) -> bool:
    """Refuse a client everywhere, from the next question on; return False where it was blocked already."""
    changed = Client.objects.filter(pk=client.pk, is_active=True).update(is_active=False)
    if changed:
        event = events.record(Tag.CLIENT_BLOCKED, actor=Actor.ADMINISTRATOR, by=by, client=client, note=note[:500])
        receipts.claims_changed(Subject(client=client), event=event, now=event.at)
    return bool(changed)


@transaction.atomic
def unblock(client: Client, *, by: User, note: str) -> bool:
    """Let a blocked client in again; return False where it was not blocked. Records client:unblocked."""
    changed = Client.objects.filter(pk=client.pk, is_active=False).update(is_active=True)
    if changed:
        event = events.record(Tag.CLIENT_UNBLOCKED, actor=Actor.ADMINISTRATOR, by=by, client=client, note=note[:500])
        receipts.claims_changed(Subject(client=client), event=event, now=event.at)
    return bool(changed)


@transaction.atomic
def verify(client: Client, *, by: User, note: str) -> bool:
    """Say on the consent page that an administrator has checked who is behind it; False where it said so already."""
    unverified = Client.objects.filter(pk=client.pk, is_verified=False)
    changed = unverified.update(is_verified=True, verified_at=timezone.now())
    if changed:
        event = events.record(
            Tag.CLIENT_UPDATED, actor=Actor.ADMINISTRATOR, by=by, client=client, change="verified", note=note[:500]
        )
        receipts.claims_changed(Subject(client=client), event=event, now=event.at)
    return bool(changed)
