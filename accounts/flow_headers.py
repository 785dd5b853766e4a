"""The headers of every page that a person meets on the way through a connection."""

from django.http import HttpResponse


def apply(response: HttpResponse, *, redirect_origin: str | None) -> None:
    """Set the headers of a page in an authorization flow on `response`.

    `redirect_origin` is the origin (or `scheme:`) of a redirect URI that was already found registered; never pass
    one that was only asked for.
    """
    # Clients open these pages in a popup and lose it for good under Django's default, `same-origin`.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    if redirect_origin:
        # Chromium holds a form to `form-action` through every redirect that follows its POST, so the form that
        # ends at the client has to name the client's origin; otherwise Allow does nothing, silently.
        response._csp_update = {"form-action": [redirect_origin]}  # type: ignore[attr-defined]
