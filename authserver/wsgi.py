"""The WSGI entry: `granian --interface wsgi authserver.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
application = get_wsgi_application()

from authserver import chores  # noqa: E402  after the models are there

chores.start()
