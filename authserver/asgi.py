"""The ASGI entry: `granian --interface asgi authserver.asgi:application`. The door in front, Django behind it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
django.setup(set_prefix=False)

from authserver import chores  # noqa: E402  after the models are there
from authserver.door.application import Door  # noqa: E402

application = Door()
chores.start()
