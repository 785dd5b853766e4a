"""Forms that ask for more than django-allauth's."""

from allauth.account import forms as allauth_forms
from django import forms


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    everywhere = forms.BooleanField(
        required=False,
        label="Sign out everywhere and disconnect all apps",
        help_text="Ends your other sessions, every connected app and your personal access tokens. Choose it if "
        "somebody else may have had access.",
    )
