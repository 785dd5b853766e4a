"""The table of contents: every path, in the order of the flow. No trailing slashes: these paths are contracts."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from accounts import administrators, recent
from accounts.factors import administration
from authserver.api import openapi
from authserver.views import (
    authorize,
    home,
    introspect,
    languages,
    metrics,
    register,
    reports,
    revoke,
    token,
    wellknown,
)
from authserver.views.attempts import pages as attempts
from authserver.views.brand import files
from authserver.views.connections import changes, pages
from authserver.views.events import jwks, poll, rehearsals, streams
from authserver.views.handles import clients, connection_acts, new, overview, tokens, usage
from authserver.views.handles import connections as handle_connections
from authserver.views.handles import rehearsals as handle_rehearsals
from authserver.views.handles import settings as handle_settings
from authserver.views.handles.people import accepting, invitations, joining, members
from authserver.views.integrations import pages as integrations
from authserver.views.tools import handle as tools_of_handle
from authserver.views.tools import publishing, waiting

administration.furnish(admin.site)
administrators.guard(admin.site)  # the sign-in page of everybody, and a second factor
admin.site.site_header = admin.site.site_title = f"{settings.BRAND_NAME} administration"

one_connection = [
    path("scopes", connection_acts.withhold, name="handle_connection_scopes"),
    path("pause", connection_acts.pause, name="handle_connection_pause"),
    path("resume", connection_acts.resume, name="handle_connection_resume"),
    path("disconnect", connection_acts.disconnect, name="handle_connection_disconnect"),
    path("rehearsal", handle_rehearsals.rehearsal, name="handle_rehearsal"),
    path("rehearsal/call-off", handle_rehearsals.call_off, name="handle_rehearsal_call_off"),
]

people_of_a_handle = [
    path("members", members.member_page, name="handle_members"),
    path("members/<uuid:person_id>/role", members.role, name="handle_member_role"),
    path("members/<uuid:person_id>/remove", members.remove, name="handle_member_remove"),
    path("members/requests/<int:request_id>", members.answer, name="handle_join_answer"),
    path("leave", members.leave, name="handle_leave"),
    path("invitations", invitations.invitation_page, name="handle_invitations"),
    path("invitations/<uuid:invitation_id>/revoke", invitations.revoke, name="handle_invitation_revoke"),
    path("join", joining.join, name="handle_join"),
]

settings_of_a_handle = [
    path("", handle_settings.settings, name="handle_settings"),
    path("/status", handle_settings.status, name="handle_status"),
    path("/transfer", handle_settings.transfer, name="handle_transfer"),
    path("/delete", handle_settings.delete, name="handle_delete"),
]

urlpatterns = [
    # a client discovers
    path(".well-known/oauth-authorization-server", wellknown.authorization_server),
    path(".well-known/ssf-configuration", streams.configuration),
    path(".well-known/webauthn", wellknown.webauthn),
    re_path(r"^\.well-known/(?P<rest>(?s:.*))$", wellknown.not_here),
    # registers
    path("oauth/register", register.register, name="register"),
    path("oauth/register/<str:client_id>", register.manage, name="manage_registration"),
    # asks a person
    path("oauth/authorize", authorize.authorize, name="authorize"),
    path("accounts/", include("accounts.urls")),
    path("language", languages.choose, name="language"),
    # exchanges and refreshes
    path("oauth/token", token.token, name="token"),
    # is asked about by resource servers
    path("oauth/introspect", introspect.introspect, name="introspect"),
    # which remember answers only while they are told what changes
    path("oauth/events/stream", streams.stream, name="event_stream"),
    path("oauth/events/verify", streams.verify, name="event_verify"),
    path("oauth/events/poll/<str:stream_id>", poll.poll, name="event_poll"),
    path("oauth/jwks", jwks.jwks, name="jwks"),
    # which report what was called
    path("oauth/reports", reports.report, name="reports"),
    # which answer a fault on purpose, once
    path("oauth/rehearsals/<uuid:rehearsal_id>/met", rehearsals.met, name="rehearsal_met"),
    # and say beforehand which tools they have
    path("oauth/tools", publishing.tools, name="tools"),
    # and ended: by itself, by the person, by an administrator
    path("oauth/revoke", revoke.revoke, name="revoke"),
    path("connections", pages.connection_list, name="connections"),
    path("connections/all/disconnect", recent.required(pages.disconnect_all), name="connections_disconnect_all"),
    path("connections/<uuid:connection_id>/disconnect", pages.disconnect, name="connection_disconnect"),
    path("connections/<uuid:connection_id>/scopes", changes.scopes, name="connection_scopes"),
    path("connections/<uuid:connection_id>/pause", changes.pause, name="connection_pause"),
    path("connections/<uuid:connection_id>/resume", changes.resume, name="connection_resume"),
    path("connections/<uuid:connection_id>/wishes", changes.wish, name="connection_wish"),
    path("connections/<uuid:connection_id>/tools", waiting.new_tools, name="connection_tools"),
    # who wants to know what became of a connection attempt
    path("attempts", attempts.own, name="attempts"),
    path("attempts/shared/<str:token>", attempts.shared, name="attempt_shared"),
    path("attempts/<str:attempt_id>", attempts.one, name="attempt"),
    path("attempts/<str:attempt_id>/live", attempts.live, name="attempt_live"),
    path("attempts/<str:attempt_id>/share", attempts.share, name="attempt_share"),
    path("admin/", admin.site.urls),
    # who is invited
    path("invitations", accepting.invitation_list, name="invitations"),
    path("invitations/<uuid:invitation_id>", accepting.invitation, name="invitation"),
    path("invitations/<uuid:invitation_id>/switch", accepting.switch, name="invitation_switch"),
    # what members of a handle have there, and its admins decide
    path("handles", overview.handle_list, name="handles"),
    path("handles/new", new.create, name="handle_new"),
    path("handles/check", new.check, name="handle_check"),
    path("handles/<str:slug>", overview.overview, name="handle"),
    path("handles/<str:slug>/settings", include(settings_of_a_handle)),
    path("handles/<str:slug>/", include(people_of_a_handle)),
    path("handles/<str:slug>/clients", clients.client_page, name="handle_clients"),
    path("handles/<str:slug>/clients/policy", clients.set_policy, name="handle_client_policy"),
    path("handles/<str:slug>/clients/decide", clients.decide, name="handle_client_decide"),
    path("handles/<str:slug>/clients/disconnect", clients.disconnect, name="handle_client_disconnect"),
    path("handles/<str:slug>/connections", handle_connections.connection_page, name="handle_connections"),
    path(
        "handles/<str:slug>/connections/disconnect",
        connection_acts.disconnect_many,
        name="handle_connections_disconnect",
    ),
    path("handles/<str:slug>/connections/<uuid:connection_id>", connection_acts.connection, name="handle_connection"),
    path("handles/<str:slug>/connections/<uuid:connection_id>/", include(one_connection)),
    path("handles/<str:slug>/attempts", attempts.of_handle, name="handle_attempts"),
    path("handles/<str:slug>/tools", tools_of_handle.tool_page, name="handle_tools"),
    path("handles/<str:slug>/tools/<uuid:resource_id>/approve", tools_of_handle.approve, name="handle_tools_approve"),
    path("handles/<str:slug>/tokens", tokens.tokens, name="handle_tokens"),
    path("handles/<str:slug>/tokens/<uuid:token_id>/revoke", tokens.revoke, name="handle_token_revoke"),
    path("handles/<str:slug>/usage", usage.usage_page, name="handle_usage"),
    path("handles/<str:slug>/usage.csv", usage.export, name="handle_usage_export"),
    path("handles/<str:slug>/integrations", integrations.integrations, name="handle_integrations"),
    path("handles/<str:slug>/integrations/check", integrations.check, name="handle_integrations_check"),
    # and what they may give to anyone
    path("connect/<str:slug>", integrations.connect, name="connect_to_handle"),
    # the same for programs
    path("api/v1/", include("authserver.api.urls")),
    re_path(r"^api(?P<rest>(?s:/.*)?)$", openapi.NothingHere.as_view()),
    # operations
    path("", home.home, name="home"),
    re_path(r"^static/(?P<name>brand\.[0-9a-f]{12}\.(?:css|svg|png))$", files.brand_file),
    path("livez", home.livez),
    path("readyz", home.readyz),
    path("metrics", metrics.metrics),
    path("internal/tls-ask", home.tls_ask),
]

handler400 = "authserver.views.errors.bad_request"
handler403 = "authserver.views.errors.forbidden"
handler404 = "authserver.views.errors.not_found"
handler429 = "authserver.views.errors.too_many"
handler500 = "authserver.views.errors.server_error"
