"""The Celery application: `celery -A authserver worker`, `celery -A authserver beat`."""

import logging
import os
from typing import Any

import celery
from celery import signals
from celery.exceptions import Ignore

from authserver.telemetry import logs, runs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")


class Task(celery.Task):  # type: ignore[misc]  # Celery is not typed
    """A task, which begins only where this process' clock is right: purges would remove what is alive. Its runs are
    counted and traced, as part of the request that asked for it where one did."""

    def apply_async(self, *args: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        return super().apply_async(*args, headers=runs.onward() | (headers or {}), **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from authserver.services.operations import clocks  # models are not there yet where this module is read

        if not clocks.may_work():
            raise Ignore()
        # Without a message it is called by the chores, or by the request that would have sent one.
        asked = None if self.request.is_eager else self.request.headers
        with runs.of(self.name, asked):
            return super().__call__(*args, **kwargs)


app = celery.Celery("authserver", task_cls=Task)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_logging(**_about: Any) -> None:
    """Let lines be as settings.LOGGING has them: Celery would put handlers of its own, which redact nothing."""
    logging.getLogger("celery.app.trace").addFilter(logs.of_failed_task)
