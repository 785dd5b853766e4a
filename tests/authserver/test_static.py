"""Static files as production sends them: compressed, kept for ever, and each only once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

from authserver.views.brand import files


@pytest.fixture
def production(db: None, settings: Any, tmp_path: Path) -> WhiteNoiseMiddleware:
    """What stands before the application in production, with our files collected as the image does it."""
    settings.STATIC_ROOT = tmp_path
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    storage = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": storage}
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    call_command("collectstatic", interactive=False, verbosity=0)
    return WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))


def fetch(middleware: WhiteNoiseMiddleware, url: str) -> tuple[Any, bytes]:
    request: HttpRequest = RequestFactory().get(url, headers={"accept-encoding": "gzip, br"})
    answer = middleware(request)
    body = b"".join(answer) if answer.streaming else answer.content
    answer.close()
    return answer, body


def test_what_a_page_loads_is_compressed_kept_for_ever_and_asked_for_under_one_name(
    production: WhiteNoiseMiddleware, settings: Any
) -> None:
    for name, most in (("gatehouse.css", 9_000), ("gatehouse.js", 6_000)):
        assert re.search(r"\.[0-9a-f]{12}\.", static(name))
        answer, body = fetch(production, static(name))
        assert answer["Content-Encoding"] == "gzip", name
        assert "immutable" in answer["Cache-Control"], name
        assert len(body) < most, name
    font = static("inter-latin.woff2")
    answer, body = fetch(production, font)
    assert "immutable" in answer["Cache-Control"]
    assert len(body) < 36_000

    page = render_to_string("base.html", {"site": {"stylesheet": files.stylesheet_url()}})
    assert f'rel="preload" href="{font}"' in page
    plain = (Path(settings.STATIC_ROOT) / static("gatehouse.css").removeprefix("/static/")).read_text()
    branded = files.stylesheet.__wrapped__("#b3005e")
    assert branded
    for text in (plain, branded.body.decode()):
        named = re.findall(r'url\("([^"]+)"\)', text)
        assert named[0] == font.removeprefix("/static/")  # or the preloaded font would be fetched twice
        assert all(re.search(r"\.[0-9a-f]{12}\.woff2$", name) for name in named)
