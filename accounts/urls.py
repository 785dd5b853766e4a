"""The account pages: django-allauth's, each behind our door, and those that it does not have."""

from allauth.account.urls import urlpatterns as allauth_patterns
from django.urls import URLPattern, path

from accounts import views
from accounts.doors import door

OURS_INSTEAD = {
    "account_reset_password": views.request_password_reset,
    "account_change_password": views.change_password,
}

urlpatterns = [
    path("switch-account", door(views.switch_account), name="switch_account"),
    path("sign-out-everywhere", door(views.sign_out_everywhere), name="sign_out_everywhere"),
    *(
        URLPattern(
            pattern.pattern, door(OURS_INSTEAD.get(pattern.name, pattern.callback)), pattern.default_args, pattern.name
        )
        for pattern in allauth_patterns
    ),
]
