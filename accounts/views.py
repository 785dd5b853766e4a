"""The account pages that django-allauth does not have."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.logout import logout
from allauth.account.views import PasswordChangeView, PasswordResetView
from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms import ChangePasswordForm
from accounts.models import User
from authserver.services.standing import sign_out


@require_POST
def switch_account(request: HttpRequest) -> HttpResponse:
    """Sign out and show the sign-in page, which afterwards goes on to the `next` that was posted.

    Refuses: a `next` that is not a path of ours is dropped.
    """
    following = request.POST.get("next", "")
    logout(request, show_message=False)
    target = reverse("account_login")
    if get_adapter().is_safe_url(following):
        target += "?" + urlencode({"next": following})
    return HttpResponseRedirect(target)


class RequestPasswordReset(PasswordResetView):
    """allauth would go on to `next` at once, past the page that says a message was sent."""

    def get_success_url(self) -> str:
        return self.passthrough_next_url(reverse("account_reset_password_done"))


request_password_reset = RequestPasswordReset.as_view()


class ChangePassword(PasswordChangeView):
    """With a box to end everything that others may hold: other sessions, connected apps, personal access tokens."""

    form_class = ChangePasswordForm

    @transaction.atomic
    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        if form.cleaned_data["everywhere"]:
            sign_out.everywhere(form.user, now=timezone.now())
        return super().form_valid(form)  # which keeps this one session


change_password = ChangePassword.as_view()


@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ask once more, naming how much ends; then end it all, this session too."""
    user: User = request.user  # type: ignore[assignment]
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        page = sign_out.at_stake(user, now=timezone.now())
        response = render(request, "account/sign_out_everywhere.html", {"page": page})
        response["Cache-Control"] = "no-store"
        return response
    sign_out.everywhere(user, now=timezone.now())
    logout(request, show_message=False)
    success(request, "You are signed out everywhere. Apps and tokens of yours no longer work.")
    return HttpResponseRedirect(reverse("account_login"))
