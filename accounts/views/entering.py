"""Pages on the way in: sign-up and its passkey, and codes that are sent again."""

from typing import Any

from allauth.account.internal.decorators import login_stage_required
from allauth.account.views import (
    ConfirmEmailVerificationCodeView,
    ConfirmLoginCodeView,
    SignupByPasskeyView,
    SignupView,
)
from allauth.mfa.webauthn.stages import PasskeySignupStage
from allauth.mfa.webauthn.views import SignupWebAuthnView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator


class AllOrNothing:
    """Without its code there is no account either, so that the same form works as soon as mail does again."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        return super().form_valid(form)  # type: ignore[misc]


class SignUp(AllOrNothing, SignupView):
    pass


class SignUpByPasskey(AllOrNothing, SignupByPasskeyView):
    pass


class SentAgain:
    """Sends the mail that an address without an account got in place of a code once more too. allauth does not, and
    a mail server that is away would tell known addresses from unknown ones."""

    _process: Any

    def _resend_form_valid(self, form: Any) -> HttpResponse:
        send = self._process.send
        self._process.send = lambda skip_enumeration_mails: send()
        return super()._resend_form_valid(form)  # type: ignore[misc]


class ConfirmAddress(SentAgain, ConfirmEmailVerificationCodeView):
    pass


class ConfirmSignIn(SentAgain, ConfirmLoginCodeView):
    pass


@method_decorator(login_stage_required(stage=PasskeySignupStage.key, redirect_urlname="account_login"), name="dispatch")
class OfferPasskey(SignupWebAuthnView):
    """allauth's page, with a button to go on without: a passkey is offered, never forced."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.POST.get("action") == "skip":
            return self._login_stage.exit()
        return super().post(request, *args, **kwargs)


sign_up = SignUp.as_view()
sign_up_by_passkey = SignUpByPasskey.as_view()
confirm_address = ConfirmAddress.as_view()
confirm_sign_in = ConfirmSignIn.as_view()
offer_passkey = OfferPasskey.as_view()
