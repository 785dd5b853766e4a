"""Migrate the database and load the demo world, in one process: starting Django twice costs a second."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
call_command("demo")
