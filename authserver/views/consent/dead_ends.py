"""The dead ends of an authorization, in words: what is wrong and what to do next (screens C30)."""

from django.utils.translation import gettext as _

from accounts.models import User
from authserver import policy
from authserver.models import Client
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest
from authserver.views.errors import ErrorPage
from handles.access import Seat
from handles.roles import Role, at_least


def connect_again() -> str:
    return _("Go back to the app, remove the connection there and add it again.")


def page_for(failed: FailedRequest) -> ErrorPage:
    """Return the page for a request whose client or redirect URI is not to be trusted. It never redirects."""
    if failed.document_url:
        return undescribed(failed)
    client = failed.client
    if client and not client.is_active:
        return blocked(client.name)
    if client and client.expired_at:
        return registration_ended(client.name)
    known = _untrusted().get(failed.refusal.code)
    if known is None:
        return faulty(failed)
    return ErrorPage(400, failed.refusal.code, *known, connect_again(), details=_app(client))


def faulty(failed: FailedRequest) -> ErrorPage:
    """Return the page for a request that says too little or too much; what exactly, in the words of the protocol."""
    return ErrorPage(
        400,
        failed.refusal.code,
        _("This request cannot be answered"),
        _("What the app asked for is incomplete or contradicts itself. This is a fault of the app, not yours."),
        connect_again(),
        details=(*_app(failed.client), (_("For the makers of the app"), failed.refusal.description)),
    )


def _untrusted() -> dict[str, tuple[str, str]]:
    """Return title and cause of what makes a request one whose sender is never answered, by its public code."""
    return {
        "invalid_client": (
            _("This app is not known here"),
            _("Its registration is missing, or was blocked or removed."),
        ),
        "invalid_redirect_uri": (
            _("This app wants its answer somewhere else"),
            _("The address to return to is not one that the app registered, so nothing was sent there."),
        ),
        "invalid_target": (
            _("This app asks for a place that does not exist here"),
            _("The MCP server address in the app does not belong to this server."),
        ),
    }


def _app(client: Client | None) -> tuple[tuple[str, str], ...]:
    return ((_("App"), client.name),) if client else ()


def undescribed(failed: FailedRequest) -> ErrorPage:
    """Return the page for a client whose description at its own address cannot be had, or not be used. Of a stranger's
    request it repeats the address alone."""
    details = ((_("Address"), failed.document_url),)
    if failed.refusal.code == "temporarily_unavailable":
        return ErrorPage(
            503,
            failed.refusal.code,
            _("We cannot reach this app's description"),
            _("The app describes itself at an address that does not answer at the moment."),
            _("Wait a minute, then connect again."),
            details=details,
            retry_after_seconds=policy.FETCH_PAUSE_SECONDS,
        )
    cause = _("The app describes itself at an address where nothing stands that we can use.")
    title = _("This app is not known here")
    return ErrorPage(400, failed.refusal.code, title, cause, connect_again(), details=details)


def blocked(client_name: str) -> ErrorPage:
    return ErrorPage(
        403,
        "client_blocked",
        _("%(client)s is blocked here") % {"client": client_name},
        _("An administrator of this server does not let this app connect."),
        _("If you need it, ask whoever runs this server."),
    )


def registration_ended(client_name: str) -> ErrorPage:
    return ErrorPage(
        400,
        "invalid_client",  # at which programs register again
        _("The registration of %(client)s has ended") % {"client": client_name},
        _("The app removed it, or it was not used for a long time. Nothing of yours is lost."),
        _("Go back to the app, remove the connection there and add it again. It registers again by itself."),
    )


def expired() -> ErrorPage:
    return ErrorPage(
        400,
        "request_expired",
        _("This page was open too long"),
        _("The request it was for is no longer valid."),
        _("Go back to the app and connect again."),
    )


def answered() -> ErrorPage:
    return ErrorPage(
        400,
        "already_answered",
        _("This request was already answered"),
        _("The app has received its answer."),
        _("Go back to the app. If it is not connected, connect again."),
    )


def unknown_handle(asked: AuthorizationRequest) -> ErrorPage:
    return ErrorPage(
        404,
        "handle_not_found",
        _("There is no handle @%(handle)s") % {"handle": asked.target.handle},
        _("The address in your app names a handle that does not exist here."),
        _("Check the address in the app, or ask whoever gave it to you."),
    )


def suspended_handle(slug: str) -> ErrorPage:
    return ErrorPage(
        403,
        "handle_suspended",
        _("@%(handle)s is suspended") % {"handle": slug},
        _("It has been switched off, so nothing can be connected to it."),
        _("Ask an owner of the handle."),
    )


def not_a_member(slug: str, user: User) -> ErrorPage:
    return ErrorPage(
        403,
        "not_a_member",
        _("You are not a member of @%(handle)s") % {"handle": slug},
        _("You are signed in as %(email)s, and only members may connect apps to it.") % {"email": user.email},
        _("Ask an owner of the handle to add you, or switch to the account that is a member."),
        help_url=f"/handles/{slug}/join",
        help_label=_("Ask an owner"),
    )


def not_let_in(slug: str, client: Client, cause: str) -> ErrorPage:
    return ErrorPage(
        403,
        "client_not_let_in",
        _("This app may not connect to @%(handle)s") % {"handle": slug},
        cause,
        _("Ask an admin of the handle to let it in. Nothing was shared with the app."),
        details=(*_app(client), (_("Client ID"), client.client_id)),
    )


def paused(slug: str, client: Client, cause: str) -> ErrorPage:
    return ErrorPage(
        403,
        "connection_paused",
        _("%(client)s is paused on @%(handle)s") % {"client": client.name, "handle": slug},
        cause,
        _(
            "Whoever paused it can resume it: ask them. Then connect again from the app, "
            "if it does not go on by itself."
        ),
        details=_app(client),
    )


def waits(seat: Seat, client: Client) -> ErrorPage:
    """Return the page for a request that an admin has to answer, in words for the admins themselves too."""
    handle = {"handle": seat.handle.slug}
    if at_least(seat.role, Role.ADMIN):
        next_step = _(
            "You are one of them: let the app in under Handles, @%(handle)s, Apps. Then connect again from the app."
        )
    else:
        next_step = _("When they have, connect again from the app.")
    return ErrorPage(
        202,
        "request_pending",
        _("Your request waits for an admin of @%(handle)s") % handle,
        _("New apps are let in there by an admin first. Nothing was shared with the app yet."),
        next_step % handle,
        details=_app(client),
    )


def queue_full(slug: str) -> ErrorPage:
    return ErrorPage(
        403,
        "queue_full",
        _("Too many apps wait for an admin of @%(handle)s") % {"handle": slug},
        _("Your request could not be added to those that wait."),
        _("Ask an admin of the handle to decide about them, then connect again from the app."),
    )
