"""Who a person is here: their name, their language, and what else belongs to the account."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages import success
from django.forms import ModelForm
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic.edit import UpdateView

from accounts.forms import LanguageForm, ProfileForm
from accounts.models import User
from authserver.services.standing import security


class Profile(LoginRequiredMixin, UpdateView):
    form_class: type[ModelForm] = ProfileForm
    template_name = "account/profile.html"
    success_url = reverse_lazy("account_profile")

    def get_object(self, queryset: object = None) -> User:
        """Return a row of its own, so that the header names who is stored and not who was typed."""
        return User.objects.get(email=self.request.user.email)  # type: ignore[union-attr]

    def form_valid(self, form: ModelForm) -> HttpResponse:
        if security.save_profile(form.instance, now=timezone.now()):
            success(self.request, _("Saved."))
        return HttpResponseRedirect(str(self.success_url))


class Language(Profile):
    form_class = LanguageForm
    template_name = "account/language.html"
    success_url = reverse_lazy("account_language")


profile = Profile.as_view()
language = Language.as_view()
