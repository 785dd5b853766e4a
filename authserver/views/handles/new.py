"""A new handle: the page that asks for its name, and the door that tells while somebody types whether it is free."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET

from authserver import policy
from authserver.models import ProtectedResource
from authserver.protocol import resources
from authserver.protocol.errors import Refusal
from authserver.services import catalog
from authserver.services.standing import founding
from authserver.services.standing.founding import Wish
from authserver.throttles import admit
from authserver.views.handles.shared import following, person, private, said, show_on_the_way
from handles import slugs
from handles.models import Handle

NAME_PROBLEMS = (founding.NAME_FORM, founding.NAME_RESERVED, founding.NAME_TAKEN)
TOO_FAST = Refusal("too_many_requests", gettext_noop("Wait a minute, then try again."), "handle:too_fast")


@dataclass(frozen=True)
class Typed:
    """The form as a person sent it; the empty one before."""

    slug: str = ""
    display_name: str = ""
    visibility: str = Handle.Visibility.PRIVATE.value


@login_required
def create(request: HttpRequest) -> HttpResponse:
    """Show the form; a POST of it makes the handle and goes on: to the connection that waits, or to the handle."""
    user = person(request)
    if request.method != "POST":
        refusal = None if founding.may_create(user) else founding.CLOSED
        return _show(request, Typed(), refusal)
    typed = Typed(
        request.POST.get("slug", "").strip(), request.POST.get("display_name", ""), request.POST.get("visibility", "")
    )
    made = _make(request, typed)
    if isinstance(made, Refusal):
        return _show(request, typed, made)
    if following(request):
        return HttpResponseRedirect(following(request))
    success(request, _("@{handle} is yours. Invite people, or connect an app to it.").format(handle=made.slug))
    return HttpResponseRedirect(reverse("handle", args=[made.slug]))


def _make(request: HttpRequest, typed: Typed) -> Handle | Refusal:
    user, now = person(request), timezone.now()
    problem = founding.problem_with(typed.slug, by=user, now=now)
    if problem is None and not admit(f"handles_of_{user.pk}", limit=policy.HANDLES_CREATED_PER_MINUTE).count:
        return TOO_FAST
    open_to_all = typed.visibility == Handle.Visibility.PUBLIC
    visibility = Handle.Visibility.PUBLIC if open_to_all else Handle.Visibility.PRIVATE
    name = typed.display_name.strip() or (slugs.parse(typed.slug) or "")
    return founding.create(Wish(typed.slug, name, visibility), by=user, now=now)


def _show(request: HttpRequest, typed: Typed, refusal: Refusal | None) -> HttpResponse:
    problem = said(refusal) if refusal else ""
    page = {
        "typed": typed,
        "is_closed": refusal == founding.CLOSED,
        "name_error": problem if refusal in NAME_PROBLEMS else "",
        "display_name_error": problem if refusal == founding.DISPLAY_NAME else "",
        "errors": (problem,) if problem and request.method == "POST" else (),
        "addresses": _addresses(slugs.parse(typed.slug) or ""),
        "visibilities": Handle.Visibility,
    }
    status = 200 if refusal is None else 403 if refusal == founding.CLOSED else 400
    return show_on_the_way(request, "handles/new.html", page, status=status)


def _addresses(slug: str) -> list[dict[str, str]]:
    """Return the addresses that a handle of this name will have, each with its pattern for whoever goes on typing."""
    rows = ProtectedResource.objects.filter(handle=None, is_active=True)
    patterns = sorted({catalog.address_of(row) for row in rows})
    with_handle = [each for each in patterns if resources.PLACEHOLDER in each]
    return [{"pattern": each, "shown": each.replace(resources.PLACEHOLDER, slug or "…")} for each in with_handle]


@require_GET
def check(request: HttpRequest) -> HttpResponse:
    """Tell whether a name is free for this person: `{"name", "is_free", "told"}`, the last one a sentence."""
    if not request.user.is_authenticated:
        return private(JsonResponse({"error": "login_required"}, status=401))
    user = person(request)
    admitted = admit(f"handle_names_of_{user.pk}", limit=policy.HANDLE_NAMES_CHECKED_PER_MINUTE)
    if not admitted.count:
        headers = admitted.headers("handle-names")
        return private(JsonResponse({"error": "too_many_requests"}, status=429, headers=headers))
    typed = request.GET.get("name", "")[:100]
    refusal = founding.problem_with(typed, by=user, now=timezone.now())
    slug = slugs.parse(typed) or ""
    told = said(refusal) if refusal else _("@{handle} is free.").format(handle=slug)
    return private(JsonResponse({"name": slug, "is_free": refusal is None, "told": told}))
