"""The table of contents: every path, in the order of the flow. No trailing slashes: these paths are contracts."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path

from authserver.views import (
    authorize,
    handle_clients,
    home,
    introspect,
    register,
    revoke,
    token,
    wellknown,
)
from authserver.views.connections import changes, pages

# The same sign-in page, limits and factors as for everybody.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Gatehouse administration"

urlpatterns = [
    # a client discovers
    path(".well-known/oauth-authorization-server", wellknown.authorization_server),
    re_path(r"^\.well-known/(?P<rest>(?s:.*))$", wellknown.not_here),
    # registers
    path("oauth/register", register.register, name="register"),
    path("oauth/register/<str:client_id>", register.manage, name="manage_registration"),
    # asks a person
    path("oauth/authorize", authorize.authorize, name="authorize"),
    path("accounts/", include("accounts.urls")),
    # exchanges and refreshes
    path("oauth/token", token.token, name="token"),
    # is asked about by resource servers
    path("oauth/introspect", introspect.introspect, name="introspect"),
    # and ended: by itself, by the person, by an administrator
    path("oauth/revoke", revoke.revoke, name="revoke"),
    path("connections", pages.connection_list, name="connections"),
    path("connections/all/disconnect", pages.disconnect_all, name="connections_disconnect_all"),
    path("connections/<uuid:connection_id>/disconnect", pages.disconnect, name="connection_disconnect"),
    path("connections/<uuid:connection_id>/scopes", changes.scopes, name="connection_scopes"),
    path("connections/<uuid:connection_id>/pause", changes.pause, name="connection_pause"),
    path("connections/<uuid:connection_id>/resume", changes.resume, name="connection_resume"),
    path("connections/<uuid:connection_id>/wishes", changes.wish, name="connection_wish"),
    path("admin/", admin.site.urls),
    # what admins of a handle decide
    path("handles", handle_clients.handle_list, name="handles"),
    path("handles/<str:slug>", handle_clients.overview, name="handle"),
    path("handles/<str:slug>/clients", handle_clients.client_page, name="handle_clients"),
    path("handles/<str:slug>/clients/policy", handle_clients.set_policy, name="handle_client_policy"),
    path("handles/<str:slug>/clients/decide", handle_clients.decide, name="handle_client_decide"),
    path("handles/<str:slug>/clients/disconnect", handle_clients.disconnect, name="handle_client_disconnect"),
    # operations
    path("", home.home, name="home"),
    path("livez", home.livez),
    path("readyz", home.readyz),
    path("internal/tls-ask", home.tls_ask),
]

handler400 = "authserver.views.errors.bad_request"
handler403 = "authserver.views.errors.forbidden"
handler404 = "authserver.views.errors.not_found"
handler429 = "authserver.views.errors.too_many"
handler500 = "authserver.views.errors.server_error"
