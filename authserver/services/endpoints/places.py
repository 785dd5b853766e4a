"""The addresses that the doctor walks to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings

from authserver.models import ProtectedResource
from authserver.protocol import resources
from authserver.services import catalog
from handles.models import Handle

Kind = ProtectedResource.Kind


@dataclass(frozen=True)
class Place:
    """One MCP address of this deployment. `handle` is empty for the gateway, which is everybody's; `instead` is the
    address that leads to the same handle without a name of its own, or nothing."""

    url: str
    kind: str
    handle: str = ""
    instead: str = ""

    @property
    def origins(self) -> tuple[str, ...]:
        """The only origins that a walk to this address may ask: no document of an endpoint leads us elsewhere."""
        found = (resources.origin(url) for url in (self.url, self.instead, settings.ISSUER))
        return tuple(dict.fromkeys(each for each in found if each))


def of_handle(handle: Handle) -> list[Place]:
    """Return every address of a handle that is turned on, the gateway too."""
    active = [each for each in catalog.endpoints_of(handle) if each.is_active]
    instead = next((each.url for each in active if each.kind == Kind.COMPATIBILITY), "")
    return [_place(each.kind, each.url, handle.slug, instead) for each in active]


def gateway(patterns: Mapping[str, str]) -> Iterator[Place]:
    """Yield the gateway, where it is turned on. `patterns` are catalog.platform_addresses()."""
    if Kind.GATEWAY in patterns:
        yield _place(Kind.GATEWAY, patterns[Kind.GATEWAY])


def platform(patterns: Mapping[str, str], handle: str) -> Iterator[Place]:
    """Yield the addresses that every handle has, of this one."""
    kinds = [kind for kind in catalog.CANONICAL if kind in patterns and kind != Kind.GATEWAY]
    found = {kind: resources.fill(patterns[kind], handle) for kind in kinds}
    instead = found.get(Kind.COMPATIBILITY, "")
    yield from (_place(kind, url, handle, instead) for kind, url in found.items())


def _place(kind: str, url: str, handle: str = "", instead: str = "") -> Place:
    if kind == Kind.GATEWAY:
        return Place(url, kind)
    return Place(url, kind, handle, instead if kind == Kind.HOSTED else "")
