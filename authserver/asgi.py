"""The ASGI application: Django's pages and endpoints. `authserver.serve` puts the door in front of it; any other ASGI
server runs it too, without the door, at the speed of Django."""

import gc
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from authserver import chores, telemetry  # noqa: E402  after the models are there
from authserver.door.pages import Pages  # noqa: E402
from authserver.door.protocol import DoorProtocol as DoorProtocol  # noqa: E402  (serve finds it behind the setup)

telemetry.start(traces=settings.OTEL_EXPORTER_OTLP_ENDPOINT, faults=settings.SENTRY_DSN)
application = Pages(at_end=chores.start())
sys.setswitchinterval(0.001)  # the event loop does not wait long for a thread that makes a page or writes marks
gc.collect()
gc.freeze()  # what is loaded by now stays: the collector need not look at it again
gc.set_threshold(10_000, 20, 50)  # a batch makes thousands of short-lived tuples; it is no reason to look for cycles
