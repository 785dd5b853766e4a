from django.apps import AppConfig


class AuthserverConfig(AppConfig):
    name = "authserver"
    verbose_name = "Authorization server"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from authserver import checks, tasks  # noqa: F401  (registers the system checks; the tasks, by their names)
        from authserver.protocol import names

        names.reserve(settings.BRAND_NAME)  # no client may pass for this server
