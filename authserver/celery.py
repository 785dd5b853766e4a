"""The Celery application: `celery -A authserver worker`, `celery -A authserver beat`."""

import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

from authserver import telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
app = Celery("authserver")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_logging(**_about: Any) -> None:
    """Let lines be as settings.LOGGING has them: Celery would put handlers of its own, which redact nothing."""


@signals.worker_process_init.connect
def start(**_about: Any) -> None:
    telemetry.start(traces=settings.OTEL_EXPORTER_OTLP_ENDPOINT, faults=settings.SENTRY_DSN)
