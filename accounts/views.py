"""The account pages that django-allauth does not have."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.logout import logout
from allauth.account.views import PasswordResetView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST


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
