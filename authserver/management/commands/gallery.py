"""`./dev manage gallery`: a photograph of every page, in every look that could break it, from a real browser."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

NEEDED = ("tests", "playwright")
PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "BRAND_", "SUPPORT_", "PRIVACY_", "TERMS_")


class Command(BaseCommand):
    help = "Photograph every page in light, dark, Arabic, on a phone, at 400 % zoom and without JavaScript."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, default=Path("var/gallery"), help="folder (default var/gallery)")
        parser.add_argument("--only", default="", metavar="NAME", help="scenes whose name matches this expression")

    def handle(self, *args: Any, **options: Any) -> None:
        """Hand over to tests/browser/gallery.py: it has a world and a server of its own, not this deployment's."""
        self._need_a_checkout()
        out = options["out"].absolute()
        command = [sys.executable, "-m", "tests.browser.gallery", "--out", str(out), "--only", options["only"]]
        # It chooses its own addresses, database and keys: only what starts a program is passed on.
        kept = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=kept)  # noqa: S603  a program of ours
        if done.returncode:
            raise CommandError("The gallery is not complete (see above).")
        self.stdout.write(f"Open {out / 'index.html'}")

    def _need_a_checkout(self) -> None:
        """Refuse where the scenes or the browser's driver are missing, with what to do."""
        os.chdir(settings.BASE_DIR)
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if "tests" in missing:
            raise CommandError("The gallery needs a checkout of the project: its scenes are in tests/browser.")
        if missing:
            raise CommandError("Playwright is missing. `./dev test --tier style` installs the test packages.")
