"""Rate limits of the machine endpoints, per address; sign-in has allauth's (settings.ACCOUNT_RATE_LIMITS)."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from authserver import policy
from authserver.protocol.client_metadata import ClientMetadata, fingerprint
from authserver.services.events import current_request


class RegistrationThrottle(SimpleRateThrottle):
    """Lets one address register settings.REGISTRATIONS_PER_MINUTE clients a minute (RFC 7591 §5)."""

    scope = "registration"

    def get_rate(self) -> str:
        return f"{settings.REGISTRATIONS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": current_request.get().address}


class ProductThrottle(SimpleRateThrottle):
    """Lets all addresses together register policy.REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE clients of one product."""

    scope = "product"

    def __init__(self, metadata: ClientMetadata) -> None:
        self.metadata = metadata
        super().__init__()

    def get_rate(self) -> str:
        return f"{policy.REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": fingerprint(self.metadata)}


class CallerThrottle(SimpleRateThrottle):
    """Lets one token, or one person's sessions together, ask the control-plane API policy.API_REQUESTS_PER_MINUTE
    times a minute."""

    scope = "api"

    def get_rate(self) -> str:
        return f"{policy.API_REQUESTS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        caller = request.auth.pk if request.auth else request.user.pk
        return self.cache_format % {"scope": self.scope, "ident": caller}


class PublicThrottle(SimpleRateThrottle):
    """Lets one address ask for what needs no sign-in policy.API_PUBLIC_REQUESTS_PER_MINUTE times a minute."""

    scope = "api_public"

    def get_rate(self) -> str:
        return f"{policy.API_PUBLIC_REQUESTS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": current_request.get().address}


class AddingThrottle(CallerThrottle):
    """Lets one caller try policy.API_MEMBERS_ADDED_PER_MINUTE addresses a minute, whoever they turn out to be."""

    scope = "api_adding"

    def get_rate(self) -> str:
        return f"{policy.API_MEMBERS_ADDED_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method != "POST" or super().allow_request(request, view)
