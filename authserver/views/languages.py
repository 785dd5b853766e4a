"""Choosing a language, from the footer of any page."""

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from accounts.models import User
from authserver.languages import choice
from authserver.services.standing import security


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
        keep(response, language)
        _remember(request.user, language)
    return response


def _came_from(request: HttpRequest) -> str:
    """Return the page of ours that the browser says the form stood on: a dead end does not write its own."""
    origin, came_from = f"{request.scheme}://{request.get_host()}", request.headers.get("Referer", "")
    return came_from.removeprefix(origin) if came_from.startswith(f"{origin}/") else ""


def keep(response: HttpResponse, language: str) -> None:
    """Let this browser's pages speak a language; nothing for `language` leaves it to the account and the browser. It
    counts more than what the account says, so whatever changes that calls this too."""
    if not language:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _remember(person: object, language: str) -> None:
    if isinstance(person, User):
        stored = User.objects.get(pk=person.pk)
        stored.language = language
        security.save_profile(stored, now=timezone.now())
