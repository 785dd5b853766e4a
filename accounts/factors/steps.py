"""The steps of a sign-in after the password or the code: a second factor, and the offer of a passkey."""

from allauth.account.stages import LoginStage
from allauth.core.internal.httpkit import headed_redirect_response
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.stages import PasskeySignupStage
from django.http import HttpRequest, HttpResponseBase

from accounts.factors.demand import passkeys_work, second_step_demanded


class SecondStep(AuthenticateStage):
    """allauth's, where the person demands it."""

    def _should_handle(self, request: HttpRequest) -> bool:
        return super()._should_handle(request) and second_step_demanded(self.login.user)


class OfferPasskey(PasskeySignupStage):
    """After sign-up everybody is offered a passkey; the page lets them go on without."""

    def handle(self) -> tuple[HttpResponseBase | None, bool]:
        came_from_elsewhere = "sociallogin" in (self.login.signal_kwargs or {})
        if self.login.signup and passkeys_work(self.request) and not came_from_elsewhere:
            return headed_redirect_response("mfa_signup_webauthn"), True
        return None, True


def ours(paths: list[str]) -> list[str]:
    """Return django-allauth's steps of a sign-in with ours in their places."""
    replaced: dict[str, type[LoginStage]] = {
        "allauth.mfa.stages.AuthenticateStage": SecondStep,
        "allauth.mfa.webauthn.stages.PasskeySignupStage": OfferPasskey,
    }
    return [f"{__name__}.{replaced[path].__name__}" if path in replaced else path for path in paths]
