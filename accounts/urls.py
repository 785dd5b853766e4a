"""The account pages: django-allauth's, each behind our door, and those that it does not have."""

from collections.abc import Iterable

from allauth.urls import urlpatterns as allauth_patterns
from django.urls import URLPattern, URLResolver, path

from accounts import recent, upstream
from accounts.doors import View, door
from accounts.views import entering, factors, passwords, personal_data, profile, sessions

OURS_INSTEAD = {
    "account_change_password": passwords.change_password,
    "account_signup": entering.sign_up,
    "account_signup_by_passkey": entering.sign_up_by_passkey,
    "account_email_verification_sent": entering.confirm_address,
    "account_confirm_login_code": entering.confirm_sign_in,
    "mfa_index": factors.index,
    "mfa_list_webauthn": factors.index,
    "mfa_authenticate": factors.second_step,
    "mfa_view_recovery_codes": factors.recovery_codes,
    "mfa_remove_webauthn": factors.remove_passkey,
    "mfa_activate_totp": factors.add_app,
    "mfa_deactivate_totp": factors.remove_app,
    "mfa_signup_webauthn": entering.offer_passkey,
    "usersessions_list": sessions.sessions,
    "openid_connect_login": upstream.start,
}
# Dangerous acts that do not ask for a password themselves.
WANT_RECENT = {
    "account_set_password",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_view_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_generate_recovery_codes",
}
WANT_RECENT_TO_POST = {"account_email", "socialaccount_connections"}
# The addresses of allauth's first releases.
NOT_OFFERED = ("social/",)


def behind_door(patterns: Iterable[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return these patterns with every view behind our door, and ours in the place of some."""
    found: list[URLPattern | URLResolver] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found.append(URLResolver(pattern.pattern, behind_door(pattern.url_patterns)))
        elif not str(pattern.pattern).startswith(NOT_OFFERED):
            found.append(URLPattern(pattern.pattern, view_of(pattern), pattern.default_args, pattern.name))
    return found


def view_of(pattern: URLPattern) -> View:
    name = pattern.name or ""
    view: View = OURS_INSTEAD.get(name, pattern.callback)
    if name in WANT_RECENT:
        view = recent.required(view)
    if name in WANT_RECENT_TO_POST:
        view = recent.required_to_post(view)
    if name == "openid_connect_callback":
        view = upstream.guarded(view)
    return door(view)


urlpatterns = [
    path("profile", door(profile.profile), name="account_profile"),
    path("language", door(profile.language), name="account_language"),
    path("switch-account", door(sessions.switch_account), name="switch_account"),
    path("sign-in-again", door(sessions.sign_in_again), name="sign_in_again"),
    path("sign-out-everywhere", door(sessions.sign_out_everywhere), name="sign_out_everywhere"),
    path("your-data", door(personal_data.your_data), name="account_data"),
    path("your-data/download", door(personal_data.download), name="account_data_download"),
    path("delete", door(personal_data.delete_account), name="account_delete"),
    *behind_door(allauth_patterns),
]
