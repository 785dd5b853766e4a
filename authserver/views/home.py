"""The signpost at the root, and the two probes."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from authserver import __version__
from authserver.services import catalog, discovery
from authserver.services.moving import issuers
from authserver.services.operations import readiness
from authserver.telemetry.requests import current_request
from handles import access
from handles.models import Handle


def home(request: HttpRequest) -> HttpResponse:
    """Name, version, status and endpoints (requirement T10): a page for people, JSON for programs."""
    metadata = discovery.metadata(issuers.current())
    endpoints = {name: url for name, url in metadata.items() if name.endswith("_endpoint")}
    endpoints["metadata"] = f"{issuers.current()}/.well-known/oauth-authorization-server"
    endpoints |= {f"mcp_{kind}": address for kind, address in catalog.platform_addresses().items()}
    service = {"name": settings.BRAND_NAME, "version": __version__, "status": "ok", "endpoints": endpoints}
    if "text/html" in request.headers.get("Accept", ""):
        return render(request, "home.html", {"service": service})
    return JsonResponse(service)


def livez(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def tls_ask(request: HttpRequest) -> HttpResponse:
    """Tell the reverse proxy whether to get a certificate for `?domain=`: only for the hosted name of an active handle,
    since else anybody could use up the certificate authority's quota. It asks on its own behalf, from its own machine;
    others would learn here which handles there are."""
    patterns = (settings.HOSTED_URL, *settings.FORMER_HOSTED_URLS)
    is_ours = any(_is_hosted(request.GET.get("domain", ""), urlsplit(pattern)) for pattern in patterns)
    return HttpResponse(status=200 if is_ours and _is_own_machine(current_request.get().address) else 404)


def _is_own_machine(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


def _is_hosted(domain: str, pattern: SplitResult) -> bool:
    port = f":{pattern.port}" if pattern.port else ""
    target = catalog.target_of(f"{pattern.scheme}://{domain}{port}{pattern.path}")
    handle = access.find(target.handle) if target and target.handle else None
    return handle is not None and handle.status == Handle.Status.ACTIVE


def readyz(request: HttpRequest) -> HttpResponse:
    """Whether traffic may be sent here: 503 otherwise, with what is wrong. The door answers this one too."""
    found = readiness.look()
    return JsonResponse(found.body(), status=200 if found.is_ready else 503)
