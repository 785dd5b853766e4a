"""Clients that changed their documents: told where somebody here relies on the client, so that strangers make no
noise."""

from datetime import datetime

from authserver.models import Alarm, Client, Connection
from authserver.services import corpus
from authserver.services.alarms.ringing import ring

# What members of a document are called that are kept under another name.
MEMBERS = {
    "name": "client_name",
    "auth_method": "token_endpoint_auth_method",
    "also_public": "token_endpoint_auth_methods_supported",
}


def changed(client: Client, fields: list[str], *, now: datetime) -> None:
    """Ring because a client's document changed in these fields: for the well-known ones, the verified ones and those
    with live connections. It closes when an administrator closes it; until then, what changed is added up."""
    known = next((entry.client for entry in corpus.documents() if entry.url == client.client_id), "")
    if not (known or client.is_verified or Connection.objects.filter(client=client, ended_at=None).exists()):
        return
    kind, subject = Alarm.Kind.DOCUMENT_CHANGED, client.client_id
    waiting = Alarm.objects.filter(kind=kind, subject=subject, closed_at=None).first()
    before = waiting.detail.get("changed", []) if waiting else []
    members = sorted({*before, *(MEMBERS.get(name, name) for name in fields)})
    ring(kind, subject, now=now, changed=members, **({"well_known": known} if known else {}))
