"""Rate limits of the machine endpoints, per address; sign-in has allauth's (settings.ACCOUNT_RATE_LIMITS)."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from authserver.services.events import current_request


class RegistrationThrottle(SimpleRateThrottle):
    """Lets one address register settings.REGISTRATIONS_PER_MINUTE clients a minute (RFC 7591 §5)."""

    scope = "registration"

    def get_rate(self) -> str:
        return f"{settings.REGISTRATIONS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": current_request.get().address}
