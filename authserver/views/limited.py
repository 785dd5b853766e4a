"""Pages that one person, or one address that is not signed in, may open so often a minute."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse

from authserver import policy, throttles
from authserver.services.events import current_request
from authserver.views import errors

View = Callable[..., HttpResponse]


def limited(name: str) -> Callable[[View], View]:
    """Answer 429 where the limit of this name is passed (policy.PAGES_OPENED_PER_MINUTE); every answer says where its
    caller stands."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            user = request.user
            caller = user.pk if user.is_authenticated else current_request.get().counted
            admitted = throttles.admit(f"{name}_of_{caller}", limit=policy.PAGES_OPENED_PER_MINUTE[name])
            if admitted.count:
                response = view(request, *args, **kwargs)
            else:
                response = errors.too_many_acts(request, wait_seconds=admitted.retry_after_seconds)
            return throttles.telling(response, admitted.headers(name))

        return answer

    return decorate
