"""Sessions: changing the account, signing in again, the list of one's own, ending them here and everywhere."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.logout import logout
from allauth.account.utils import get_next_redirect_url
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import recent
from accounts.models import User
from authserver.protocol.connections import agents
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


@login_required
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Show the page for whoever has neither a password nor a factor here: they sign out, and in as they did before."""
    following = get_next_redirect_url(request) or reverse("account_profile")
    return TemplateResponse(request, "account/sign_in_again.html", {"following": following})


class Sessions(ListUserSessionsView):
    """The list; POST ends the one session that `session` names, or all others."""

    def form_valid(self, form: object) -> HttpResponse:
        mine = UserSession.objects.filter(user_id=self.request.user.pk)
        chosen = self.request.POST.get("session", "")
        here = self.request.session.session_key
        ended = (
            mine.filter(pk=int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else mine.exclude(session_key=here)
        )
        end_sessions(self.request, list(ended))
        success(self.request, _("Signed out there."))
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: object) -> dict:
        context = super().get_context_data(**kwargs)
        for session in context["sessions"]:
            session.agent = agents.family(session.user_agent)
        return context


sessions = Sessions.as_view()


@login_required
@recent.required
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
    success(request, _("You are signed out everywhere. Apps and tokens of yours no longer work."))
    return HttpResponseRedirect(reverse("account_login"))
