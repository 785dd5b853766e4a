"""Forms that django-allauth does not have, or that ask for more than its own."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Browsers put passkeys among the suggestions of a field that says so.
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    everywhere = forms.BooleanField(
        required=False,
        label=_("Sign out everywhere and disconnect all apps"),
        help_text=_(
            "Ends your other sessions, every connected app and your personal access tokens. Choose it if "
            "somebody else may have had access."
        ),
    )


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": _("Name")}
        help_texts = {"name": _("Shown to you on the pages where you allow apps, and to members of your handles.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"})}


class LanguageForm(forms.ModelForm):
    language = forms.ChoiceField(required=False, label=_("Language"))

    class Meta:
        model = User
        fields = ("language",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        browser = ("", _("As my browser asks"))
        self.fields["language"].choices = [browser, *settings.LANGUAGES]  # type: ignore[attr-defined]
