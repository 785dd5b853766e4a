"""Rate limits: who may ask how often, counted in the cache; sign-in has allauth's (settings.ACCOUNT_RATE_LIMITS).

docs/operate/limits.md has the table of all of them. Addresses count as `RequestFacts.counted` has them, IPv6 by /64.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from authserver import policy
from authserver.protocol.client_metadata import ClientMetadata, fingerprint
from authserver.protocol.errors import Refusal
from authserver.services.events import current_request

MINUTE = 60
REGISTRATIONS = "registrations"
TOO_MANY_REGISTRATIONS = Refusal(
    "too_many_requests", "Too many registrations came from this address. Wait, then try again.", "registration:too_many"
)


TOO_MANY_REQUESTS = Refusal(
    "too_many_requests", "Too many requests came from this caller. Wait, then try again.", "requests:too_many"
)
Answer = TypeVar("Answer", bound=HttpResponseBase)


@dataclass(frozen=True, slots=True)
class Admitted:
    """How many of those who came are within a limit of `limit` a minute, after how many seconds the next one will be,
    and how many more may come now. Without a `limit`, nothing is said of one."""

    count: int
    wait_seconds: float
    limit: int = 0
    left: int = 0

    @property
    def retry_after_seconds(self) -> int:
        return max(ceil(self.wait_seconds), 1)

    def headers(self, name: str) -> dict[str, str]:
        """Return what tells a caller where it stands with the limit called `name`, and to one who was refused when to
        come again.

        Obeys: draft-ietf-httpapi-ratelimit-headers-10 §3, §4; RFC 9110 §10.2.3.
        """
        found = {}
        if self.limit:
            reset = f";t={self.retry_after_seconds}" if self.left < self.limit else ""
            found["RateLimit-Policy"] = f'"{name}";q={self.limit};w={MINUTE}'
            found["RateLimit"] = f'"{name}";r={self.left}{reset}'
        return found if self.count else found | {"Retry-After": str(self.retry_after_seconds)}


def admit(what: str, *, limit: int, count: int = 1) -> Admitted:
    """Count some who come, for one limit of `limit` a minute, and tell how many of them are within it. Who is refused
    is not counted. The cache holds no more than a number for each second of the minute, whatever the limit."""
    now = time.time()
    counts: dict[int, int] = {at: number for at, number in (cache.get(what) or {}).items() if at > now - MINUTE}
    admitted = max(min(limit - sum(counts.values()), count), 0)
    if admitted:
        counts[int(now)] = counts.get(int(now), 0) + admitted
        cache.set(what, counts, MINUTE)
    return Admitted(admitted, min(counts, default=now) + MINUTE - now, limit, max(limit - sum(counts.values()), 0))


def admit_registrations(counted: str, *, count: int = 1) -> Admitted:
    """Let one address register settings.REGISTRATIONS_PER_MINUTE clients a minute (RFC 7591 §5)."""
    return admit(f"registrations_of_{counted}", limit=settings.REGISTRATIONS_PER_MINUTE, count=count)


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


def guess_key(counted: str, named: str) -> str:
    """Return what a guess counts for: its address, and the id that it came with, which a stranger wrote."""
    return hashlib.sha256(f"{counted} {named}".encode()).hexdigest()


def admit_guesses(key: str, *, count: int = 1) -> Admitted:
    """Count guesses of one key (`guess_key`): settings.GUESSES_PER_MINUTE are within the limit."""
    return admit(f"guesses_of_{key}", limit=settings.GUESSES_PER_MINUTE, count=count)


def admit_resource_server(what: str, server_id: str) -> Admitted:
    """Let one resource server, all of its processes together, ask for `what` as often as policy says."""
    return admit(f"{what}_of_{server_id}", limit=policy.RESOURCE_SERVER_REQUESTS_PER_MINUTE[what])


class Throttle(BaseThrottle):
    """A limit of a minute for a view of Django REST framework, which tells of it by `told_by`."""

    name = ""

    def admit(self, request: Request) -> Admitted | None:
        """Count this request; None where the limit is not about it."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        admitted = self.admit(request)
        if admitted is None:
            return True
        self.admitted = admitted
        request._request.__dict__.setdefault(STANDING, {})[self.name] = admitted
        return admitted.count > 0

    def wait(self) -> float:
        return self.admitted.wait_seconds


STANDING = "standing_with_limits"  # on a request: where its caller stands with each limit, by the name of the limit


def told_by(request: Request, response: Answer) -> Answer:
    """Return the answer with the headers of the limits that its request was counted for."""
    standing: Mapping[str, Admitted] = getattr(request._request, STANDING, {})
    return telling(response, *(admitted.headers(name) for name, admitted in standing.items()))


def telling(response: Answer, *headers: Mapping[str, str]) -> Answer:
    """Return the answer with these headers, those of several limits in one list each (RFC 9651 §3.1)."""
    for each in headers:
        for name, value in each.items():
            if name == "Retry-After":
                response[name] = str(max(int(response.get(name, "0")), int(value)))
            else:
                response[name] = f"{response[name]}, {value}" if name in response else value
    return response


class RegistrationThrottle(Throttle):
    """`admit_registrations` for a view."""

    name = REGISTRATIONS

    def admit(self, request: Request) -> Admitted:
        return admit_registrations(current_request.get().counted)


class CallerThrottle(Throttle):
    """Lets one token, or one person's sessions together, ask the control-plane API policy.API_REQUESTS_PER_MINUTE
    times a minute."""

    name = "api"

    def admit(self, request: Request) -> Admitted:
        caller = request.auth.pk if request.auth else request.user.pk
        return admit(f"api_requests_of_{caller}", limit=policy.API_REQUESTS_PER_MINUTE)


class PublicThrottle(Throttle):
    """Lets one address ask for what needs no sign-in policy.API_PUBLIC_REQUESTS_PER_MINUTE times a minute."""

    name = "api-public"

    def admit(self, request: Request) -> Admitted:
        caller = current_request.get().counted
        return admit(f"public_requests_of_{caller}", limit=policy.API_PUBLIC_REQUESTS_PER_MINUTE)


class AddingThrottle(Throttle):
    """Lets one caller try policy.API_MEMBERS_ADDED_PER_MINUTE addresses a minute, whoever they turn out to be."""

    name = "api-adding"

    def admit(self, request: Request) -> Admitted | None:
        if request.method != "POST":
            return None
        return admit(f"additions_by_{request.user.pk}", limit=policy.API_MEMBERS_ADDED_PER_MINUTE)
