"""Misconfiguration stops the start: `gatehouse.E…` are errors, with what to change. docs/operations.md lists them."""

from authserver.checks import deployment as deployment
from authserver.checks import resting as resting
from authserver.checks import secrets as secrets
