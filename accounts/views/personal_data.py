"""What is kept about a person: the page about it, the download, and the end of the account."""

from allauth.account.internal.flows.logout import logout
from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import recent
from accounts.models import User
from authserver.protocol.errors import Refusal
from authserver.services import personal_data
from authserver.services.events import Actor

FILE_NAME = "your-data.json"


@login_required
@recent.required
def your_data(request: HttpRequest) -> HttpResponse:
    """Show what can be done about it. Asked for recently, so that both acts can follow."""
    return _page(request, "account/your_data.html")


@login_required
@recent.required
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Answer the document, piece by piece. Whoever had to show again who they are comes back by GET, to the page."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("account_data"))
    user: User = request.user  # type: ignore[assignment]
    pieces = personal_data.export(user, by=user, actor=Actor.PERSON, now=timezone.now())
    response = StreamingHttpResponse(pieces, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    response["Cache-Control"] = "no-store"
    return response


@login_required
@recent.required
def delete_account(request: HttpRequest) -> HttpResponse:
    """Ask once more, saying what ends and what stays; then erase the account."""
    user: User = request.user  # type: ignore[assignment]
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        return _page(request, "account/delete_account.html")
    erased = personal_data.erase(user, by=user, actor=Actor.PERSON, now=timezone.now())
    if isinstance(erased, Refusal):
        return _page(request, "account/delete_account.html", status=409)
    logout(request, show_message=False)
    success(request, _("Your account is deleted."))
    return HttpResponseRedirect(reverse("account_login"))


def _page(request: HttpRequest, template: str, *, status: int = 200) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    response = render(request, template, {"page": personal_data.at_stake(user, now=timezone.now())}, status=status)
    response["Cache-Control"] = "no-store"
    return response
