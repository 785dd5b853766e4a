"""The dead ends of an authorization, in words: what is wrong and what to do next (screens C30)."""

from django.utils.translation import gettext as _

from accounts.models import User
from authserver import policy
from authserver.models import Client
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest
from authserver.views.errors import ErrorPage
from handles.access import Seat
from handles.roles import Role, at_least

CONNECT_AGAIN = "Go back to the app, remove the connection there and add it again."


def page_for(failed: FailedRequest) -> ErrorPage:
    """Return the page for a request whose client or redirect URI is not to be trusted. It never redirects."""
    if failed.document_url:
        return undescribed(failed)
    client = failed.client
    if client and not client.is_active:
        return blocked(client.name)
    if client and client.expired_at:
        return registration_ended(client.name)
    details = (("App", client.name),) if client else ()
    titles = {
        "invalid_client": ("This app is not known here", "Its registration is missing, or was blocked or removed."),
        "invalid_redirect_uri": (
            "This app wants its answer somewhere else",
            "The address to return to is not one that the app registered, so nothing was sent there.",
        ),
    }
    title, cause = titles.get(failed.refusal.code, ("This request cannot be answered", failed.refusal.description))
    return ErrorPage(400, failed.refusal.code, title, cause, CONNECT_AGAIN, details=details)


def undescribed(failed: FailedRequest) -> ErrorPage:
    """Return the page for a client whose description at its own address cannot be had, or not be used. Of a stranger's
    request it repeats the address alone."""
    details = (("Address", failed.document_url),)
    if failed.refusal.code == "temporarily_unavailable":
        return ErrorPage(
            503,
            failed.refusal.code,
            "We cannot reach this app's description",
            "The app describes itself at an address that does not answer at the moment.",
            "Wait a minute, then connect again.",
            details=details,
            retry_after_seconds=policy.FETCH_PAUSE_SECONDS,
        )
    cause = "The app describes itself at an address where nothing stands that we can use."
    return ErrorPage(400, failed.refusal.code, "This app is not known here", cause, CONNECT_AGAIN, details=details)


def blocked(client_name: str) -> ErrorPage:
    return ErrorPage(
        403,
        "client_blocked",
        f"{client_name} is blocked here",
        "An administrator of this server does not let this app connect.",
        "If you need it, ask whoever runs this server.",
    )


def registration_ended(client_name: str) -> ErrorPage:
    return ErrorPage(
        400,
        "invalid_client",  # at which programs register again
        f"The registration of {client_name} has ended",
        "The app removed it, or it was not used for a long time. Nothing of yours is lost.",
        f"{CONNECT_AGAIN} It registers again by itself.",
    )


def expired() -> ErrorPage:
    return ErrorPage(
        400,
        "request_expired",
        "This page was open too long",
        "The request it was for is no longer valid.",
        "Go back to the app and connect again.",
    )


def answered() -> ErrorPage:
    return ErrorPage(
        400,
        "already_answered",
        "This request was already answered",
        "The app has received its answer.",
        "Go back to the app. If it is not connected, connect again.",
    )


def unknown_handle(asked: AuthorizationRequest) -> ErrorPage:
    return ErrorPage(
        404,
        "handle_not_found",
        f"There is no handle @{asked.target.handle}",
        "The address in your app names a handle that does not exist here.",
        "Check the address in the app, or ask whoever gave it to you.",
    )


def suspended_handle(slug: str) -> ErrorPage:
    return ErrorPage(
        403,
        "handle_suspended",
        f"@{slug} is suspended",
        "It has been switched off, so nothing can be connected to it.",
        "Ask an owner of the handle.",
    )


def not_a_member(slug: str, user: User) -> ErrorPage:
    return ErrorPage(
        403,
        "not_a_member",
        f"You are not a member of @{slug}",
        f"You are signed in as {user.email}, and only members may connect apps to it.",
        "Ask an owner of the handle to add you, or switch to the account that is a member.",
        help_url=f"/handles/{slug}/join",
        help_label=_("Ask an owner"),
    )


def not_let_in(slug: str, client: Client, cause: str) -> ErrorPage:
    return ErrorPage(
        403,
        "client_not_let_in",
        f"This app may not connect to @{slug}",
        cause,
        "Ask an admin of the handle to let it in. Nothing was shared with the app.",
        details=(("App", client.name), ("Client ID", client.client_id)),
    )


def paused(slug: str, client: Client, cause: str) -> ErrorPage:
    return ErrorPage(
        403,
        "connection_paused",
        f"{client.name} is paused on @{slug}",
        cause,
        "Whoever paused it can resume it: ask them. Then connect again from the app, if it does not go on by itself.",
        details=(("App", client.name),),
    )


def waits(seat: Seat, client: Client) -> ErrorPage:
    """Return the page for a request that an admin has to answer, in words for the admins themselves too."""
    slug, decides = seat.handle.slug, at_least(seat.role, Role.ADMIN)
    where = f"You are one of them: let the app in under Handles, @{slug}, Apps. Then" if decides else "When they have,"
    return ErrorPage(
        202,
        "request_pending",
        f"Your request waits for an admin of @{slug}",
        "New apps are let in there by an admin first. Nothing was shared with the app yet.",
        f"{where} connect again from the app.",
        details=(("App", client.name),),
    )


def queue_full(slug: str) -> ErrorPage:
    return ErrorPage(
        403,
        "queue_full",
        f"Too many apps wait for an admin of @{slug}",
        "Your request could not be added to those that wait.",
        "Ask an admin of the handle to decide about them, then connect again from the app.",
    )
