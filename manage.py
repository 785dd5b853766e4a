#!/usr/bin/env python3
"""Run a Django command: `./dev manage COMMAND` calls this in the right environment."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        [line, *_] = str(error).splitlines() or [""]
        sys.exit(f"The database cannot be used: {line}\nDATABASE_URL says where it is, `migrate` makes its tables.")
