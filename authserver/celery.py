"""The Celery application: `celery -A authserver worker`, `celery -A authserver beat`."""

import os
from typing import Any

from celery import Celery, Task, signals
from celery.exceptions import Ignore
from django.conf import settings

from authserver import telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")


class TimedTask(Task):  # type: ignore[misc]  # Celery is not typed
    """A task, which begins only where this process' clock is right: purges would remove what is alive."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from authserver.services.operations import clocks  # models are not there yet where this module is read

        if not clocks.may_work():
            raise Ignore()
        return super().__call__(*arguments, **named)


app = Celery("authserver", task_cls=TimedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_logging(**_about: Any) -> None:
    """Let lines be as settings.LOGGING has them: Celery would put handlers of its own, which redact nothing."""


@signals.worker_process_init.connect
def start(**_about: Any) -> None:
    telemetry.start(traces=settings.OTEL_EXPORTER_OTLP_ENDPOINT, faults=settings.SENTRY_DSN)
