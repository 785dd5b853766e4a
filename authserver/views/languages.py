"""Choosing a language, from the footer of any page."""

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.models import User
from authserver.languages import choice
from authserver.services.standing import people


def choose(request: HttpRequest) -> HttpResponse:
    """Keep the language that was posted and go back to the page it was chosen on, whose authorization request asks for
    that language too, if it named any. Only a form chooses: a link that somebody else made changes nothing.

    Refuses: a `next` that is no path of ours leads home; a language that is none of ours changes nothing.
    """
    back = request.POST.get("next", "") or _came_from(request)
    back = back if get_adapter().is_safe_url(back) else "/"
    language = choice.best([request.POST.get("language", "")]) if request.method == "POST" else None
    response = HttpResponseRedirect(choice.speaking(back, language) if language else back)
    response["Cache-Control"] = "no-store"
    if language:
        _keep(request, response, language)
    return response


def _came_from(request: HttpRequest) -> str:
    """Return the page of ours that the browser says the form stood on: a dead end does not write its own."""
    origin, came_from = f"{request.scheme}://{request.get_host()}", request.headers.get("Referer", "")
    return came_from.removeprefix(origin) if came_from.startswith(f"{origin}/") else ""


def _keep(request: HttpRequest, response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
    if isinstance(request.user, User) and hasattr(request.user, "language"):
        people.speak(request.user, language)
