"""The pages of passkeys and second factors, with what django-allauth's do not tell their templates."""

from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse

from accounts.factors.demand import Type, kinds_of, passkeys_work, second_step_demanded
from accounts.models import User
from accounts.receivers import note_factor


class Index(IndexView):
    def get_context_data(self, **kwargs: Any) -> dict:
        following = get_next_redirect_url(self.request) or ""
        return super().get_context_data(**kwargs) | {
            "following": following,
            "demanded": second_step_demanded(self.request.user),
            "wanted_for_admin": following.startswith(reverse("admin:index")),
        }


class SecondStep(AuthenticateView):
    def get_context_data(self, **kwargs: Any) -> dict:
        kinds = kinds_of(self.stage.login.user)
        return super().get_context_data(**kwargs) | {
            "has_passkey": Type.WEBAUTHN in kinds and passkeys_work(self.request),
            "has_app": Type.TOTP in kinds,
        }


class RecoveryCodes(ViewRecoveryCodesView):
    def get_context_data(self, **kwargs: Any) -> dict:
        return super().get_context_data(**kwargs) | {
            "following": get_next_redirect_url(self.request) or reverse("mfa_index")
        }


def is_last(user: Any) -> bool:
    """Tell whether removing one factor leaves this person with none."""
    factors = Authenticator.objects.filter(user_id=user.pk).exclude(type=Type.RECOVERY_CODES)
    return factors.count() == 1


class RemovePasskey(RemoveWebAuthnView):
    def get_context_data(self, **kwargs: Any) -> dict:
        return super().get_context_data(**kwargs) | {"is_last": is_last(self.request.user)}


class AddApp(ActivateTOTPView):
    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        user: User = self.request.user  # type: ignore[assignment]
        note_factor(self.request, user, Authenticator.objects.get(user=user, type=Type.TOTP))
        return answer


class RemoveApp(DeactivateTOTPView):
    def get_context_data(self, **kwargs: Any) -> dict:
        return super().get_context_data(**kwargs) | {"is_last": is_last(self.request.user)}


index = Index.as_view()
second_step = SecondStep.as_view()
recovery_codes = RecoveryCodes.as_view()
remove_passkey = RemovePasskey.as_view()
add_app = AddApp.as_view()
remove_app = RemoveApp.as_view()
