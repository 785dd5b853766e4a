"""Changing a password, and ending everything that others may hold."""

from allauth.account.views import PasswordChangeView
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone

from accounts.forms import ChangePasswordForm
from authserver.services.standing import sign_out


class ChangePassword(PasswordChangeView):
    """With a box to end everything that others may hold: other sessions, connected apps, personal access tokens."""

    form_class = ChangePasswordForm

    @transaction.atomic
    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        if form.cleaned_data["everywhere"]:
            sign_out.everywhere(form.user, now=timezone.now())
        return super().form_valid(form)  # which keeps this one session


change_password = ChangePassword.as_view()
