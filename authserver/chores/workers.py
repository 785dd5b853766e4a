"""What a process that does tasks does beside them: it tells of traces and errors, and writes down what it counted.

Named in settings.CELERY_IMPORTS, so that every worker reads it, and nobody else.
"""

from typing import Any

from celery import signals
from django.conf import settings

from authserver import telemetry
from authserver.chores import WRITTEN_DOWN, Rounds, stop

_rounds: list[Rounds] = []


@signals.worker_process_init.connect
def start(**_about: Any) -> None:
    """Begin, in each process after it was forked: threads do not go along."""
    telemetry.start(traces=settings.OTEL_EXPORTER_OTLP_ENDPOINT, faults=settings.SENTRY_DSN)
    _rounds[:] = [Rounds(name, every, act) for name, every, act in WRITTEN_DOWN]
    for each in _rounds:
        each.start()


@signals.worker_process_shutdown.connect
def end(**_about: Any) -> None:
    stop(_rounds)
