"""The account pages: django-allauth's, each behind our door, and switching the account."""

from allauth.account.urls import urlpatterns as allauth_patterns
from django.urls import URLPattern, path

from accounts import views
from accounts.doors import door

OURS_INSTEAD = {"account_reset_password": views.request_password_reset}

urlpatterns = [
    path("switch-account", door(views.switch_account), name="switch_account"),
    *(
        URLPattern(
            pattern.pattern, door(OURS_INSTEAD.get(pattern.name, pattern.callback)), pattern.default_args, pattern.name
        )
        for pattern in allauth_patterns
    ),
]
