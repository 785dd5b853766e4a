"""Reads client ids as JSON; prints how many of them have no live connection."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from authserver.models import Connection  # noqa: E402  (models cannot be imported before the set-up)

allowed = set(json.load(sys.stdin))
live = set(Connection.objects.filter(ended_at=None).values_list("client__client_id", flat=True))
print(len(allowed - live))
