"""Publishing: a resource server says which tools it has, at some or all of its endpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from authserver.models import ProtectedResource, ResourceServer, Tool
from authserver.protocol import tools as rules
from authserver.protocol.errors import Refusal
from authserver.protocol.tools import publication
from authserver.protocol.tools.publication import Publication
from authserver.services import catalog, events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.tools import manifests

NOT_ITS_OWN = Refusal(
    "invalid_request", "resources names what is no endpoint of this server.", "tools:foreign_resource"
)


@dataclass(frozen=True)
class Published:
    """What stands at one endpoint: the tools of the server that asks, and a digest of all that are there."""

    endpoint: ProtectedResource
    tools: tuple[rules.Tool, ...]
    digest: str


@transaction.atomic
def publish(wanted: Publication, server: ResourceServer, *, now: datetime) -> list[Published] | Refusal:
    """Replace what this server has published at the endpoints that it names; return what stands there then.

    Where nothing differs, nothing happens. Otherwise the endpoint's version rises by one, tools:published is recorded,
    and every remembered answer about the endpoint is told to be asked for again.

    Refuses: invalid_request, where an endpoint is named that is not the server's own.
    """
    # Endpoints are locked, in one order: of two who publish at the same moment, the second sees what the first wrote.
    # Not against those who only refer to them, as each new connection does.
    rows = list(server.resources.select_for_update(of=("self",), no_key=True).order_by("pk"))
    endpoints = [row for row in rows if wanted.resources is None or _is_named(row, wanted.resources)]
    known = {name for row in rows for name in _names(row)}
    if not endpoints or not known.issuperset(wanted.resources or ()):
        return NOT_ITS_OWN
    for endpoint in endpoints:
        _replace(endpoint, server, wanted.tools, now)
    return [_published(endpoint, server) for endpoint in endpoints]


def published_by(server: ResourceServer) -> list[Published]:
    """Return what stands at each endpoint of this server."""
    return [_published(endpoint, server) for endpoint in server.resources.order_by("pk")]


def _names(endpoint: ProtectedResource) -> tuple[str, str]:
    return endpoint.kind, catalog.address_of(endpoint)


def _is_named(endpoint: ProtectedResource, names: Iterable[str]) -> bool:
    return any(name in names for name in _names(endpoint))


def _replace(endpoint: ProtectedResource, server: ResourceServer, wanted: Sequence[rules.Tool], now: datetime) -> None:
    before = manifests.of_server(endpoint, server)
    version = endpoint.tools_version + 1
    tools = publication.dated(wanted, before, version=version)
    if tools == before:
        return
    Tool.objects.filter(protected_resource=endpoint, resource_server=server).delete()
    Tool.objects.bulk_create(_row(tool, number, endpoint, server) for number, tool in enumerate(tools))
    endpoint.tools_version, endpoint.tools_published_at = version, now
    endpoint.save(update_fields=["tools_version", "tools_published_at"])
    _tell(endpoint, server, before=before, tools=tools, now=now)


def _row(tool: rules.Tool, number: int, endpoint: ProtectedResource, server: ResourceServer) -> Tool:
    return Tool(
        protected_resource=endpoint,
        resource_server=server,
        name=tool.name,
        title=tool.title,
        description=tool.description,
        scopes=" ".join(sorted(tool.scopes)),
        is_read_only=tool.is_read_only,
        is_destructive=tool.is_destructive,
        is_open_world=tool.is_open_world,
        since=tool.since,
        position=number,
    )


def _tell(
    endpoint: ProtectedResource,
    server: ResourceServer,
    *,
    before: Sequence[rules.Tool],
    tools: Sequence[rules.Tool],
    now: datetime,
) -> None:
    names = {tool.name for tool in tools}
    event = events.record(
        Tag.TOOLS_PUBLISHED,
        actor=Actor.SYSTEM,
        resource=str(endpoint.pk),
        resource_server=str(server.pk),
        version=endpoint.tools_version,
        digest=manifests.digest_of(endpoint),
        tools=len(tools),
        new=sum(tool.since == endpoint.tools_version for tool in tools),
        gone=sum(tool.name not in names for tool in before),
    )
    receipts.claims_changed(Subject(resource=endpoint), event=event, now=now)


def _published(endpoint: ProtectedResource, server: ResourceServer) -> Published:
    return Published(endpoint, manifests.of_server(endpoint, server), manifests.digest_of(endpoint))
