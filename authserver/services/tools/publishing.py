"""Publishing: a resource server says which tools it has, at some or all of its endpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from authserver import policy
from authserver.models import ProtectedResource, ResourceServer, Tool
from authserver.protocol import tools as rules
from authserver.protocol.errors import Refusal
from authserver.protocol.tools import absence, publication
from authserver.protocol.tools.publication import Publication
from authserver.services import batches, catalog, events, receipts
from authserver.services.batches import Pace
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

    What it leaves out is gone: shown to nobody, kept for policy.GONE_TOOL_KEPT in case it comes back.

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


def forget_gone(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove tools that are gone for longer than policy.GONE_TOOL_KEPT; return how many.

    The version stays: it says what people could have seen, and they see nothing of this. A process that read the tools
    before goes on naming what no server has any more, until it reads them again.
    """
    old = Tool.objects.filter(gone_at__lt=now - policy.GONE_TOOL_KEPT)
    return batches.remove(old, by="gone_at", pace=pace or Pace(policy.PURGE_RUN))


def _names(endpoint: ProtectedResource) -> tuple[str, str]:
    return endpoint.kind, catalog.address_of(endpoint)


def _is_named(endpoint: ProtectedResource, names: Iterable[str]) -> bool:
    return any(name in names for name in _names(endpoint))


def _replace(endpoint: ProtectedResource, server: ResourceServer, wanted: Sequence[rules.Tool], now: datetime) -> None:
    before = manifests.of_server(endpoint, server)
    version = endpoint.tools_version + 1
    gone = manifests.gone_of(endpoint, server, since=now - policy.GONE_TOOL_KEPT)
    tools = publication.dated(wanted, (*before, *gone), version=version)
    if tools == before:
        return
    names = {tool.name for tool in tools}
    left_out = [absence.gone(tool, version) for tool in before if tool.name not in names]
    _write(Tool(protected_resource=endpoint, resource_server=server), tools, left_out, now)
    endpoint.tools_version, endpoint.tools_published_at = version, now
    endpoint.save(update_fields=["tools_version", "tools_published_at"])
    _tell(endpoint, server, before=before, tools=tools, now=now)


def _write(blank: Tool, tools: Sequence[rules.Tool], left_out: Sequence[rules.Tool], now: datetime) -> None:
    """Write what is there now and what went with this publication; `blank` says where and whose. Of what is gone, what
    went first makes room."""
    rows = Tool.objects.filter(protected_resource=blank.protected_resource, resource_server=blank.resource_server)
    rows.filter(Q(gone_at=None) | Q(name__in=[tool.name for tool in tools])).delete()
    Tool.objects.bulk_create(_row(blank, tool, number, None) for number, tool in enumerate(tools))
    Tool.objects.bulk_create(_row(blank, tool, number, now) for number, tool in enumerate(left_out))
    latest = rows.filter(gone_at__isnull=False).order_by("-gone_at", "-pk").values_list("pk", flat=True)
    rows.filter(pk__in=list(latest[policy.GONE_TOOLS_MAX :])).delete()


def _row(blank: Tool, tool: rules.Tool, number: int, gone_at: datetime | None) -> Tool:
    return Tool(
        protected_resource=blank.protected_resource,
        resource_server=blank.resource_server,
        name=tool.name,
        title=tool.title,
        description=tool.description,
        scopes=" ".join(sorted(tool.scopes)),
        is_read_only=tool.is_read_only,
        is_destructive=tool.is_destructive,
        is_open_world=tool.is_open_world,
        since=tool.since,
        position=number,
        gone_at=gone_at,
        absences=absence.written(tool.absences),
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
