"""The stylesheet in a deployment's own colour, and its logo: from us, under names that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static

from authserver import policy
from authserver.views.brand import colors

STYLESHEET = "gatehouse.css"
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"<svg": "svg", b"<?xml": "svg"}
TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "png": "image/png"}
FOREVER = "max-age=31536000, public, immutable"
# A logo is a picture, whatever is written in it: opened by itself, nothing of it runs or loads.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True)
class BrandFile:
    """A file of this deployment's own, as it is sent."""

    kind: str
    body: bytes
    packed: bytes

    @classmethod
    def of(cls, kind: str, body: bytes) -> BrandFile:
        return cls(kind, body, b"" if kind == "png" else gzip.compress(body, mtime=0))

    @property
    def name(self) -> str:
        return f"brand.{hashlib.sha256(self.body).hexdigest()[:12]}.{self.kind}"

    @property
    def url(self) -> str:
        return f"{settings.STATIC_URL}{self.name}"


def stylesheet_url() -> str:
    """Return the address of the one stylesheet of every page."""
    own = stylesheet(settings.BRAND_COLOR)
    return own.url if own else static(STYLESHEET)


def logo_url() -> str:
    """Return the address of the logo, or an empty string."""
    picture = logo(settings.BRAND_LOGO)
    return picture.url if picture else ""


@cache
def stylesheet(color: str) -> BrandFile | None:
    """Return the stylesheet with this colour as its accent; None where the colour is no colour. Beside the original,
    so that the addresses in it lead where they did."""
    accent = colors.parse(color)
    if accent is None:
        return None
    collected = Path(settings.STATIC_ROOT) / static(STYLESHEET).removeprefix(settings.STATIC_URL)
    path = collected if collected.exists() else Path(str(finders.find(STYLESHEET)))
    return BrandFile.of("css", (path.read_text() + colors.rules(accent) + "\n").encode())


@cache
def logo(path: str) -> BrandFile | None:
    """Return the picture in this file; None where there is none that pages could show (a system check says so)."""
    try:
        with open(path, "rb") as file:
            body = file.read(policy.BRAND_LOGO_BYTES_MAX + 1)
    except (OSError, ValueError):
        return None
    kinds = [kind for signature, kind in SIGNATURES.items() if body.lstrip().startswith(signature)]
    return BrandFile.of(kinds[0], body) if kinds and len(body) <= policy.BRAND_LOGO_BYTES_MAX else None


def brand_file(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with the stylesheet or the logo. A name of another version, from a page that another process made while a
    deployment is under way, gets the present file, and nobody keeps it."""
    kind = name.rpartition(".")[2]
    own = stylesheet(settings.BRAND_COLOR) if kind == "css" else logo(settings.BRAND_LOGO)
    if own is None or own.kind != kind:
        return HttpResponse(status=404, content_type="text/plain")
    is_packed = bool(own.packed) and "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(own.packed if is_packed else own.body, content_type=TYPES[kind])
    response["Cache-Control"] = FOREVER if name == own.name else "no-cache"
    response["Vary"] = "Accept-Encoding"
    if is_packed:
        response["Content-Encoding"] = "gzip"
    if kind != "css":
        response["Content-Security-Policy"] = PICTURE_POLICY
    return response
