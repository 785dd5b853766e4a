from django.apps import AppConfig
from django.contrib.admin import apps as django_admin


class AdminConfig(django_admin.AdminConfig):
    """Django's admin, with our first page."""

    default = False  # it is named in INSTALLED_APPS
    default_site = "authserver.views.admin_site.Site"


class AuthserverConfig(AppConfig):
    default = True
    name = "authserver"
    verbose_name = "Authorization server"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from authserver import checks, tasks  # noqa: F401  (registers the system checks; the tasks, by their names)
        from authserver.protocol import names

        names.reserve(settings.BRAND_NAME)  # no client may pass for this server
