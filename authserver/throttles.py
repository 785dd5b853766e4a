"""Rate limits of the machine endpoints, per address; sign-in has allauth's (settings.ACCOUNT_RATE_LIMITS)."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from authserver import policy
from authserver.protocol.client_metadata import ClientMetadata, fingerprint
from authserver.protocol.errors import Refusal
from authserver.services.events import current_request

MINUTE = 60
TOO_MANY_REGISTRATIONS = Refusal(
    "too_many_requests", "Too many registrations came from this address. Wait, then try again.", "registration:too_many"
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """How many of those who came are within a limit, and after how many seconds the next one will be."""

    count: int
    wait_seconds: float


def admit(what: str, *, limit: int, count: int = 1) -> Admitted:
    """Count some who come, for one limit of `limit` a minute, and tell how many of them are within it. Who is refused
    is not counted. The cache holds no more than a number for each second of the minute, whatever the limit."""
    now = time.time()
    counts: dict[int, int] = {at: number for at, number in (cache.get(what) or {}).items() if at > now - MINUTE}
    admitted = max(min(limit - sum(counts.values()), count), 0)
    if admitted:
        counts[int(now)] = counts.get(int(now), 0) + admitted
        cache.set(what, counts, MINUTE)
    return Admitted(admitted, min(counts, default=now) + MINUTE - now)


def admit_registrations(address: str | None, *, count: int = 1) -> Admitted:
    """Let one address register settings.REGISTRATIONS_PER_MINUTE clients a minute (RFC 7591 §5)."""
    return admit(f"registrations_of_{address}", limit=settings.REGISTRATIONS_PER_MINUTE, count=count)


def admit_of_product(metadata: ClientMetadata) -> Admitted:
    """Let all addresses together register policy.REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE clients of one product,
    where each makes a row."""
    if metadata.auth_method == "none":
        return Admitted(count=1, wait_seconds=0)
    limit = policy.REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE
    return admit(f"registrations_of_product_{fingerprint(metadata)}", limit=limit)


def admit_endpoint_check(what: str, person_id: str) -> bool:
    """Tell whether this person may have this checked now. `what` begins with the id of a handle: a check makes us
    connect to its endpoints, and keeps a page waiting."""
    if not cache.add(f"endpoint_check_of_{what}", 1, policy.ENDPOINT_CHECK_REST_SECONDS):
        return False
    limit = policy.ENDPOINT_CHECKS_PER_PERSON_PER_MINUTE
    return admit(f"endpoint_checks_by_{person_id}", limit=limit).count > 0


class RegistrationThrottle(BaseThrottle):
    """`admit_registrations` for a view."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.admitted = admit_registrations(current_request.get().address)
        return self.admitted.count > 0

    def wait(self) -> float:
        return self.admitted.wait_seconds


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
