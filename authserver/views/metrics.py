"""Figures for Prometheus. Not for everybody: they tell how much goes on here."""

import hmac
import ipaddress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

from authserver.services.operations import metrics as figures

# Whoever comes through a proxy comes from this machine too, if the proxy stands on it.
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the bearer of METRICS_TOKEN; where that is not set, a program on this machine. Others find nothing."""
    if not _may_read(request):
        raise Http404
    return HttpResponse(figures.text(), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def has_token(request: HttpRequest) -> bool:
    """Tell whether METRICS_TOKEN is set, and who asks is its bearer."""
    told = request.headers.get("Authorization", "").encode()
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(told, f"Bearer {settings.METRICS_TOKEN}".encode())


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return has_token(request)
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
