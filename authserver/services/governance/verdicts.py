"""Which clients a handle lets in, asked live. Reads only; `decisions` has the acts."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from authserver.models import Client, ClientPolicy, ClientRule, Connection
from authserver.protocol import governance
from authserver.protocol.governance import Entry, Facts, Kind, Verdict
from handles.models import Handle

SELF_REGISTERED = Client.RegistrationSource.DCR


def facts_of(client: Client) -> Facts:
    """Return what the rules need to know of a client. Only what registered itself is known by its fingerprint."""
    own = client.registration_source == SELF_REGISTERED
    return Facts(client.client_id, client.fingerprint if own else "", client.is_verified)


def entry_of(client: Client) -> Entry:
    """Return the entry under which a handle lists this client."""
    return facts_of(client).entry


def clients_of(entry: Entry) -> dict[str, str]:
    """Return the filter of the clients that an entry speaks of, as keyword arguments of a query for clients."""
    if entry.kind == Kind.FINGERPRINT:
        return {"fingerprint": entry.value, "registration_source": SELF_REGISTERED.value}
    return {"client_id": entry.value}


def verdicts_for(handles: Iterable[Handle], client: Client) -> dict[UUID, Verdict]:
    """Return what each of these handles says of one client now, by the handle's id; two queries for all of them."""
    ids = [handle.pk for handle in handles]
    facts = facts_of(client)
    modes = dict(ClientPolicy.objects.filter(handle__in=ids).values_list("handle", "mode"))
    words: dict[UUID, dict[Entry, str]] = defaultdict(dict)
    rules = ClientRule.objects.filter(handle__in=ids, value__in=[entry.value for entry in facts.entries])
    for handle_id, kind, value, decision in rules.values_list("handle", "kind", "value", "decision"):
        words[handle_id][Entry(kind, value)] = decision
    return {pk: governance.verdict_on(facts, mode=modes.get(pk), words=words[pk]) for pk in ids}


def words_of(handle: Handle) -> dict[Entry, str]:
    """Return all that a handle has said of single clients."""
    rules = ClientRule.objects.filter(handle=handle).values_list("kind", "value", "decision")
    return {Entry(kind, value): decision for kind, value, decision in rules}


def verdict_for(handle: Handle, client: Client) -> Verdict:
    """Return what this handle says of this client now."""
    return verdicts_for([handle], client)[handle.pk]


def live_connections(handle: Handle, entry: Entry) -> list[Connection]:
    """Return the live connections at a handle of the clients that an entry speaks of, everybody's."""
    clients = {f"client__{name}": value for name, value in clients_of(entry).items()}
    rows = Connection.objects.filter(handle=handle, ended_at=None, **clients)
    return list(rows.select_related("client", "handle", "user").order_by("-created_at"))
