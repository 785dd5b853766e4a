"""The WSGI application, for other servers than ours: everything works, without the door and its speed."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402

from authserver import chores, telemetry  # noqa: E402  after the models are there

telemetry.start(traces=settings.OTEL_EXPORTER_OTLP_ENDPOINT, faults=settings.SENTRY_DSN)
chores.start()
