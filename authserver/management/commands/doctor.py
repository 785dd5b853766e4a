"""`manage.py doctor`: the doctor of this server's own addresses, by hand."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authserver import policy
from authserver.models import DoctorReport
from authserver.services.batches import Pace
from authserver.services.endpoints import nightly, places, reports, walks
from gatehouse.doctor.report import PROFILES
from gatehouse.doctor_command import lines
from handles import access
from handles.models import Handle

HOUR = 3600


class Command(BaseCommand):
    help = (
        "Walk to MCP addresses as a client does, and tell at each step what is wrong and what to do about it. Without "
        "--handle: what the task of the night does, for whatever is due."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--handle", help="every address of this handle, and the gateway")
        parser.add_argument("--as", dest="profile", choices=PROFILES, help="as this client (with --handle)")
        parser.add_argument("--verbose", action="store_true", help="what was sent and what came back at every step")
        parser.add_argument("--seconds", type=int, default=HOUR, help="begin nothing new after this long")

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk, keep the reports, print them. Fails where a walk did."""
        if options["handle"] is None:
            if options["profile"]:
                raise CommandError("--as needs --handle: the night walks as any client.")
            self._night(options["seconds"])
            return
        handle = access.find(options["handle"])
        if handle is None:
            raise CommandError("There is no such handle.")
        self._one(handle, options["profile"] or walks.GENERIC, verbose=options["verbose"])

    def _one(self, handle: Handle, profile: str, *, verbose: bool) -> None:
        found, now = places.of_handle(handle), timezone.now()
        walked = walks.side_by_side(found, profile=profile, seconds=policy.ENDPOINT_NIGHTLY_WALK_SECONDS)
        for place, report in zip(found, walked, strict=True):
            reports.keep(place, report, now=now)
            self.stdout.write(lines(report, verbose=verbose))
        if not all(report.ok for report in walked):
            raise CommandError("There is something to mend.")

    def _night(self, seconds: int) -> None:
        now = timezone.now()
        walked = nightly.run(now=now, pace=Pace(timedelta(seconds=seconds)))
        failing = DoctorReport.objects.filter(ok=False, at__gte=now).order_by("code", "url")
        for row in failing:
            self.stdout.write(f"✗ {row.url}: {row.step}, {row.code}")
        self.stdout.write(f"{walked} addresses walked to, {len(failing)} of them fail.")
        if failing:
            raise CommandError("There is something to mend. --handle tells what.")
