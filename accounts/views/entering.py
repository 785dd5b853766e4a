"""Pages on the way in: the offer of a passkey after sign-up."""

from allauth.account.internal.decorators import login_stage_required
from allauth.mfa.webauthn.stages import PasskeySignupStage
from allauth.mfa.webauthn.views import SignupWebAuthnView
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator


@method_decorator(login_stage_required(stage=PasskeySignupStage.key, redirect_urlname="account_login"), name="dispatch")
class OfferPasskey(SignupWebAuthnView):
    """allauth's page, with a button to go on without: a passkey is offered, never forced."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.POST.get("action") == "skip":
            return self._login_stage.exit()
        return super().post(request, *args, **kwargs)


offer_passkey = OfferPasskey.as_view()
