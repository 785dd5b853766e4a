"""Who asks, as every page tells of a client."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from authserver.models import Client, Connection
from authserver.protocol import client_ids

UNVERIFIED = "unverified"


@dataclass(frozen=True)
class ClientView:
    name: str
    monogram: str
    badge: str
    proof_host: str
    verified_note: str
    client_id: str
    website_url: str
    website_host: str
    policy_url: str
    policy_host: str
    terms_url: str
    terms_host: str
    is_changed: bool
    changed_from: str


def badge_of(client: Client) -> str:
    """Return who vouches for a client: an administrator, the host of its id, or nobody."""
    if client.is_verified:
        return "verified"
    return "document" if client.has_document else UNVERIFIED


def _verified_note(client: Client) -> str:
    """Say who verified a client and when; of one verified before that was kept, who."""
    if not client.is_verified:
        return ""
    if client.verified_at is None:
        return _("Checked by the people who run this server.")
    day = date_format(client.verified_at, "DATE_FORMAT")
    return _("Checked by the people who run this server on %(day)s.") % {"day": day}


def client_view(client: Client, *, allowed: Connection | None = None) -> ClientView:
    """Return what is told of a client; `allowed` is the connection that shows what it was when it was allowed last."""
    known = allowed.client_metadata_digest if allowed else ""
    return ClientView(
        name=client.name,
        monogram=next((letter for letter in client.name if letter.isalnum()), "?").upper(),
        badge=badge_of(client),
        proof_host=client_ids.host_of(client.client_id) if client.has_document else "",
        verified_note=_verified_note(client),
        client_id=client.client_id,
        website_url=client.website_url,
        website_host=urlsplit(client.website_url).netloc,
        policy_url=client.policy_url,
        policy_host=urlsplit(client.policy_url).netloc,
        terms_url=client.terms_url,
        terms_host=urlsplit(client.terms_url).netloc,
        is_changed=bool(known) and known != client.metadata_digest,
        changed_from=allowed.client_name if allowed and allowed.client_name != client.name else "",
    )
