"""What owners decide about their handle: how it is called, who is a guest, whether it is on, whose it is, its end."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, info, success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import recent
from accounts.models import User
from authserver import policy
from authserver.models import Scope
from authserver.protocol.errors import Refusal
from authserver.services.standing import founding, ownership
from authserver.views.handles.shared import owned, person, private, said
from handles import slugs
from handles.models import Handle, Membership
from handles.roles import Role

SUCCESSORS_LISTED = 100


@login_required
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the settings; a POST stores display name and who is a guest."""
    handle = owned(request, slug)
    if request.method != "POST":
        return _show(request, handle)
    public = request.POST.get("visibility") == Handle.Visibility.PUBLIC
    saved = ownership.change(
        handle,
        display_name=request.POST.get("display_name", ""),
        visibility=Handle.Visibility.PUBLIC if public else Handle.Visibility.PRIVATE,
        is_for_testing=request.POST.get("is_for_testing") == "yes",
        by=person(request),
        now=timezone.now(),
    )
    if isinstance(saved, Refusal):
        return _show(request, handle, refusal=saved)
    success(request, _("Saved.") if saved else _("Nothing was changed."))
    return HttpResponseRedirect(reverse("handle_settings", args=[handle.slug]))


def _show(request: HttpRequest, handle: Handle, refusal: Refusal | None = None) -> HttpResponse:
    page = {
        "handle": handle,
        "display_name": request.POST.get("display_name", handle.display_name),
        "visibility": request.POST.get("visibility", handle.visibility),
        "visibilities": Handle.Visibility,
        "is_for_testing": request.POST.get("is_for_testing") == "yes"
        if request.method == "POST"
        else handle.is_for_testing,
        "is_suspended": handle.status == Handle.Status.SUSPENDED,
        "is_held": ownership.is_held(handle),
        "guest_scopes": Scope.objects.filter(role=Role.PUBLIC, is_active=True, is_shown=True),
        "errors": (said(refusal),) if refusal else (),
        "name_error": said(refusal) if refusal == founding.DISPLAY_NAME else "",
    }
    return private(render(request, "handles/settings/page.html", {"page": page}, status=400 if refusal else 200))


@login_required
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, then suspend the handle, or activate one that an owner suspended."""
    handle = owned(request, slug)
    activates = handle.status == Handle.Status.SUSPENDED
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        page = {"handle": handle, "stake": ownership.at_stake(handle, now=timezone.now()), "activates": activates}
        return private(render(request, "handles/settings/status.html", {"page": page}))
    wanted = Handle.Status.ACTIVE if request.POST.get("wanted") == Handle.Status.ACTIVE else Handle.Status.SUSPENDED
    done = ownership.set_status(handle, wanted, by=person(request), now=timezone.now())
    if isinstance(done, Refusal):
        error(request, said(done))
    elif wanted == Handle.Status.SUSPENDED:
        success(request, _("@{handle} is suspended: nothing works there any more.").format(handle=handle.slug))
    else:
        success(request, _("@{handle} is active again.").format(handle=handle.slug))
    return HttpResponseRedirect(reverse("handle_settings", args=[handle.slug]))


@login_required
@recent.required
def transfer(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the owner choose a member, ask once more, then make that member the owner."""
    handle = owned(request, slug)
    others = _successors(handle, person(request))
    chosen = _chosen(request.POST.get("person", ""), others)
    if request.method != "POST" or chosen is None or request.POST.get("confirm") != "yes":
        missing = request.method == "POST" and chosen is None
        page = {
            "handle": handle,
            "seats": others[:SUCCESSORS_LISTED],
            "chosen": chosen,
            "errors": (_("Choose a member."),) if missing else (),
        }
        return private(
            render(request, "handles/settings/transfer.html", {"page": page}, status=400 if missing else 200)
        )
    refusal = ownership.transfer(handle, chosen.user, by=person(request), now=timezone.now())
    if refusal:
        error(request, said(refusal))
        return HttpResponseRedirect(reverse("handle_settings", args=[handle.slug]))
    told = _("{person} owns @{handle} now. You are an admin.")
    success(request, told.format(person=chosen.user.email, handle=handle.slug))
    return HttpResponseRedirect(reverse("handles"))


def _successors(handle: Handle, owner: User) -> list[Membership]:
    rows = Membership.objects.filter(handle=handle, user__is_active=True).exclude(user=owner)
    return list(rows.select_related("user").order_by("user__email"))


def _chosen(text: str, others: list[Membership]) -> Membership | None:
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    return next((seat for seat in others if seat.user_id == wanted), None)


@login_required
@recent.required
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Say in numbers what ends; delete the handle for whoever types its name."""
    handle = owned(request, slug)
    typed = request.POST.get("name", "")
    if request.method != "POST" or slugs.parse(typed) != handle.slug:
        wrong = request.method == "POST"
        page = {
            "handle": handle,
            "stake": ownership.at_stake(handle, now=timezone.now()),
            "is_held": ownership.is_held(handle),
            "typed": typed,
            "rest_days": policy.HANDLE_NAME_REST.days,
            "errors": (_("Type the name of the handle to delete it."),) if wrong else (),
        }
        return private(render(request, "handles/settings/delete.html", {"page": page}, status=400 if wrong else 200))
    refusal = ownership.close(handle, by=person(request), now=timezone.now())
    if refusal:
        error(request, said(refusal))
        return HttpResponseRedirect(reverse("handle_settings", args=[handle.slug]))
    info(request, _("@{handle} is deleted. Everything that was connected to it has ended.").format(handle=handle.slug))
    return HttpResponseRedirect(reverse("handles"))
